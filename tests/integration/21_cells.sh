#!/usr/bin/env bash
# Cells that are summed up over loads: a training gets the same from the sums as from the loads' own cells, and the moment in
# which they are written survives two at once and kill -9.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$TMP DB_CONNECT_TRIES=1
SPEC=$TMP/things.json
cd "$TMP"
jq -n '{name: "things", id: "key", holdout: 0.25, label: {column: "kind", type: "category"}, forest: {trees: 20},
	features: [{column: "size", type: "real"}, {column: "colour", type: "category"}, {column: "n", type: "integer"}]}' >"$SPEC"
# At most 6 * 4 * 3 * 2 cells in each part of the split, and the label is mostly given by the others.
awk 'BEGIN { srand(3); print "key,size,colour,n,kind"; split("red green blue grey", colour, " ")
	for (i = 0; i < 9000; i++) { s = int(rand() * 6) / 8 - 0.3; c = 1 + int(rand() * 4); n = int(rand() * 3)
		k = (s > 0) != (c == 2); if (rand() < 0.3) k = !k
		print "r" i "," s "," colour[c] "," n "," (k ? "large" : "small") } }' >things.csv

postgres_start
green_ml_database cells --pipeline "$SPEC" >/dev/null
# The same rows for a feature set that never sums them up.
as owner "$BIN/register" --pipeline "$SPEC" --as plain >/dev/null
sql "UPDATE green_ml.feature_set SET count_cells_at = 1::bigint << 50 WHERE prep_table = 'plain_prep'"

start=0
load() { # ROWS
	as loader "$BIN/data-fetch" --pipeline "$SPEC" --csv "$TMP/things.csv" --n-rows "$1" --start-row $start >/dev/null 2>&1
	start=$((start + $1))
}
preprocess() { as preprocessor "$BIN/preprocessing" --pipeline "$SPEC" "$@"; }
take_in() { # ROWS: by both feature sets
	load "$1"
	preprocess --every-pipeline >/dev/null 2>&1
}
train() { as trainer "$BIN/model-training" --pipeline "$SPEC" "$@" 2>"$TMP/train.err" || { cat "$TMP/train.err" >&2; return 1; }; }
state() { sql "SELECT keeps_cells, base_cells FROM green_ml.feature_set WHERE prep_table = 'things_prep'"; }
cells() { # of the training rows
	sql "SELECT count(*) FROM (SELECT FROM green_ml_data.things_prep WHERE NOT _holdout GROUP BY _label, size, colour, n) AS c"
}
sum_cells() {
	awk -F'|' '{ key = $2; for (i = 3; i < NF; i++) key = key "|" $i; n[key] += $NF } END { for (key in n) print key "|" n[key] }' |
		sort
}
wrong_cells() { # lines in which what a training reads differs from the rows
	local rest
	rest=$(sql "SELECT array_agg(load_id) || 0 FROM green_ml.preprocessing WHERE feature_set_id = 1 AND NOT in_base")
	as trainer "$BIN/db_probe" cells 1 "$rest" train | sum_cells >"$TMP/stored"
	sql "SELECT _holdout, _label, size, colour, n, count(*) FROM green_ml_data.things_prep WHERE NOT _holdout
		GROUP BY 1, 2, 3, 4, 5" | sort >"$TMP/rows"
	diff "$TMP/stored" "$TMP/rows" | grep -c '^[<>]' || :
}
data() { # PIPELINE: what its newest plan holds
	sql "SELECT encode(sha256(data), 'hex') FROM green_ml.training_plan JOIN green_ml.pipeline USING (pipeline_id)
		WHERE name = '$1' ORDER BY plan_id DESC LIMIT 1"
}
same_plan() { # DESC [OPTION]...
	local desc=$1
	shift
	train --plan "$@" >/dev/null
	train --plan --as plain "$@" >/dev/null
	is "$desc" "$(data things)" "$(data plain)"
}
switch_waits() { # nothing but the base is missing when it waits for the cell table
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'preprocessing'")" = "$1" ]
}
hold_cells() {
	background holder psql -Xq -c "BEGIN; LOCK TABLE green_ml_data.things_cell IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"
	holder=$PID
	wait_for 10 sql "DO \$\$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep') = 1; END \$\$"
}
let_go() {
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
	wait "$holder" 2>/dev/null || :
}

# The counts that call for it would take a hundred thousand cells; what is stored about them is enough.
call_for_it() { sql "UPDATE green_ml.preprocessing SET cells = 200001 WHERE feature_set_id = 1 AND load_id = $1"; }

# --- before ------------------------------------------------------------------------------------------------------
take_in 500
take_in 700
take_in 400
is "few cells are not summed up" "$(state) $(wrong_cells)" "f|0 0"
same_plan "a plan meanwhile"

# --- the sum: a plan meanwhile, killed at any call, two at once ---------------------------------------------------
call_for_it 2
before_sum=$(state)
load 400
PGDATABASE=postgres sql "CREATE DATABASE before TEMPLATE cells" >/dev/null
hold_cells
background first as preprocessor "$BIN/preprocessing" --pipeline "$SPEC"
first=$PID
ok "one waits in the middle of its work" wait_for 10 switch_waits 1
background second as preprocessor "$BIN/preprocessing" --pipeline "$SPEC"
second=$PID
ok "a second one waits for it" wait_for 10 switch_waits 2
let_go
ok "the first ends well" wait "$first"
ok "the second too" wait "$second"
is "one of them did it" "$(cat "$TMP/first.out" "$TMP/second.out" | sed 's/, [0-9]* cells$//' | sort | paste -sd ' ')" \
	"things: cells compacted things: load 4: 400 rows, 0 dropped things: nothing to do"
is "all rows are in the base" "$(state) $(sql "SELECT bool_and(in_base), count(*) FROM green_ml.preprocessing
	WHERE feature_set_id = 1")" "t|$(cells) t|4"
is "rightly counted" "$(wrong_cells)" 0
preprocess --every-pipeline >/dev/null 2>&1
is "plain has no base" "$(sql "SELECT keeps_cells, (SELECT min(_load_id) FROM green_ml_data.plain_cell) FROM green_ml.feature_set
	WHERE prep_table = 'plain_prep'")" "f|1"
same_plan "the plan is the same from the base as from the loads"
exits "and is known when it is taken from the loads again" 0 env PGUSER=green_ml_trainer "$BIN/model-training" --pipeline "$SPEC" --plan --json
before=$(jq .plan_id "$OUT")
sql "UPDATE green_ml.feature_set SET keeps_cells = false WHERE prep_table = 'things_prep'"
is "with its id" "$(train --plan --json | jq -c '[.plan_id, .repeated]')" "[$before,true]"
sql "UPDATE green_ml.feature_set SET keeps_cells = true WHERE prep_table = 'things_prep'"

canonical() { psql -XAtq -v ON_ERROR_STOP=1 -f "$ROOT/tests/canonical.sql"; }
if "$BIN/killat" 1 true || [ $? = 137 ]; then
	export PGDATABASE=before
	copy() {
		PGDATABASE=postgres PGOPTIONS='-c client_min_messages=warning' sql "DROP DATABASE IF EXISTS work WITH (FORCE)"
		PGDATABASE=postgres sql "CREATE DATABASE work TEMPLATE before"
	}
	copy
	export PGDATABASE=work
	calls=$(as preprocessor "$BIN/killat" 0 "$BIN/preprocessing" --pipeline "$SPEC" 2>/dev/null | tail -n 1)
	is "the copy has a base too" "$(state)" "t|$(cells)"
	canonical >undisturbed
	wrong=
	for ((point = calls - 1; point > calls / 3; point -= 1 + calls / 9)); do
		copy
		as preprocessor "$BIN/killat" "$point" "$BIN/preprocessing" --pipeline "$SPEC" >/dev/null 2>&1 || :
		case $(state) in "$before_sum" | "t|$(cells)") ;; *) wrong+="point $point: $(state) " ;; esac
		preprocess >/dev/null 2>&1 || wrong+="point $point: status $? "
		canonical >rerun
		cmp -s undisturbed rerun && [ "$(wrong_cells)" = 0 ] || wrong+="point $point: differs "
	done
	is "killed at some of the later system calls, the rerun gives the same" "$wrong" ""
	export PGDATABASE=cells
else
	skip "kill -9 in the middle" "no process may be traced here"
fi

# --- deltas, windows, models ---------------------------------------------------------------------------------------
take_in 1000
take_in 1000
is "later loads come on top" "$(sql "SELECT count(*) FROM green_ml.preprocessing WHERE feature_set_id = 1 AND NOT in_base")" 2
is "rightly counted" "$(wrong_cells)" 0
train --json >a.json
train --json --as plain >b.json
is "the model has the same bytes from the base and from the loads" "$(jq -c '[.sha256, .rows_train]' a.json)" \
	"$(jq -c '[.sha256, .rows_train]' b.json)"
is "and there is something in it" "$(jq '.accuracy > .majority_share + 0.05' a.json)" true
for window in '{last_loads: 1}' '{last_loads: 3}' '{last_rows: 1800}'; do
	jq ".train_on = $window" "$SPEC" >window.json
	same_plan "train_on $window reads what it says" --pipeline window.json
	train --plan --json --pipeline window.json >window.out
	is "that many rows" "$(jq .rows_train window.out)" "$(case $window in
		*rows*) echo 1800 ;;
		*) sql "SELECT count(*) FROM green_ml_data.things_prep WHERE NOT _holdout AND _load_id > 6 - $(tr -dc 0-9 <<<"$window")" ;;
	esac)"
done
call_for_it 6
take_in 500
is "summed up with the others" "$(state) $(wrong_cells)" "t|$(cells) 0"
same_plan "the plan is the same again"
plan_done
