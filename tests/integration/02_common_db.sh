#!/usr/bin/env bash
# What the programs share about the database (common/db.h, run.h, registry.h), against a real server: db_probe.c tries it.
. "$(dirname "$0")/lib.sh"
PROBE=$BIN/db_probe
[ -x "$PROBE" ] || skip_all "db_probe is not built"
command -v python3 >/dev/null || skip_all "python3 is not installed"

cat >"$TMP/probe.json" <<'JSON'
{"name": "probe", "id": "id", "label": {"column": "y", "type": "category"}, "features": [
	{"column": "a", "type": "integer"}, {"column": "r", "type": "real"}, {"column": "t", "type": "category"}]}
JSON
postgres_start
export GREEN_ML_REGISTER=$BIN/register
green_ml_database probe --pipeline "$TMP/probe.json" >"$TMP/migrate.out"
export DB_CONNECT_TRIES=1

probe() {
	"$PROBE" "$@"
}
log_has() { # DESC REGEX
	like "$1" "$(cat "$ERR")" "$2"
}

# --- connecting ------------------------------------------------------------------------------------------------
exits "it connects" 0 probe query "SELECT current_database(), current_user"
is "to the database of PGDATABASE" "$(cat "$OUT")" "probe|postgres"
probe query "SELECT current_setting('application_name'), current_setting('search_path'), current_setting('TimeZone'),
	current_setting('lock_timeout'), current_setting('client_connection_check_interval')" >"$OUT"
is "with the settings of every session" "$(cat "$OUT")" "db_probe|pg_catalog|UTC|2min|500ms"
exits "PGOPTIONS are added to them" 0 env PGOPTIONS="-c lock_timeout=7s" "$PROBE" query "SELECT current_setting('lock_timeout')"
is "and win" "$(cat "$OUT")" "7s"
exits "PGOPTIONS that do not fit are refused, not cut" 2 env PGOPTIONS="$(printf ' %.0s' {1..2000})" "$PROBE" query "SELECT 1"

exits "a setting in them that the server does not know is no reason to try again" 2 env DB_CONNECT_TRIES=3 \
	PGOPTIONS="-c no_such_setting=1" "$PROBE" query "SELECT 1"
log_has "and what to do is said" 'unrecognized configuration parameter .*no_such_setting.*: take that setting out of .*PGOPTIONS'
is "at once" "$(grep -c 'level=warning' "$ERR" || :)" 0
exits "nor is one that this user may not change" 2 env DB_CONNECT_TRIES=3 PGUSER=green_ml_owner \
	PGOPTIONS="-c log_statement=all" "$PROBE" query "SELECT 1"
log_has "which is named" 'permission denied to set parameter .*log_statement.*PGOPTIONS'
exits "nor one that only a restart changes" 2 env DB_CONNECT_TRIES=3 PGOPTIONS="-c shared_buffers=1MB" "$PROBE" query "SELECT 1"
exits "nor a wrong value" 2 env DB_CONNECT_TRIES=3 PGOPTIONS="-c work_mem=much" "$PROBE" query "SELECT 1"

exits "a database that is not there is no reason to try again" 1 env PGDATABASE=nowhere "$PROBE" query "SELECT 1"
log_has "and named" 'could not connect to the database: .*database ..nowhere.. does not exist'
exits "nor is an unknown user" 1 env PGUSER=nobody_here "$PROBE" query "SELECT 1"
log_has "and named" 'role ..nobody_here.. does not exist'
exits "nor is a setting that libpq does not understand" 2 env PGPORT=http "$PROBE" query "SELECT 1"
log_has "and named" 'invalid .*http'
exits "a server that is away may come" 75 env PGHOST="$TMP" "$PROBE" query "SELECT 1"
log_has "and is named" "could not connect to the database: .*$TMP"
exits "a port that nobody listens on too" 75 env PGHOST=127.0.0.1 PGPORT="$(free_port)" "$PROBE" query "SELECT 1"
exits "it is tried as often as DB_CONNECT_TRIES says" 75 env DB_CONNECT_TRIES=3 PGHOST="$TMP" "$PROBE" query "SELECT 1"
is "with a warning for each time but the last" "$(grep -c 'level=warning.* attempt=' "$ERR")" 2
exits "DB_CONNECT_TRIES must be a number" 2 env DB_CONNECT_TRIES=often "$PROBE" query "SELECT 1"
log_has "and is named" 'DB_CONNECT_TRIES is ..often..'

exits "DB_HOST, DB_NAME and DB_USER win over PG*" 0 env DB_HOST="$PGHOST" DB_NAME=postgres DB_USER=green_ml_owner \
	PGHOST=/nowhere PGDATABASE=nowhere PGUSER=nobody "$PROBE" query "SELECT current_database(), current_user"
is "each of them" "$(cat "$OUT")" "postgres|green_ml_owner"
exits "empty ones are not given" 0 env DB_HOST= DB_NAME= DB_USER= DB_PASS= DB_PASS_FILE= "$PROBE" query "SELECT current_user"
is "so that PG* holds" "$(cat "$OUT")" "postgres"

sql "SET password_encryption = 'scram-sha-256'; CREATE ROLE probe_login LOGIN PASSWORD 's3cret'"
{ echo "local all probe_login scram-sha-256" && cat "$POSTGRES_DIR/data/pg_hba.conf"; } >"$TMP/hba"
cat "$TMP/hba" >"$POSTGRES_DIR/data/pg_hba.conf"
sql "SELECT pg_reload_conf()" >"$OUT"
login() { # NAME=VALUE...
	env DB_USER=probe_login "$@" "$PROBE" query "SELECT current_user"
}
asks_password() {
	! login DB_PASS=wrong
}
wait_for 5 asks_password
exits "a password by DB_PASS" 0 login DB_PASS=s3cret
printf 's3cret\n' >"$TMP/password"
exits "or by a file" 0 login DB_PASS_FILE="$TMP/password"
exits "that an empty DB_PASS does not hide" 0 login DB_PASS= DB_PASS_FILE="$TMP/password"
printf 's3cret\r\n' >"$TMP/password"
exits "with any line end" 0 login DB_PASS_FILE="$TMP/password"
exits "or by PGPASSWORD" 0 login PGPASSWORD=s3cret
exits "a wrong one is no reason to try again" 1 login DB_PASS=wr0ng
log_has "and said" 'password authentication failed'
unlike "but not shown" "$(cat "$ERR")" 'wr0ng'
exits "no password neither" 1 login
exits "a password file that is not there is a wrong setting" 2 login DB_PASS_FILE="$TMP/away"
log_has "and named" 'could not open file .*/away.*DB_PASS_FILE'
exits "a folder as password file too" 2 login DB_PASS_FILE="$TMP"
head -c 5000 /dev/zero | tr '\0' x >"$TMP/long"
exits "a file that is too long is not cut" 2 login DB_PASS_FILE="$TMP/long"
printf 's3\0cret' >"$TMP/binary"
exits "a binary one neither" 2 login DB_PASS_FILE="$TMP/binary"
sql "ALTER ROLE probe_login CONNECTION LIMIT 0"
exits "too many connections: one may become free" 75 login DB_PASS=s3cret
sql "ALTER ROLE probe_login NOLOGIN"
exits "a role that may not log in will not" 1 login DB_PASS=s3cret

# --- statements ------------------------------------------------------------------------------------------------
for state in 40001 40P01 55P03 57P01 57P02 57P03 53300 08000 08006; do
	exits "SQLSTATE $state may succeed the next time" 75 probe query "DO \$\$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$state'; END \$\$"
done
for state in 57014 23505 42501 22P02 P0001 53100 40002; do
	exits "SQLSTATE $state will not" 1 probe query "DO \$\$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$state'; END \$\$"
	is "and can be asked for" "$(cat "$OUT")" "sqlstate=$state"
done
exits "a syntax error is one line" 1 probe query $'SELECT\n1 +\nFROM x'
is "of the log" "$(wc -l <"$ERR")" 1
log_has "with the message and the SQLSTATE" 'could not try: database: syntax error at or near ..FROM.. \(SQLSTATE 42601\)'
exits "notices of the server" 0 probe query "DO \$\$ BEGIN RAISE WARNING E'careful\n now'; END \$\$"
log_has "are lines of the log" '^time=.* level=warning program=db_probe msg="the database says" notice="WARNING:  careful  now'
is "and nothing else" "$(wc -l <"$ERR")" 1
exits "values of all types" 1 probe values
is "arrive as they left" "$(cat "$OUT")" \
	"a'b\\ö|null|-2147483648|-9223372036854775808|0.10000000000000001|1|0|2023-11-14 09:00:00.25+00|0|3:00ff41"
log_has "and an unknown type is refused" 'is no type of a statement'

# --- transactions and COPY ----------------------------------------------------------------------------------------
sql "CREATE SCHEMA probe; CREATE TABLE probe.item (item_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
	CREATE TABLE probe.part (item_id int REFERENCES probe.item DEFERRABLE INITIALLY DEFERRED);
	CREATE TABLE probe.number (n int);
	CREATE FUNCTION probe.cut() RETURNS trigger LANGUAGE plpgsql AS
		\$\$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END \$\$;
	CREATE TABLE probe.bomb (n int);
	CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON probe.bomb DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION probe.cut()"
exits "a transaction" 0 probe commit "INSERT INTO probe.item (name) VALUES ('one')"
is "is there" "$(sql "SELECT name FROM probe.item")" one
exits "one that failed before is not committed" 1 probe commit "INSERT INTO probe.item (name) VALUES ('two')" "SELECT 1/0" "SELECT 1"
log_has "which is said" 'the transaction had failed and was rolled back'
like "and the connection is usable" "$(cat "$OUT")" '^usable'
exits "one that the commit refuses" 1 probe commit "INSERT INTO probe.part VALUES (77)"
log_has "is said to be gone" 'nothing was committed: database: .*foreign key.*23503'
like "and the connection is usable" "$(cat "$OUT")" '^usable'
exits "a commit whose answer is lost" 75 probe commit "INSERT INTO probe.bomb VALUES (1)"
log_has "is said to be unknown" 'it is unknown whether the work was committed, a rerun finds out: lost the database connection'
exits "a connection lost within a transaction" 75 probe query "SELECT pg_terminate_backend(pg_backend_pid())"
log_has "is said" 'lost the database connection: .*terminating connection'
is "only the first of all these is stored" "$(sql "SELECT count(*) FROM probe.item")$(sql "SELECT count(*) FROM probe.bomb")" 10

copy_in() { # LINES WORD...
	printf "$1" | probe copy-in "${@:2}"
}
exits "COPY in" 0 copy_in '1\n2\n3\n' "COPY probe.number FROM STDIN"
is "counts its rows" "$(cat "$OUT")" $'rows=3 sqlstate=\nusable sqlstate='
exits "a row that the server refuses" 1 copy_in '4\nx\n5\n' "COPY probe.number FROM STDIN"
is "leaves the connection usable" "$(cat "$OUT")" $'rows=-1 sqlstate=22P02\nusable sqlstate='
log_has "and is named" 'invalid input syntax for type integer: ..x..'
exits "a COPY that is abandoned" 0 copy_in '6\n7\n' "COPY probe.number FROM STDIN" "the file is damaged"
like "leaves the connection usable" "$(cat "$OUT")" '^usable'
is "only the first is stored" "$(sql "SELECT string_agg(n::text, ',') FROM probe.number")" "1,2,3"
exits "a COPY into nothing does not start" 1 copy_in '1\n' "COPY probe.nothing FROM STDIN"
like "with its SQLSTATE" "$(cat "$OUT")" 'sqlstate=42P01'
exits "a statement that is no COPY does not start either" 1 copy_in '1\n' "SELECT 1"
exits "a connection lost during COPY" 75 timeout 20 "$PROBE" copy-cut
log_has "is said" 'lost the database connection'
is "and nothing is stored" "$(sql "SELECT count(*) FROM probe.item")" 1

exits "COPY out" 0 probe copy-out "COPY (SELECT n, NULL FROM probe.number ORDER BY n) TO STDOUT" 99
is "gives each line" "$(cat "$OUT")" $'[1\t\\N]\n[2\t\\N]\n[3\t\\N]\nusable sqlstate='
exits "a line that the caller refuses" 3 probe copy-out "COPY (SELECT i FROM generate_series(1, 100000) i) TO STDOUT" 2
is "ends it and leaves the connection usable" "$(cat "$OUT")" $'[1]\n[2]\nusable sqlstate='
log_has "with the caller's words" 'line ..3.. is refused'
exits "an error after some lines" 1 probe copy-out "COPY (SELECT 6/(3-i) FROM generate_series(1, 5) i) TO STDOUT" 99
log_has "is an error" 'division by zero'
like "and leaves the connection usable" "$(cat "$OUT")" 'usable'

exits "rows as they come" 0 probe stream 'SELECT n::int + $1::int FROM probe.number ORDER BY n' 99 10
is "gives each row" "$(cat "$OUT")" $'[11]\n[12]\n[13]\nusable sqlstate='
exits "no row" 0 probe stream 'SELECT n::int FROM probe.number WHERE n > $1::int' 99 10
is "gives none" "$(cat "$OUT")" 'usable sqlstate='
exits "a row that the caller refuses" 3 probe stream 'SELECT i FROM generate_series(1, $1::int) i' 2 100000
is "ends it and leaves the connection usable, too" "$(cat "$OUT")" $'[1]\n[2]\nusable sqlstate='
exits "an error after some rows" 1 probe stream 'SELECT 6 / ($1::int - i) FROM generate_series(1, 5) i' 99 3
log_has "is an error, too" 'division by zero'
like "and leaves the connection usable, too" "$(cat "$OUT")" 'usable'
exits "a statement that is none" 1 probe stream 'SELEC $1' 99 3
log_has "is a syntax error" 'syntax error'

# --- runs ------------------------------------------------------------------------------------------------------
run_row() { # COLUMNS
	sql "SELECT $1 FROM green_ml.run_state ORDER BY run_id DESC LIMIT 1"
}
exits "a run" 0 as loader env ARGO_WORKFLOW_NAME=wf-1 ARGO_NODE_ID=node-1 "$PROBE" run done
is "is closed with its cost" "$(run_row "program, pipeline, state, workflow, node, error IS NULL, finished_at >= started_at,
	wall_s > 0 AND wall_s < 60, cpu_s > 0 AND cpu_s < 60, peak_rss_mb > 1, simulated_at IS NULL, version <> ''")" \
	"db_probe|insurance|done|wf-1|node-1|t|t|t|t|t|t|t"
is "the backend's CPU seconds too" "$(run_row "postgres_cpu_s > 0.001 AND postgres_cpu_s < 60")" t
like "which the program can ask for" "$(cat "$OUT")" 'postgres_cpu=positive wall=positive rss=positive'
exits "a run that fails" 3 as loader "$PROBE" run failed
is "is closed with its error, whatever bytes that has" "$(run_row "state, error, finished_at IS NOT NULL")" \
	"failed|line 7 holds ? and a cut ?|t"
exits "a run whose connection is lost" 75 as loader "$PROBE" run cut
is "is closed over another one" "$(run_row "state, error LIKE 'lost the database connection%'")" "failed|t"
exits "a run that is done" 0 as loader "$PROBE" run closed
is "stays so" "$(run_row "state, error IS NULL")" "done|t"
export GREEN_ML_LEASE_S=1
exits "a run that is killed" 137 as loader "$PROBE" run killed
is "is running at first" "$(run_row state)" running
is_lost() {
	[ "$(run_row state)" = lost ]
}
ok "and lost when its lease is over" wait_for 5 is_lost
background slow as loader "$PROBE" run wait 2.5
wait_for 5 test -s "$TMP/slow.out"
sleep 1.7
is "a run that works for longer than its lease is not lost" "$(run_row state)" running
is_done() {
	[ "$(run_row state)" = done ]
}
ok "and ends" wait_for 10 is_done
exits "a renewal does not wait for the row that is being closed" 0 as loader timeout 10 "$PROBE" locked
exits "a lease must be a number" 2 as loader env GREEN_ML_LEASE_S=soon "$PROBE" run done
log_has "and is named" 'GREEN_ML_LEASE_S is ..soon..'
unset GREEN_ML_LEASE_S
exits "a role without the right to open a run" 1 as metrics "$PROBE" run done
log_has "is told so" 'could not open a run: database: permission denied for table run'

# --- models and feature rows -------------------------------------------------------------------------------------------
exits "a pipeline without a promotion" 0 as trainer "$PROBE" champion probe
is "has no champion" "$(cat "$OUT")" none
# The features of the model stand in another order than those of the feature set, the texts too.
cat >"$TMP/model.json" <<'JSON'
{"label": "y", "classes": ["no", "yes"], "features": [
	{"name": "t", "type": "category", "categories": ["bergen", "oslo"], "frequent": 0},
	{"name": "a", "type": "integer", "thresholds": [5]},
	{"name": "r", "type": "real", "thresholds": [1.5]}],
 "distributions": [[1, 0], [0, 1]],
 "trees": [[["split", 1, 0], ["leaf", 0], ["split", 2, 0], ["leaf", 0], ["leaf", 1]]]}
JSON
python3 "$ROOT/tests/integration/model.py" "$TMP/model.json" >"$TMP/model.bin"
add_model() { # BYTES_SQL SHA256_SQL: prints the id
	sql "WITH r AS (INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), '0') RETURNING run_id),
	t AS (INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf,
			seed, data, content_sha256, run_id)
		SELECT 1, 1, '{1,2}', '{1,2}', '{}', 1, 0, '', sha256(gen_random_uuid()::text::bytea), run_id FROM r RETURNING plan_id)
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id)
	SELECT 1, plan_id, 1, b.bytes, $2, 100, 75, '{}', run_id FROM (SELECT $1 AS bytes) b, r, t RETURNING model_id"
}
bytes="decode('$(base64 -w0 "$TMP/model.bin")', 'base64')"
model=$(add_model "$bytes" "sha256(b.bytes)")
sql "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason, simulated_at) VALUES (1, $model, 'test', '2023-11-14 09:00Z')"
exits "a champion" 0 as trainer "$PROBE" champion probe
is "is the latest promotion" "$(cat "$OUT")" \
	"promotion=1 model=$model plan=1 set=1 sha256=$(sha256sum <"$TMP/model.bin" | cut -c1-64) n=100 k=75 at=1699952400"
exits "its name is only a value" 0 as trainer "$PROBE" champion "x' OR true --"
is "whatever it holds" "$(cat "$OUT")" none

sql "INSERT INTO green_ml.dictionary (feature_set_id, position, code, value) VALUES (1, 0, 0, 'yes'), (1, 0, 1, 'no'),
		(1, 0, 2, 'maybe'), (1, 3, 0, 'oslo'), (1, 3, 1, 'bergen'), (1, 3, 2, 'tromsø')"
# A block of one cell: label, a, r, t and its count, all of width 0 (common/cells.h).
add_block() { # LOAD HOLDOUT COUNT LABEL A R T
	sql "INSERT INTO green_ml_data.probe_cell (_load_id, _holdout, _part, _cells, _rows, _bytes) VALUES ($1, $2, 0, 1, $3,
		decode('$(python3 -c "import struct, sys
real = struct.unpack('<i', struct.pack('<f', $6))[0]
key = real if real >= 0 else -(real & 0x7fffffff)
print((b'GMC1' + struct.pack('<IH', 1, 4) + b''.join(struct.pack('<iB', v, 0) for v in ($4, $5, key, $7, $3))).hex())")', 'hex'))"
}
add_block 2 false 2 1 7 2.5 0
add_block 2 true 1 2 7 -1.5 2
add_block 1 false 1 1 5 0.1 1
add_block 1 true 1 0 7 2.5 0
score() { # MODEL LOADS WHICH
	as trainer "$PROBE" score "$1" 1 "$2" "$3"
}
size=$(wc -c <"$TMP/model.bin")
# Load, holdout, class (-1: the model does not know the label), keys of t, a, r.
exits "stored feature rows become keys" 0 score "$model" '{1,2}' all
is "in the order of load, split and the model's features" "$(cat "$OUT")" "model=$size has_base=0 labels=3
1 0 0 0 5 1036831949 right
1 1 1 1 7 1075838976 right
2 0 0 1 7 1075838976 wrong
2 0 0 1 7 1075838976 wrong
2 1 -1 0 7 -1069547520 wrong"
score "$model" '{2}' all >"$OUT"
is "of the loads that were asked for, a cell as often as it counts" "$(cut -d' ' -f1-2 "$OUT" | tail -n +2)" $'2 0\n2 0\n2 1'
score "$model" '{1,2}' holdout >"$OUT"
is "of the holdout" "$(cut -d' ' -f1-2 "$OUT" | tail -n +2)" $'1 1\n2 1'
score "$model" '{1,2}' train >"$OUT"
is "or of the other rows" "$(cut -d' ' -f1-2 "$OUT" | tail -n +2)" $'1 0\n2 0\n2 0'
exits "no loads" 0 score "$model" '{}' all
is "have no rows" "$(wc -l <"$OUT")" 1
exits "a list of loads is digits only" 1 score "$model" "{1}') OR true --" all
exits "or the server refuses it" 1 score "$model" '{1,' all
log_has "with the table" 'could not read the cells of green_ml_data\..*probe_cell.*malformed array'
exits "very many loads are read" 0 score "$model" "{$(seq -s, 1 20000)}" holdout
is "all the same" "$(wc -l <"$OUT")" 3

exits "a model that is not there" 1 score 999 '{1}' all
log_has "is named" 'could not read model 999: there is no such model'
damaged=$(add_model "$bytes" "sha256('other bytes')")
exits "a model whose bytes are not those that were stored" 1 score "$damaged" '{1}' all
log_has "is refused" "could not read model $damaged: its stored bytes have sha256"
foreign=$(add_model "'\\x474d4c464f525354'::bytea" "sha256(b.bytes)")
exits "bytes that are no model" 3 score "$foreign" '{1}' all
log_has "are refused" 'damaged or no model'
sed 's/"name": "r"/"name": "q"/' "$TMP/model.json" >"$TMP/other.json"
other=$(add_model "decode('$(python3 "$ROOT/tests/integration/model.py" "$TMP/other.json" | base64 -w0)', 'base64')" "sha256(b.bytes)")
exits "a model of other columns" 1 score "$other" '{1}' all
log_has "is refused by name" 'feature set 1 has no real column ..q.. that the model was trained on'
exits "a feature set that is not there" 1 as trainer "$PROBE" score "$model" 7 '{1}' all
log_has "is named" 'there is no feature set 7'
sql "UPDATE green_ml.feature_set SET columns = jsonb_set(columns, '{1,type}', '\"complex\"')"
exits "a feature set with an unknown type" 1 score "$model" '{1}' all
log_has "is refused" 'feature set 1: column 1 has no name or no known type'
plan_done
