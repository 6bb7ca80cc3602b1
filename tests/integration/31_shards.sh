#!/usr/bin/env bash
# model-training: min_samples_leaf "auto", and a plan's trees grown in shares: the very bytes of a single run.
. "$(dirname "$0")/lib.sh"
SPEC=$ROOT/pipeline/specs/insurance.json
export PIPELINE_SPEC=$SPEC DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register
cd "$TMP"

exits "--shard without a plan" 2 "$BIN/model-training" --shard 1/2
exits "--merge without a plan" 2 "$BIN/model-training" --merge
exits "--shard and --merge" 2 "$BIN/model-training" --from-plan 1 --shard 1/2 --merge
exits "--retrain for a plan that is there" 2 env RETRAIN_ID=3 "$BIN/model-training" --from-plan 1
like "says that the plan names its need" "$(cat "$ERR")" '\-\-retrain is for a new plan'
for shard in 0/2 3/2 1 1/ /2 1/2/3 1/10001 a/b; do
	exits "--shard $shard" 2 "$BIN/model-training" --from-plan 1 --shard $shard
done
like "says what is expected" "$(cat "$ERR")" 'expected 1/N to N/N'

postgres_start
green_ml_database shards --pipeline "$SPEC" >/dev/null
for name in other third; do PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$SPEC" --as $name >/dev/null; done
train() { as trainer "$BIN/model-training" "$@"; }
field() { jq -r ".$1" "$OUT"; }
"$BIN/generate" --rows 12000 --output rows.csv
as loader "$BIN/data-fetch" --csv rows.csv >/dev/null 2>&1
as preprocessor "$BIN/preprocessing" --every-pipeline >/dev/null 2>&1

# --- auto --------------------------------------------------------------------------------------------------------
exits "a plan with auto" 0 train --plan --json
plan=$(field plan_id) leaf=$(field min_samples_leaf)
is "has the leaf size that its curve says" \
	"$(sql "SELECT min_samples_leaf, pilot ->> 'min_samples_leaf', pilot ->> 'trees' FROM green_ml.training_plan")" "$leaf|$leaf|10"
is "it has the smallest Brier score, or one within half a standard error" "$(sql "SELECT min((s ->> 'brier')::float) FILTER
	(WHERE (s ->> 'min_samples_leaf')::int = $leaf) <= min((s ->> 'brier')::float) + max((s ->> 'standard_error')::float / 2) FILTER
	(WHERE (s ->> 'min_samples_leaf')::int = $leaf)
	FROM green_ml.training_plan, jsonb_array_elements(pilot -> 'sizes') AS s WHERE (s ->> 'trees')::int = 10")" t
is "its pilot is stored" "$(sql 'SELECT plan_id, shard, shards FROM green_ml.model_shard')" "$plan|0|0"
exits "the plan again" 0 train --plan --json
is "is not searched again" "$(field plan_id) $(field repeated) $(field min_samples_leaf)" "$plan true $leaf"
exits "a single run" 0 train --json
cp "$OUT" single.json
is "takes over the pilot" "$(field plan_id) $(field min_samples_leaf) $(field trees)" "$plan $leaf 100"
is "the curve is in the model's metrics" "$(jq '.auto.sizes | length > 2' single.json)" true
is "which is not kept" "$(sql 'SELECT count(*) FROM green_ml.model_shard')" 0
exits "a size that the spec names" 0 train --plan --json --pipeline <(jq ".forest = {min_samples_leaf: $leaf}" "$SPEC")
is "has no pilot" "$(sql "SELECT pilot IS NULL FROM green_ml.training_plan WHERE plan_id = $(field plan_id)")" t
exits "and 99 trees" 0 train --json --threads 3 --pipeline <(jq ".forest = {min_samples_leaf: $leaf, trees: 99}" "$SPEC")
is "are the hundred's but for the last, a single leaf" "$(field nodes)" "$(($(jq -r .nodes single.json) - 1))"
exits "and 100 trees" 0 train --json --threads 3 --pipeline <(jq ".forest = {min_samples_leaf: $leaf}" "$SPEC")
is "have no such leaf" "$(($(field nodes) > $(jq -r .nodes single.json)))" 1

exits "a fraction of the rows for a tree" 0 train --json --pipeline <(jq '.forest = {min_samples_leaf: 1, trees: 3}' "$SPEC")
nodes=$(field nodes)
exits "a plan with a tenth of them" 0 train --plan --json --pipeline <(jq '.forest = {min_samples_leaf: 1, trees: 3, sample_fraction: 0.1}' "$SPEC")
exits "and its model" 0 train --from-plan "$(field plan_id)" --json
is "makes smaller trees" "$(($(field nodes) * 5 < nodes))" 1
exits "a tenth of them with a search" 0 train --json --pipeline <(jq '.forest = {sample_fraction: 0.1}' "$SPEC")
is "is another model" "$([ "$(field sha256)" != "$(jq -r .sha256 single.json)" ] && echo yes)" yes

# --- too many trees ----------------------------------------------------------------------------------------------
many() { jq ".forest = {min_samples_leaf: 1, trees: 100000}" "$SPEC"; }
exits "more trees than a model has room for" 1 train --json --pipeline <(many)
like "says so after the first" "$(cat "$ERR")" 'the model would be of at least [0-9]+ MB, as the first of its 100000 trees has'
exits "a plan of them" 0 train --plan --json --pipeline <(many)
exits "a share of them" 1 train --from-plan "$(field plan_id)" --shard 1/2
like "says so, too" "$(cat "$ERR")" 'the model would be of at least [0-9]+ MB, as the first of its 100000 trees has'

# --- four shares -------------------------------------------------------------------------------------------------
exits "a plan for shares" 0 train --as other --plan --json
plan=$(field plan_id)
exits "merging before any share" 75 train --as other --from-plan "$plan" --merge
like "says so" "$(cat "$ERR")" 'has no shard yet'
exits "share 2 of 4" 0 train --as other --from-plan "$plan" --shard 2/4 --json
is "is a quarter of what the pilot left" "$(field first_tree) $(field trees)" "32 23"
exits "share 2 again" 0 train --as other --from-plan "$plan" --shard 2/4 --json
is "is there already" "$(field repeated)" true
exits "merging too early" 75 train --as other --from-plan "$plan" --merge
like "names what is missing" "$(cat "$ERR")" 'lacks shard 1, 3, 4 of 4'
exits "shares of another number" 0 train --as other --from-plan "$plan" --shard 1/3
background killed as trainer "$BIN/model-training" --as other --from-plan "$plan" --shard 1/4 --fake-computation true
wait_for 10 grep -q 'plan found' "$TMP/killed.err"
kill -s KILL "$PID"
is "a share that was killed is not there" "$(sql "SELECT count(*) FROM green_ml.model_shard WHERE shards = 4")" 1
exits "share 1" 0 train --as other --from-plan "$plan" --shard 1/4 --threads 3
exits "share 3" 0 train --as other --from-plan "$plan" --shard 3/4
background fourth as trainer "$BIN/model-training" --as other --from-plan "$plan" --shard 4/4
fourth=$PID
background twin as trainer "$BIN/model-training" --as other --from-plan "$plan" --shard 4/4
ok "share 4" wait "$fourth"
ok "grown twice at once" wait "$PID"
is "no model yet" "$(sql "SELECT count(*) FROM green_ml.model JOIN green_ml.pipeline USING (pipeline_id) WHERE name = 'other'")" 0
background first as trainer "$BIN/model-training" --as other --from-plan "$plan" --merge --json
first=$PID
background second as trainer "$BIN/model-training" --as other --from-plan "$plan" --merge --json
ok "merging" wait "$first"
ok "twice at once" wait "$PID"
is "makes one model with the bytes of the single run" "$(sql "SELECT count(*), min(encode(m.sha256, 'hex')) FROM green_ml.model m
	JOIN green_ml.pipeline USING (pipeline_id) WHERE name = 'other'")" "1|$(jq -r .sha256 single.json)"
is "and promotes it once" "$(sql "SELECT count(*) FROM green_ml.promotion JOIN green_ml.pipeline USING (pipeline_id)
	WHERE name = 'other'")" 1
is "both say so" "$(jq -r .model_id first.out second.out | uniq | wc -l)" 1
is "and removes the shares" "$(sql 'SELECT count(*) FROM green_ml.model_shard')" 0
exits "a share of a trained plan" 0 train --as other --from-plan "$plan" --shard 1/9 --json
is "is not grown" "$(field repeated) $(sql "SELECT count(*) FROM green_ml.model_shard WHERE shards = 9")" "true 0"

# --- more shares than trees, and no pilot ------------------------------------------------------------------------
few() { train --as third --pipeline few.json "$@"; }
jq '.forest = {trees: 3, min_samples_leaf: 7}' "$SPEC" >few.json
exits "three trees" 0 few --plan --json
plan=$(field plan_id)
for i in 1 2 3 4 5; do few --from-plan "$plan" --shard $i/5 >/dev/null 2>&1; done
exits "of five shares" 0 few --from-plan "$plan" --merge --json
sha=$(field sha256)
is "are three trees" "$(field trees)" 3
exits "three trees in one process" 0 train --pipeline few.json --json
is "are the same" "$(field sha256)" "$sha"
exits "a plan whose pilot was damaged" 0 train --plan --json --pipeline <(jq '.forest = {seed: 9}' "$SPEC")
plan=$(field plan_id)
sql "UPDATE green_ml.model_shard SET bytes = set_byte(bytes, 30, get_byte(bytes, 30) # 1) WHERE plan_id = $plan" >/dev/null
exits "is refused" 1 train --from-plan "$plan"
like "with a word" "$(cat "$ERR")" 'trees of a shard are damaged'

# --- a pilot that is not stored ----------------------------------------------------------------------------------
exits "a plan with auto once more" 0 train --plan --json --pipeline <(jq '.forest = {seed: 0, trees: 100}' "$SPEC")
plan=$(field plan_id)
sql "DELETE FROM green_ml.model_shard WHERE plan_id = $plan" >/dev/null
for i in 1 2; do train --from-plan "$plan" --shard $i/2 >/dev/null 2>&1; done
exits "without its pilot" 0 train --from-plan "$plan" --merge --json
is "makes the same model" "$(field sha256)" "$(jq -r .sha256 single.json)"
plan_done
