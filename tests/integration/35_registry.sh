#!/usr/bin/env bash
# model-training list, show, promote, rollback and export: what they say, what they change, who is told, and that killed or
# doubled ones change it once.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$TMP DB_CONNECT_TRIES=1
cd "$TMP"
jq -n '{name: "toy", id: "id", label: {column: "y", type: "category"}, forest: {trees: 10},
	features: [{column: "a", type: "integer"}, {column: "b", type: "integer"}]}' >toy.json
awk 'BEGIN { srand(1); print "id,a,b,y"; for (i = 1; i <= 6000; i++) { a = int(rand() * 9); b = int(rand() * 9)
	print i "," a "," b "," ((a > b) != (rand() < 0.2) ? "more" : "less") } }' >toy.csv
registry() {
	as trainer "$BIN/model-training" "$@" --pipeline toy.json
}
champion() { sql "SELECT coalesce((SELECT model_id FROM green_ml.champion), 0)"; }
promotions() { sql "SELECT string_agg(model_id::text, ' ' ORDER BY promotion_id) FROM green_ml.promotion"; }

postgres_start
green_ml_database registry --pipeline toy.json >/dev/null
exits "nothing to list" 0 registry list --json
is "is an empty list" "$(cat "$OUT")" '{"pipeline":"toy","champion_model_id":null,"models":[]}'
exits "nothing to roll back" 2 registry rollback
like "is said" "$(cat "$ERR")" 'no champion yet'
exits "no model to promote" 2 registry promote 1
exits "a model is a number" 2 registry promote first
exits "promote what?" 2 registry promote
for n in 1 2 3; do
	as loader "$BIN/data-fetch" --pipeline toy.json --csv toy.csv --n-rows 2000 --start-row $(((n - 1) * 2000)) >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --pipeline toy.json >/dev/null 2>&1
	GREEN_ML_NOW=2023-11-1${n}T09:00:00Z as trainer "$BIN/model-training" --pipeline toy.json >/dev/null 2>&1
done
sql "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason, simulated_at) SELECT 1, model_id, 'test', created_at FROM
	green_ml.model m WHERE NOT EXISTS (SELECT FROM green_ml.promotion p WHERE p.model_id = m.model_id) ORDER BY model_id"
is "three champions one after another" "$(promotions)" "1 2 3"

# --- list and show -----------------------------------------------------------------------------------------------------
exits "list" 0 registry list --json
is "the newest first" "$(jq -c '[.champion_model_id, [.models[].model_id], [.models[].champion]]' "$OUT")" \
	"[3,[3,2,1],[true,false,false]]"
is "with what is stored" "$(jq -r '.models[1] | "\(.rows_train) \(.rows_holdout) \(.sha256)"' "$OUT")" \
	"$(sql "SELECT metrics ->> 'rows_train', holdout_n, encode(sha256, 'hex') FROM green_ml.model WHERE model_id = 2" | tr '|' ' ')"
exits "only some" 0 registry list --limit 2 --json
is "the newest" "$(jq -c '[.models[].model_id]' "$OUT")" "[3,2]"
exits "fewer promotions" 0 registry list --served --limit 1 --json
is "the newest, too" "$(jq -c '[.served[].model_id]' "$OUT")" "[3]"
exits "as text" 0 registry list
is "a line each, the champion with a star" "$(sed 1d "$OUT" | awk '{ print $1, $2 }' | paste -sd ' ')" "* 3 2 2023-11-12T09:00:00 1 2023-11-11T09:00:00"
exits "what served when" 0 registry list --served --json
is "from promotion to promotion" "$(jq -c '[.served[] | [.model_id, .from[:10], (.until // "")[:10]]] | .[1:]' "$OUT")" \
	'[[2,"2023-11-12","'"$(jq -r '.served[0].from[:10]' "$OUT")"'"],[1,"2023-11-11","2023-11-12"]]'
exits "show" 0 registry show 2 --json
is "has metrics, the gate's numbers and when it served" "$(jq -c '[.model_id, .metrics.trees, (.gate.n > 0), (.served | length)]' "$OUT")" \
	"[2,10,true,1]"
exits "as text" 0 registry show 2
like "too" "$(cat "$OUT")" 'trees: 10'
exits "a model that is not there" 2 registry show 9
like "is named" "$(cat "$ERR")" 'no model 9'

# --- promote and rollback ----------------------------------------------------------------------------------------------
psql -XAtq -c "LISTEN green_ml_promotion" -c "SELECT pg_sleep(3)" >listened &
LISTENER=$!
sleep 0.5
sql "INSERT INTO green_ml.retrain (pipeline_id, state, due_at, simulated) VALUES (1, 'waiting', now(), false)"
mkdir outputs
exits "promote" 0 env OUTPUT_DIR="$TMP/outputs" PGUSER=green_ml_trainer "$BIN/model-training" promote 1 --reason "it was better" --pipeline toy.json --json
is "makes it the champion" "$(jq -c '[.model_id, .replaced_model_id, .changed]' "$OUT") $(champion) $(cat outputs/model_id) $(cat outputs/promoted)" \
	"[1,3,true] 1 1 true"
is "with the reason, over the one before" "$(sql "SELECT reason, supersedes = 3 FROM green_ml.promotion ORDER BY promotion_id DESC LIMIT 1")" \
	"it was better|t"
is "a waiting need is cancelled" "$(sql 'SELECT state FROM green_ml.retrain')" cancelled
wait $LISTENER || :
like "model-api is told" "$(cat listened)" 'green_ml_promotion.*toy'
exits "again" 0 registry promote 1 --json
is "is nothing to do" "$(jq -c '[.model_id, .changed]' "$OUT") $(promotions)" "[1,false] 1 2 3 1"
exits "list" 0 registry list --limit 1 --json
is "knows a champion that is older than what it lists" \
	"$(jq -c '[.champion_model_id, [.models[].model_id], [.models[].champion]]' "$OUT")" "[1,[3,1],[false,true]]"
exits "as text" 0 registry list --limit 1
is "it has the star" "$(sed 1d "$OUT" | awk '{ print $1, $2 }' | paste -sd ' ')" "3 2023-11-13T09:00:00 * 1"
exits "rollback" 0 registry rollback --champion 1 --json
is "goes to the one before, though it is newer" "$(jq -c '[.model_id, .replaced_model_id, .changed]' "$OUT") $(champion)" "[3,1,true] 3"
is "as a promotion of its own" "$(sql 'SELECT reason, supersedes, restores FROM green_ml.promotion ORDER BY promotion_id DESC LIMIT 1')" \
	"rollback of promotion 4|4|3"
exits "repeated" 0 registry rollback --champion 1
is "it changes nothing" "$(champion)" 3
exits "another one" 0 registry rollback --reason "a reason does not matter"
exits "and another one" 0 registry rollback
is "go further back, not to and fro" "$(promotions)" "1 2 3 1 3 2 1"
exits "nothing served before the first" 2 registry rollback
like "is said" "$(cat "$ERR")" 'no model served before model 1'
exits "up again" 0 registry promote 3
exits "and another one" 0 registry promote 2
exits "rollback" 0 registry rollback
is "of a promotion above rollbacks goes to that before it" "$(champion)" 3
exits "another one" 0 registry rollback
is "to where the rollbacks had led" "$(champion) $(promotions)" "1 1 2 3 1 3 2 1 3 2 3 1"
exits "below it" 2 registry rollback

# --- two at once, killed, damaged ----------------------------------------------------------------------------------------
before=$(sql 'SELECT count(*) FROM green_ml.promotion')
for i in 1 2 3 4; do
	background "at-once-$i" as trainer "$BIN/model-training" promote 3 --pipeline toy.json
	pids[i]=$PID
done
for i in 1 2 3 4; do wait "${pids[i]}" || echo "$i failed" >>failed; done
is "four at once promote once" "$(cat failed 2>/dev/null || :) $(($(sql 'SELECT count(*) FROM green_ml.promotion') - before)) $(champion)" " 1 3"
exits "2 below 3" 0 registry promote 2
exits "which is the champion again" 0 registry promote 3
if "$BIN/killat" 1 true || [ $? = 137 ]; then
	calls=$(as trainer "$BIN/killat" 0 "$BIN/model-training" rollback --champion 3 --pipeline toy.json 2>/dev/null | tail -n 1)
	wrong=
	for ((point = calls - 1; point > calls / 2; point -= 1 + calls / 16)); do
		registry promote 3 >/dev/null 2>&1
		before=$(sql 'SELECT count(*) FROM green_ml.promotion')
		as trainer "$BIN/killat" "$point" "$BIN/model-training" rollback --champion 3 --pipeline toy.json >/dev/null 2>&1 || :
		registry rollback --champion 3 >/dev/null 2>&1 || wrong+="point $point: status $? "
		[ "$(champion) $(($(sql 'SELECT count(*) FROM green_ml.promotion') - before))" = "2 1" ] || wrong+="point $point: $(promotions) "
	done
	is "killed and repeated, a rollback happens once" "$wrong" ""
else
	skip "kill -9 in the middle" "no process may be traced here"
fi
sql "INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf, seed, data, content_sha256, run_id)
	SELECT pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf, seed, data, sha256('other'), run_id
	FROM green_ml.training_plan WHERE plan_id = 1;
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id)
	SELECT pipeline_id, (SELECT max(plan_id) FROM green_ml.training_plan), feature_set_id, bytes, sha256('other'), 1, 1, '{}', run_id
	FROM green_ml.model WHERE model_id = 1"
damaged=$(sql 'SELECT max(model_id) FROM green_ml.model')
now=$(champion)
exits "a damaged model is not promoted" 1 registry promote "$damaged"
is "the champion stays" "$(champion)" "$now"

# --- export --------------------------------------------------------------------------------------------------------------
exits "export" 0 registry export model.bin
is "writes the champion's bytes" "$(sha256sum <model.bin | cut -c1-64)" "$(sql 'SELECT sha256 FROM green_ml.champion')"
exits "or a model's, to stdout" 0 registry export - 2
is "as they are stored" "$(sha256sum <"$OUT" | cut -c1-64)" "$(sql "SELECT encode(sha256, 'hex') FROM green_ml.model WHERE model_id = 2")"
exits "as ONNX by its name" 0 registry export model.onnx
exits "or by option" 0 registry export other --format onnx
ok "the same" cmp model.onnx other
exits "an unknown format" 2 registry export other --format pickle
exits "the roles that only read may not promote" 1 as scheduler "$BIN/model-training" promote 1 --pipeline toy.json
plan_done
