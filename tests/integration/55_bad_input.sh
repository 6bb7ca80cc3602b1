#!/usr/bin/env bash
# Bad input to the programs that work on the database: each time the exit code, one clear sentence, and nothing that is
# stored has changed. What CSV, URL, spec and request may hold is in 10_data_fetch.sh, 40_model_api.sh, tests/cases and
# tests/unit; a connection cut at COMMIT in 56_cut_at_commit.sh.

# A full disk is a small one of our own, so it takes a mount that nobody else sees and that goes with this script.
if [ -z "${OWN_MOUNTS:-}" ] && unshare -m mount -t tmpfs none /mnt 2>/dev/null; then
	OWN_MOUNTS=1 exec unshare -m -- "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

export GREEN_ML_REGISTER=$BIN/register DB_CONNECT_TRIES=1 DATA_ROOT=$TMP LOG_LEVEL=info
cd "$TMP"
cat >toy.json <<'JSON'
{"name": "toy", "id": "id", "label": {"column": "y", "type": "category"}, "forest": {"trees": 5},
 "features": [{"column": "a", "type": "integer"}, {"column": "c", "type": "category"}],
 "retrain": {"min_rows": 10, "min_new_rows": 10}}
JSON
rows() { # FIRST LAST
	awk -v first="$1" -v last="$2" 'BEGIN { print "id,y,a,c"
		for (i = first; i <= last; i++) printf "r%d,%s,%d,%s\n", i, i % 3 ? "yes" : "no", i % 7, i % 2 ? "red" : "green" }'
}
rows 1 300 >1.csv
rows 301 600 >2.csv
rows 601 30000 >many.csv
jq '.forest.seed = 1' toy.json >seed.json

postgres_start
green_ml_database bad --pipeline toy.json >migrate.log 2>&1 || { cat migrate.log; exit 1; }
fetch() { as "${ROLE:-loader}" timeout 30 "$BIN/data-fetch" --pipeline "${SPEC:-toy.json}" "$@"; }
prep() { as "${ROLE:-preprocessor}" timeout 30 "$BIN/preprocessing" --pipeline "${SPEC:-toy.json}" "$@"; }
train() { as "${ROLE:-trainer}" timeout 30 "$BIN/model-training" --threads 1 --pipeline "${SPEC:-seed.json}" "$@"; }
tick() {
	as "${ROLE:-scheduler}" timeout 30 "$BIN/scheduler" run --pipeline "${SPEC:-toy.json}" --via command --command true \
		--carbon list:2023-11-14T00:00:00Z/P1D:282 "$@"
}
# Each program has something to do: a file to load, a load to preprocess, another seed to train, rows to judge the champion by.
fetch --csv 1.csv >/dev/null 2>&1
prep >/dev/null 2>&1
train --pipeline toy.json >/dev/null 2>&1
fetch --csv 2.csv >/dev/null 2>&1
declare -A WORK=([data-fetch]="fetch --csv many.csv" [preprocessing]=prep [model-training]=train [scheduler]=tick)

# Everything that is stored but run rows and what is kept about failed loads, as one checksum, and how many runs are open.
facts() {
	sql "SELECT md5(string_agg(query_to_xml(format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS sum FROM %I.%I AS t %s',
			schemaname, tablename, CASE tablename WHEN 'load' THEN 'WHERE state = ''done''' END), true, true, '')::text,
			'' ORDER BY schemaname, tablename)),
			(SELECT count(*) FROM green_ml.run WHERE state = 'running')
		FROM pg_tables WHERE schemaname IN ('green_ml', 'green_ml_data') AND tablename NOT IN ('run', 'rejected_row')"
}
# What was stored before is looked up unless BEFORE holds it.
refused() { # DESC CODE MESSAGE COMMAND...
	local desc=$1 code=$2 message=$3 before=${BEFORE:-$(facts)}
	shift 3
	exits "$desc" "$code" "$@"
	like "$desc: says so" "$(grep level=error "$ERR" | tail -n 1)" "$message"
	is "$desc: in one sentence" "$(grep -c level=error "$ERR" || :)" 1
	is "$desc: what is stored stands, no run is left open" "$(facts)" "$before"
}
each() { # DESC CODE MESSAGE [NAME=VALUE]...: the same with each of the four programs
	local name desc=$1 code=$2 message=$3 BEFORE
	BEFORE=$(facts)
	shift 3
	for name in ${PROGRAMS:-data-fetch preprocessing model-training scheduler}; do
		refused "$name, $desc" "$code" "$message" with "$* " ${WORK[$name]}
	done
}
with() { # "NAME=VALUE... " FUNCTION...
	local settings=$1 setting
	shift
	(for setting in $settings; do export "${setting//,/ }"; done; "$@")
}

# --- the server, the way in ------------------------------------------------------------------------------------
each "the database away" 75 'could not connect to the database: .*No such file' PGHOST=$TMP
exits "it is tried as often as it was asked for" 75 with "PGHOST=$TMP DB_CONNECT_TRIES=2 " prep
is "with a warning for each time but the last" "$(grep -c 'level=warning.* attempt=' "$ERR")" 1
each "no such database" 1 'database \\"nowhere\\" does not exist' PGDATABASE=nowhere
each "a role that is not there" 1 'role \\"green_ml_nobody\\" does not exist' ROLE=nobody
{ echo "local all green_ml_loader,green_ml_preprocessor,green_ml_trainer,green_ml_scheduler,green_ml_api scram-sha-256" &&
	cat "$POSTGRES_DIR/data/pg_hba.conf"; } >hba
cp "$POSTGRES_DIR/data/pg_hba.conf" trust
cat hba >"$POSTGRES_DIR/data/pg_hba.conf"
sql "SELECT pg_reload_conf()" >/dev/null
asks() { ! as loader psql -XAtqwc 'SELECT 1'; }
wait_for 5 asks
for role in loader preprocessor trainer scheduler api; do
	sql "SET password_encryption = 'scram-sha-256'; ALTER ROLE green_ml_$role PASSWORD 's3cret'"
done
each "a wrong password" 1 'password authentication failed for user' DB_PASS=wr0ng
unlike "which is not shown" "$(cat "$ERR")" 'wr0ng'
each "no password" 1 'no password supplied'
cat trust >"$POSTGRES_DIR/data/pg_hba.conf"
sql "SELECT pg_reload_conf()" >/dev/null
wait_for 5 as loader psql -XAtqwc 'SELECT 1'

# --- what the server lets them do --------------------------------------------------------------------------------
sql "ALTER DATABASE bad SET default_transaction_read_only = on"
each "read-only" 1 'could not (open a run|store the decision): database: cannot execute INSERT in a read-only transaction .SQLSTATE 25006'
PGDATABASE=postgres sql "ALTER DATABASE bad RESET default_transaction_read_only"
each "a role that may only read" 1 'permission denied for table (run|training_plan) .SQLSTATE 42501' ROLE=metrics
ROLE=loader refused "model-training as the loader" 1 'permission denied for .*SQLSTATE 42501' train
ROLE=api refused "data-fetch as model-api" 1 'permission denied for .*SQLSTATE 42501' fetch --csv many.csv
ROLE=trainer refused "preprocessing as the trainer" 1 'permission denied for .*SQLSTATE 42501' prep
ROLE=loader refused "the scheduler as the loader" 1 'permission denied for .*SQLSTATE 42501' tick
locked() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]; }
background holder psql -Xqc "BEGIN; LOCK TABLE green_ml_data.toy, green_ml_data.toy_cell, green_ml.training_plan, green_ml.promotion
	IN EXCLUSIVE MODE; SELECT pg_sleep(60)"
wait_for 10 locked
for name in data-fetch preprocessing model-training; do
	refused "$name, a lock that nobody lets go" 75 'canceling statement due to lock timeout .SQLSTATE 55P03' \
		with "PGOPTIONS=-c,lock_timeout=200ms " ${WORK[$name]}
done
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null

# --- a full disk -------------------------------------------------------------------------------------------------
full() { # TABLE: the rest of it goes where there is no room
	rm -f /mnt/rest
	sql "ALTER TABLE $1 SET TABLESPACE tiny"
	head -c 32M /dev/zero >/mnt/rest 2>/dev/null || :
}
if [ -n "${OWN_MOUNTS:-}" ] && mount -t tmpfs -o size=16m none /mnt 2>/dev/null; then
	# The server stands in the mounts of this script.
	mkdir /mnt/tablespace
	chown "$(postgres_exec id -u)" /mnt/tablespace
	sql "CREATE TABLESPACE tiny LOCATION '/mnt/tablespace'"
	disk='No space left on device .SQLSTATE 53100'
	full green_ml_data.toy
	refused "data-fetch, disk full" 1 "could not store the rows: .*$disk" fetch --csv many.csv
	is "the run and the load read failed" "$(sql "SELECT r.state, l.state FROM green_ml.run r JOIN green_ml.load l USING (run_id)
		ORDER BY run_id DESC LIMIT 1")" "failed|failed"
	rm -f /mnt/rest
	sql "ALTER TABLE green_ml_data.toy SET TABLESPACE pg_default"
	exits "with room again it is loaded" 0 fetch --csv many.csv
	full green_ml_data.toy_cell
	refused "preprocessing, disk full" 1 "$disk" prep
	sql "ALTER TABLE green_ml_data.toy_cell SET TABLESPACE pg_default"
	exits "with room again it is done" 0 prep
	jq '.forest.trees = 300' toy.json >large.json
	# The plan is stored before the training: the next try finds it.
	train --pipeline large.json --plan >/dev/null 2>&1
	full green_ml.model
	refused "model-training, disk full" 1 "$disk" train --pipeline large.json
	sql "ALTER TABLE green_ml.model SET TABLESPACE pg_default"
	exits "with room again it trains" 0 train --pipeline large.json
	umount -l /mnt
else
	skip "a full disk" "no file system can be mounted here"
fi

# --- specs -------------------------------------------------------------------------------------------------------
jq '.name = "absent" | .source = "toy"' toy.json >absent.json
# data-fetch needs the source only: another name for a spec shares it.
PROGRAMS="preprocessing model-training scheduler" each "a pipeline that is not registered" 2 'database/migrate' SPEC=absent.json
jq '.name = "absent" | .source = "absent"' toy.json >absent.json
each "a source that is not registered" 2 'database/migrate' SPEC=absent.json
jq '.features[0].type = "real"' toy.json >changed.json
# Rows are stored as text and checked by what is registered, so that data-fetch has no use for a type.
PROGRAMS="preprocessing model-training scheduler" each "columns that are not the registered ones" 2 'database/migrate' SPEC=changed.json
jq '.features += [{"column": "new", "type": "integer"}]' toy.json >more.json
each "a column more" 2 'database/migrate' SPEC=more.json
jq '.fortest = 1' toy.json >key.json
each "a key that no spec has" 2 'key.json.*fortest' SPEC=key.json
each "a spec that is not there" 2 'none.json.*No such file' SPEC=none.json

# --- rows that nothing can be learnt from ----------------------------------------------------------------------------
pipeline() { # NAME: its own source, its CSV from stdin, loaded and preprocessed
	cat >"$1.csv"
	jq --arg name "$1" '.name = $name' toy.json >"$1.json"
	as owner "$ROOT/database/migrate" --pipeline "$1.json" >/dev/null
	SPEC=$1.json fetch --csv "$1.csv" >/dev/null 2>&1
	SPEC=$1.json prep >/dev/null 2>&1
}
echo id,y,a,c | pipeline none
SPEC=none.json refused "no row at all" 3 'no row to train on: load data and run preprocessing' train
rows 1 60 | sed 's/,no,/,yes,/' | pipeline single
SPEC=single.json refused "one label only" 3 'training rows have the label \\"yes\\" in column \\"y\\"' train
rows 1 60 | sed 's/,\(yes\|no\),/,NA,/' | pipeline missing
SPEC=missing.json refused "no row with a label" 3 'no row to train on' train
rows 1 12 | awk -F, -v OFS=, 'NR > 1 { $2 = "y" NR } { print }' | pipeline distinct
SPEC=distinct.json exits "a label of its own for each row" 0 train --json
is "is trained on, since each of the few training rows is one" "$(jq .classes "$OUT")" \
	"$(sql 'SELECT count(*) FROM green_ml_data.distinct_prep WHERE NOT _holdout')"
id=$(for ((i = 1; ; i++)); do case $(printf 'held\0r%d' "$i" | sha256sum) in [0-2]*) echo "$i" && break ;; esac; done)
rows "$id" "$id" | pipeline held
SPEC=held.json refused "no row outside of the holdout" 3 'row' train

# --- the model in the table ----------------------------------------------------------------------------------------
not_ok "an append-only table refuses a change" sql "UPDATE green_ml.model SET bytes = ''"
model=$(sql "SELECT model_id FROM green_ml.champion WHERE pipeline = 'toy'")
sql "ALTER TABLE green_ml.model DISABLE TRIGGER USER;
	CREATE TABLE public.intact AS SELECT bytes FROM green_ml.model WHERE model_id = $model;
	UPDATE green_ml.model SET bytes = set_byte(bytes, 100, get_byte(bytes, 100) # 1) WHERE model_id = $model"
damaged="could not read model $model: its stored bytes have sha256 [0-9a-f]{64}, recorded is [0-9a-f]{64}: promote an intact model"
rows 40000 40400 >3.csv
fetch --csv 3.csv >/dev/null 2>&1
prep >/dev/null 2>&1
jq '.forest.seed = 2' toy.json >seed.json
train --plan >/dev/null 2>&1
refused "the champion's bytes corrupted: model-training" 1 "$damaged" train
refused "the champion's bytes corrupted: --export" 1 "$damaged" train --export x.bin
not_ok "leaves no file" compgen -G "x.bin*"
refused "the champion's bytes corrupted: the scheduler" 1 "$damaged" tick
api() { # NAME
	rm -f "$1.port"
	background "$1" as api "$BIN/model-api" --host 127.0.0.1 --port 0 --port-file "$1.port" --poll-s 0.2 --drain-s 0
	wait_for 10 test -s "$1.port"
	URL=http://127.0.0.1:$(cat "$1.port")
}
predict() {
	curl -s -m 20 -w ' %{http_code}' "$URL/predict" -H 'Content-Type: application/json' -d '{"row":[3,"red"],"pipeline":"toy"}' | tr -d '\n'
}
api one
one=$PID
ok "model-api says so too" wait_for 10 grep -Eq "champion refused.*model=$model.*sha256|champion refused.*model_id=$model.*sha256|$damaged" one.err
like "and answers 503" "$(predict)" '^\{"error":"no model to serve.*\} 503$'
sql "UPDATE green_ml.model SET bytes = (SELECT bytes FROM public.intact) WHERE model_id = $model; ALTER TABLE green_ml.model
	ENABLE TRIGGER USER"
serves() { [[ $(predict) == *'"prediction"'*' 200' ]]; }
sql "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) SELECT pipeline_id, model_id, 'test' FROM green_ml.model
	WHERE model_id = $model"
ok "until an intact model is promoted" wait_for 10 serves
exits "the scheduler works again too" 0 tick
exits "and model-training" 0 train

# --- a body of a gigabyte ------------------------------------------------------------------------------------------
rss_kb() { awk '/^VmHWM/ { print $2 }' "/proc/$one/status"; }
before=$(rss_kb)
is "1 GB that is announced" "$(curl -s -m 20 -o /dev/null -w '%{http_code}' "$URL/predict" -H 'Content-Type: application/json' \
	-H 'Content-Length: 1000000000' -H 'Expect:' -d '{"row":[' || :)" 413
code=$(head -c 1000000000 /dev/zero | curl -s -m 20 -o /dev/null -w '%{http_code}' "$URL/predict" -H 'Content-Type: application/json' \
	-H 'Expect:' -T - -X POST 2>/dev/null || :)
like "1 GB in chunks is refused or cut off" "$code" '^(413|000)$'
ok "it took no memory to speak of" test $(($(rss_kb) - before)) -lt 16384
ok "and the server answers" serves

# --- files ---------------------------------------------------------------------------------------------------------
{ echo id,y,a,c && printf 'z1,yes,1,' && head -c 10M /dev/zero | tr '\0' x && echo && echo z2,yes,1,red; } >line.csv
refused "a line of 10 MB" 3 'line 2: ' fetch --csv line.csv
if [ "$(id -u)" = 0 ]; then
	rows 1 5 >closed.csv
	chmod 000 closed.csv
	chmod 755 "$POSTGRES_DIR"
	refused "a CSV that may not be read" 1 'closed.csv.*Permission denied' as loader setpriv --bounding-set=-dac_override,-dac_read_search \
		--inh-caps=-dac_override,-dac_read_search "$BIN/data-fetch" --pipeline toy.json --csv closed.csv
else
	skip "a CSV that may not be read" "not needed: only root can change its own rights here"
fi
plan_done
