#!/usr/bin/env bash
# model-training report and compare: what is stored with a model, what is made when asked for, and two models side by side.
. "$(dirname "$0")/lib.sh"
SPEC=$ROOT/pipeline/specs/insurance.json
export PIPELINE_SPEC=$SPEC DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register
cd "$TMP"
postgres_start
green_ml_database report --pipeline "$SPEC" >/dev/null
train() { as trainer "$BIN/model-training" "$@"; }
load() {
	as loader "$BIN/data-fetch" --csv "$@" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --every-pipeline >/dev/null 2>&1
}
field() { jq -r "$1" "$OUT"; }
"$BIN/generate" --rows 16000 --drift sudden --drift-from 8000 --drift-size 0.3 --output rows.csv
load rows.csv --n-rows 8000
exits "a model" 0 train --json
cp "$OUT" first.json

# --- the stored report -------------------------------------------------------------------------------------------
exits "report" 0 train report 1 --json
cp "$OUT" report.json
is "has every score" "$(field '.quality | [.accuracy, .accuracy_low, .accuracy_high, .balanced_accuracy, .macro_f1, .log_loss, .brier,
	.ece, .majority_share] | map(type == "number" and . > 0) | all')" true
is "of the holdout rows" "$(field .quality.rows)" "$(jq .rows_holdout first.json)"
is "they are the training's" "$(field '.quality | [.accuracy, .log_loss, .macro_f1] | map(. * 1e6 | round)')" \
	"$(jq '[.accuracy, .log_loss, .macro_f1] | map(. * 1e6 | round)' first.json)"
is "classes and the matrix sum up to the rows" "$(field '.quality | [([.classes[].rows] | add), ([.classes[].predicted] | add),
	([.confusion[][]] | add)] == [.rows, .rows, .rows]')" true
is "the matrix holds the classes" "$(field '.quality as $q | [range($q.classes | length)] | map($q.confusion[.][.] == $q.classes[.].right
	and ($q.confusion[.] | add) == $q.classes[.].rows) | all')" true
is "importances sum up to 1" "$(field '[.importance[].impurity] | (add * 1e6 | round) == 1000000 and min >= 0 and length == 5')" true
is "how auto chose" "$(field '.auto.sizes | length > 2')" true
is "and what the gate said" "$(field '.gate.reason')" no_champion
is "nothing that was not asked for" "$(field 'has("oob") or has("drift")')" false
exits "in words" 0 train report 1
for word in 'balanced accuracy' 'calibration error' 'confusion' 'impurity' 'taken$' 'gate: promoted'; do
	like "there is \"$word\"" "$(cat "$OUT")" "$word"
done
is "the metrics role may read it" "$(PGUSER=green_ml_metrics sql "SELECT report -> 'quality' ->> 'rows' FROM green_ml.model")" \
	"$(jq .rows_holdout first.json)"
exits "a model that is not there" 2 train report 9
exits "a model that is no number" 2 train report one

# --- what is made when asked for ---------------------------------------------------------------------------------
exits "importance" 0 train report 1 --importance --json --threads 1
is "the out-of-bag accuracy is near that of the holdout" "$(field '.oob.accuracy - .quality.accuracy | . > -0.03 and . < 0.03')" true
is "on all training rows" "$(field '.oob.rows == .rows_train')" true
is "every column has a number" "$(field '.permutation | map(.column) == ["ps_ind_01", "ps_ind_03", "ps_ind_15", "ps_car_01_cat",
	"ps_car_06_cat"]')" true
is "the largest is not nothing" "$(field '[.permutation[].log_loss_rise] | max > 0.01')" true
cp "$OUT" one.json
exits "with more threads" 0 train report 1 --importance --json --threads 3
cp "$OUT" three.json
ok "it is the same" cmp three.json one.json
exits "drift without new rows" 0 train report 1 --drift --json
is "is null" "$(field '.drift')" null
exits "in words" 0 train report 1 --drift
like "it says so" "$(cat "$OUT")" 'no row has come since'

load rows.csv --n-rows 8000 --start-row 8000
exits "drift with new rows" 0 train report 1 --drift --json
is "looks at them all" "$(field '.drift.rows') $(field '.drift.loads')" \
	"$(sql 'SELECT sum(rows) FROM green_ml.preprocessing WHERE load_id = 2') {2}"
is "the inputs are as they were: only the label's relation has changed" \
	"$(field '.drift.features | map(.psi < 0.05 and .js < 0.15 and .level == "none") | all and length == 5')" true
awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "id") id = i; if ($i == "ps_ind_03") x = i } }
	NR > 1 { $id = "m" $id; $x = int($x / 3) } { print }' rows.csv >moved.csv
load moved.csv --n-rows 4000
exits "drift with a moved column" 0 train report 1 --drift --json
is "finds it" "$(field '[.drift.features[] | select(.level != "none") | .column] | join(" ")')" ps_ind_03
exits "in words" 0 train report 1 --drift
like "it says how much" "$(cat "$OUT")" 'ps_ind_03 .*(strong|moderate)'

# --- two models --------------------------------------------------------------------------------------------------
exits "a worse model" 0 train --json --pipeline <(jq '.forest = {trees: 1, max_depth: 1} | .gate = {max_accuracy_drop: 1}' "$SPEC")
exits "compare" 0 train compare 1 2 --json
cp "$OUT" forth.json
is "on the newer one's rows" "$(field .rows)" "$(sql "SELECT holdout_n FROM green_ml.model WHERE model_id = 2")"
is "the newer one's accuracy" "$(field '.accuracy_b * 1e6 | round')" \
	"$(sql "SELECT round(1e6 * holdout_k / holdout_n) FROM green_ml.model WHERE model_id = 2")"
is "as the gate saw it" "$(field '"\(.only_a_right) \(.only_b_right)"')" \
	"$(sql "SELECT (numbers -> 'all' ->> 'b') || ' ' || (numbers -> 'all' ->> 'c') FROM green_ml.gate WHERE model_id = 2")"
is "the difference is theirs" "$(field '(.accuracy_b - .accuracy_a - .difference | fabs) < 1e-9 and .difference_low < .difference and
	.difference < .difference_high and .mcnemar_p >= 0 and .mcnemar_p <= 1')" true
exits "the other way round" 0 train compare 2 1 --json
is "is the same, turned" "$(field '[.only_b_right, .only_a_right, -.difference_high]')" \
	"$(jq '[.only_a_right, .only_b_right, .difference_low]' forth.json)"
is "both gates know which rows their model predicts right" "$(sql "SELECT count(*) FROM green_ml.gate WHERE marks IS NOT NULL")" 2
sql "ALTER TABLE green_ml.gate DISABLE TRIGGER USER; UPDATE green_ml.gate SET marks = NULL; ALTER TABLE green_ml.gate ENABLE TRIGGER USER" >/dev/null
exits "without that" 0 train compare 1 2 --json
is "is the same" "$(cat "$OUT")" "$(cat forth.json)"
exits "in words" 0 train compare 1 2
like "names both" "$(cat "$OUT")" "McNemar's p .*model 1, .*model 2"
exits "a model with itself" 2 train compare 1 1
exits "one model only" 2 train compare 1
exits "a model that is not there" 2 train compare 1 9
sql "ALTER TABLE green_ml.model DISABLE TRIGGER USER; UPDATE green_ml.model SET report = NULL; ALTER TABLE green_ml.model ENABLE TRIGGER USER" >/dev/null
exits "a model that is older than reports" 0 train report 1
like "says so" "$(cat "$OUT")" 'older than reports'
plan_done
