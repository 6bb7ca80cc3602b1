#!/usr/bin/env bash
# model-training: plans, equal bytes whatever happens, the gate, two at once, columns that change, and what it refuses.
. "$(dirname "$0")/lib.sh"
SPEC=$ROOT/pipeline/specs/insurance.json
export PIPELINE_SPEC=$SPEC DATA_ROOT=$TMP OUTPUT_DIR=$TMP/outputs GREEN_ML_REGISTER=$BIN/register
mkdir "$OUTPUT_DIR"
cd "$TMP"

# --- the command line --------------------------------------------------------------------------------------------
exits "--help" 0 "$BIN/model-training" --help
like "--help says what auto means" "$(cat "$OUT")" '"auto" is searched out of bag'
like "--help names the settings of the first version" "$(cat "$OUT")" 'FAKE_COMPUTATION'
exits "--version" 0 "$BIN/model-training" --version
exits "an unknown option" 2 "$BIN/model-training" --no-such-option
exits "a command that is not there" 2 "$BIN/model-training" guess
like "says where to look" "$(cat "$ERR")" 'guess.* is not understood: see model-training --help'
exits "a command's own --help" 0 "$BIN/model-training" report --help
exits "a command without its word" 2 "$BIN/model-training" report
exits "a command without a spec" 2 env -u PIPELINE_SPEC "$BIN/model-training" report 1
exits "no spec" 2 env -u PIPELINE_SPEC "$BIN/model-training"
like "says how to name one" "$(cat "$ERR")" 'PIPELINE_SPEC'
exits "a spec that is not there" 2 "$BIN/model-training" --pipeline none.json
exits "two things at once" 2 "$BIN/model-training" --plan --export x
exits "a plan that is no number" 2 "$BIN/model-training" --from-plan seven
exits "fake computation is true or false" 2 env FAKE_COMPUTATION=perhaps "$BIN/model-training"
exits "no server: try again" 75 env PGHOST="$TMP" DB_CONNECT_TRIES=1 "$BIN/model-training"

postgres_start
green_ml_database training --pipeline "$SPEC" >/dev/null
train() { as trainer "$BIN/model-training" "$@"; }
register() { PGUSER=green_ml_owner "$ROOT/database/migrate" "$@" >/dev/null; }
load() { # CSV [OPTION]...
	as loader "$BIN/data-fetch" --csv "$@" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --every-pipeline >/dev/null 2>&1
}
field() { # KEY: of the last result
	jq -r ".$1" "$OUT"
}

# --- nothing to train on -----------------------------------------------------------------------------------------
exits "a pipeline without rows" 3 train
like "says what to do" "$(cat "$ERR")" 'no row to train on: load data and run preprocessing'
is "and no plan is stored" "$(sql 'SELECT count(*) FROM green_ml.training_plan')" 0
is "the run reads failed" "$(sql "SELECT state FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" failed
exits "a pipeline that is not registered" 2 train --as nobody
like "says what to do" "$(cat "$ERR")" 'run database/migrate'
exits "no champion to export" 2 train --export x.bin

# --- the first model ---------------------------------------------------------------------------------------------
"$BIN/generate" --rows 16000 --output rows.csv
load rows.csv --n-rows 10000
exits "--plan" 0 train --plan --json
plan=$(field plan_id)
is "the plan is an output of the step" "$(cat "$OUTPUT_DIR/plan_id")" "$plan"
is "a plan makes no model" "$(sql 'SELECT count(*) FROM green_ml.model')" 0
exits "--plan again" 0 train --plan --json
is "is the same plan" "$(field plan_id) $(field repeated)" "$plan true"
is "known loads, loads" "$(sql "SELECT known_loads, loads FROM green_ml.training_plan")" "{1}|{1}"

exits "training" 0 train --json --threads 1
cp "$OUT" first.json
is "trains that plan" "$(field plan_id)" "$plan"
is "without a champion it is promoted" "$(field promoted) $(field gate_reason)" "true no_champion"
is "all keys are there" "$(jq -r '[has("model_id","promotion_id","rows_train","rows_holdout","accuracy","accuracy_low",
	"accuracy_high","log_loss","macro_f1","min_samples_leaf","wall_s","cpu_s")] | all' "$OUT")" true
is "it is better than guessing" "$(jq '.accuracy > .majority_share + 0.02' "$OUT")" true
is "the interval holds the accuracy" "$(jq '.accuracy_low < .accuracy and .accuracy < .accuracy_high' "$OUT")" true
is "training rows are those outside of the holdout" "$(field rows_train)" \
	"$(sql 'SELECT count(*) FROM green_ml_data.insurance_prep WHERE NOT _holdout')"
is "and the accuracy is over the holdout" "$(field rows_holdout)" \
	"$(sql 'SELECT count(*) FROM green_ml_data.insurance_prep WHERE _holdout')"
is "outputs of the step" "$(cat "$OUTPUT_DIR/model_id" "$OUTPUT_DIR/promoted" | xargs)" "1true"
is "its sha256 is that of its bytes" "$(sql "SELECT encode(sha256(bytes), 'hex') FROM green_ml.model")" "$(field sha256)"
is "the run is closed" "$(sql "SELECT state, cpu_s > 0, wall_s > 0 FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" \
	"done|t|t"

exits "training again" 0 train --json
is "answers the same model" "$(jq -cS 'del(.repeated)' "$OUT")" "$(jq -cS 'del(.repeated)' first.json)"
is "and says so" "$(field repeated)" true
is "there is one model and one promotion" \
	"$(sql 'SELECT (SELECT count(*) FROM green_ml.model), (SELECT count(*) FROM green_ml.promotion)')" "1|1"
exits "text instead of JSON" 0 train
like "names plan and model" "$(cat "$OUT")" '^plan 1 -> model 1 .*trained before'

exits "report" 0 train report 1 --json
is "prints what was stored" "$(field accuracy)" "$(jq .accuracy first.json)"
exits "a report of a model that is not there" 2 train report 9
exits "a model that is no number" 2 train report one

# --- export ------------------------------------------------------------------------------------------------------
exits "--export" 0 train --export champion.bin
is "writes the model's bytes" "$(sha256sum champion.bin | cut -d ' ' -f 1)" "$(jq -r .sha256 first.json)"
exits "--export - --model" 0 train --export - --model 1
cp "$OUT" stdout.bin
ok "writes them to stdout" cmp stdout.bin champion.bin
exits "a model that is not there" 2 train --export x.bin --model 99
exits "a folder that is not there" 1 train --export none/x.bin
exits "MODEL_FILE_PATH" 0 env MODEL_FILE_PATH=served.bin PGUSER=green_ml_trainer "$BIN/model-training"
ok "holds the champion after training" cmp served.bin champion.bin
is "nothing half-written is left" "$(find . -name '*.new')" ""

# --- the same bytes, whatever happens ----------------------------------------------------------------------------
register --pipeline "$SPEC" --as other
as preprocessor "$BIN/preprocessing" --as other >/dev/null 2>&1
background killed as trainer "$BIN/model-training" --as other --fake-computation true
wait_for 10 grep -q 'plan taken' "$TMP/killed.err"
sleep 0.3
kill -s KILL "$PID"
is "killed in the middle there is a plan and no model" "$(sql "SELECT count(*), count(m.model_id) FROM green_ml.training_plan t
	JOIN green_ml.pipeline p USING (pipeline_id) LEFT JOIN green_ml.model m USING (plan_id) WHERE name = 'other'")" "1|0"
exits "run again" 0 train --as other --json --threads 3
is "it trains the same plan" "$(field plan_id)" "$(sql "SELECT max(plan_id) FROM green_ml.training_plan")"
is "to the same bytes as the other pipeline's" "$(field sha256)" "$(jq -r .sha256 first.json)"

# --- the gate ----------------------------------------------------------------------------------------------------
variant() { # FILE JQ-FILTER: another spec of the same columns
	jq "$2" "$SPEC" >"$1"
}
variant stump.json '.forest = {trees: 1, max_depth: 1}'
exits "a stump challenges" 0 train --pipeline stump.json --json --now 2023-11-14T09:00:00Z
is "and is refused" "$(field promoted) $(field promotion_id) $(field gate_reason)" "false null worse_than_champion"
is "as an output" "$(cat "$OUTPUT_DIR/promoted")" false
is "its gate is stored" "$(sql "SELECT champion_model_id, promoted, (numbers -> 'all' ->> 'b')::int > (numbers -> 'all' ->> 'c')::int
	FROM green_ml.gate ORDER BY plan_id DESC LIMIT 1")" "1|f|t"
is "the champion stays" "$(sql "SELECT model_id FROM green_ml.champion WHERE pipeline = 'insurance'")" 1
is "--now is stored" "$(sql "SELECT simulated_at FROM green_ml.model ORDER BY model_id DESC LIMIT 1")" "2023-11-14 09:00:00+00"
variant minimum.json '.gate = {min_accuracy: 0.99}'
exits "min_accuracy" 0 train --pipeline minimum.json --json
is "refuses equal bytes first" "$(field gate_reason)" same_model
variant minimum.json '.gate = {min_accuracy: 0.99} | .forest = {seed: 3}'
exits "min_accuracy and another seed" 0 train --pipeline minimum.json --json
is "refuses what does not reach it" "$(field promoted) $(field gate_reason)" "false below_min_accuracy"

load rows.csv --n-rows 2000 --start-row 10000
exits "more rows" 0 train --json
is "make a new plan" "$(sql "SELECT known_loads FROM green_ml.training_plan WHERE plan_id = $(field plan_id)")" "{1,2}"
is "its parent is the champion" "$(sql "SELECT parent_model_id FROM green_ml.model WHERE model_id = $(field model_id)")" 1
like "the gate has decided" "$(field promoted) $(field gate_reason)" \
	'^(true (not_worse|holdout_too_small)|false worse_than_champion(_recently)?)$'
is "its numbers come from the rows" "$(jq .rows_holdout "$OUT")" \
	"$(sql "SELECT numbers -> 'all' ->> 'n' FROM green_ml.gate WHERE plan_id = $(field plan_id)")"

# How often the plan's training set, and how often the rows of CONDITION, hold each value of each column.
plan_counts() { # PLAN
	sql "SELECT c.value ->> 'column', c.value -> 'rows' FROM green_ml.training_plan, jsonb_array_elements(profile) AS c
		WHERE plan_id = $1 ORDER BY 1"
}
row_counts() { # CONDITION: of the feature rows, which are made from the raw rows
	local column
	for column in ps_car_01_cat ps_car_06_cat ps_ind_01 ps_ind_03 ps_ind_15; do
		sql "SELECT '$column', jsonb_agg(n ORDER BY v) FROM (SELECT $column AS v, count(*) AS n FROM
			(SELECT * FROM green_ml_data.insurance_prep WHERE NOT _holdout AND $1) AS r GROUP BY 1) AS c"
	done
}

# --- windows -----------------------------------------------------------------------------------------------------
variant loads.json '.train_on = {last_loads: 1}'
exits "the last load" 0 train --plan --pipeline loads.json --json
is "is load 2, load 1 is known" "$(sql "SELECT known_loads, loads FROM green_ml.training_plan WHERE plan_id = $(field plan_id)")" \
	"{1,2}|{2}"
is "with its training rows" "$(field rows_train)" \
	"$(sql 'SELECT count(*) FROM green_ml_data.insurance_prep WHERE _load_id = 2 AND NOT _holdout')"
is "and the very rows" "$(plan_counts "$(field plan_id)")" "$(row_counts '_load_id = 2')"
variant rows.json '.train_on = {last_rows: 1700}'
exits "the last rows" 0 train --plan --pipeline rows.json --json
is "are as many as asked for" "$(field rows_train) $(field loads)" "1700 {1,2}"
is "and the newest by load and row" "$(plan_counts "$(field plan_id)")" \
	"$(row_counts 'true ORDER BY _load_id DESC, _row DESC LIMIT 1700')"
exits "an earlier plan is trained later" 0 train --from-plan "$(field plan_id)" --json --threads 1
is "and holds what it held" "$(field rows_train)" 1700
exits "a plan of another pipeline" 2 train --as other --from-plan 1
exits "columns that are not the registered ones" 2 train --pipeline <(jq '.features |= .[1:]' "$SPEC")
like "says what to do" "$(cat "$ERR")" 'differ from those registered .* run database/migrate'
exits "a retrain that is not there" 2 train --retrain 7
exits "RETRAIN_ID may be empty" 0 env RETRAIN_ID= PGUSER=green_ml_trainer "$BIN/model-training"
sql "INSERT INTO green_ml.retrain (pipeline_id, state, due_at, simulated) SELECT pipeline_id, 'accepted', now(), false
	FROM green_ml.pipeline WHERE name = 'insurance'" >/dev/null
exits "a retrain that is there" 0 train --retrain 1 --json
is "is in the plan" "$(sql "SELECT retrain_id FROM green_ml.training_plan WHERE plan_id = $(field plan_id)")" 1

# --- two at once -------------------------------------------------------------------------------------------------
load rows.csv --n-rows 2000 --start-row 12000
variant a.json '.forest = {seed: 11} | .gate = {max_accuracy_drop: 0.9}'
variant b.json '.forest = {seed: 12} | .gate = {max_accuracy_drop: 0.9}'
background holder psql -XAtqc "BEGIN; SELECT pg_advisory_xact_lock(hashtext('green_ml.promotion'), pipeline_id), pg_sleep(60)
	FROM green_ml.pipeline WHERE name = 'insurance'"
held() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")" = 1 ]; }
ok "another one holds the lock" wait_for 10 held
background first as trainer "$BIN/model-training" --pipeline a.json --json
first=$PID
background second as trainer "$BIN/model-training" --pipeline b.json --json
second=$PID
waiting() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")" = 2 ]; }
ok "both have grown and wait to be stored" wait_for 20 waiting
sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted" >/dev/null
ok "the first ends well" wait "$first"
ok "the second ends well" wait "$second"
is "both were promoted, one after the other" "$(jq -s 'map(.promoted) | all' "$TMP/first.out" "$TMP/second.out")" true
is "no promotion was superseded twice" \
	"$(sql "SELECT count(*) FROM (SELECT FROM green_ml.promotion GROUP BY pipeline_id, supersedes HAVING count(*) > 1) AS d")" 0
is "each was compared with the champion it replaced" "$(sql "SELECT count(*) FROM green_ml.promotion p
	JOIN green_ml.gate g ON (g.numbers ->> 'promotion_id')::int = p.promotion_id
	LEFT JOIN green_ml.promotion s ON s.promotion_id = p.supersedes
	WHERE g.champion_model_id IS DISTINCT FROM s.model_id")" 0
like "the later one has compared again" "$(cat "$TMP/first.err" "$TMP/second.err")" 'champion changed during the comparison'

# --- a champion of other columns ---------------------------------------------------------------------------------
jq '.features |= .[:4] | .holdout = 0.3' "$SPEC" >fewer.json
register --pipeline fewer.json
as preprocessor "$BIN/preprocessing" --pipeline fewer.json >/dev/null 2>&1
exits "other columns and another holdout" 0 train --pipeline fewer.json --json
is "are compared on the rows that both hold out" "$(sql "SELECT (numbers -> 'all' ->> 'n')::int FROM green_ml.gate
	WHERE plan_id = $(field plan_id)")" "$(sql "SELECT count(*) FROM green_ml_data.insurance_prep a
	JOIN green_ml_data.insurance_prep2 b USING (_load_id, _row) WHERE a._holdout AND b._holdout")"
is "not on all of its own" "$(jq .rows_holdout "$OUT")" \
	"$(sql 'SELECT count(*) FROM green_ml_data.insurance_prep2 WHERE _holdout')"

# --- reals, categories, labels that are words --------------------------------------------------------------------
awk 'BEGIN { srand(7); print "key,size,colour,kind"
	split("red green blue grey", colour, " "); split("small large", kind, " ")
	for (i = 0; i < 4000; i++) { s = int(rand() * 1000) / 8 - 40; c = 1 + int(rand() * 4); k = (s > 20) != (c == 2)
		if (rand() < 0.1) k = !k
		print "r" i "," s "," colour[c] "," kind[k + 1] } }' >things.csv
jq -n '{name: "things", id: "key", label: {column: "kind", type: "category"},
	features: [{column: "size", type: "real"}, {column: "colour", type: "category"}], forest: {trees: 30}}' >things.json
export PIPELINE_SPEC=$TMP/things.json
register --pipeline things.json
load things.csv
exits "reals and categories" 0 train --json
is "are learnt" "$(jq '.accuracy > 0.86 and .classes == 2' "$OUT")" true
exits "and their model exported" 0 train --export things.bin
like "it holds its texts" "$(strings things.bin)" 'grey'
awk 'NR == 1 || /small/' things.csv >one.csv
jq '.name = "onelabel" | .source = "onelabel"' things.json >onelabel.json
export PIPELINE_SPEC=$TMP/onelabel.json
register --pipeline onelabel.json
load one.csv
exits "rows of one label" 3 train
like "says which" "$(cat "$ERR")" 'all [0-9]+ training rows have the label .*small.* in column .*kind'
is "and no plan is stored" "$(sql "SELECT count(*) FROM green_ml.training_plan JOIN green_ml.pipeline USING (pipeline_id)
	WHERE name = 'onelabel'")" 0

# --- fake computation --------------------------------------------------------------------------------------------
export PIPELINE_SPEC=$TMP/things.json
exits "fake computation" 0 env FAKE_COMPUTATION=true PGUSER=green_ml_trainer "$BIN/model-training" --json \
	--fake-computation-scale 0.1 --pipeline <(jq '.forest.seed = 1' things.json)
is "costs 1/10 CPU second per 1000 rows" \
	"$(jq '.fake_computation_s >= .rows_train / 10000 and .cpu_s >= .fake_computation_s' "$OUT")" true
plan_done
