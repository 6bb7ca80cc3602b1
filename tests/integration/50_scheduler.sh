#!/usr/bin/env bash
# scheduler: real PostgreSQL, real models, a scripted Argo server and a scripted Electricity Maps.
. "$(dirname "$0")/lib.sh"

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database scheduler --pipeline "$spec" >/dev/null
export DATA_ROOT=$TMP PIPELINE_SPEC=$spec GREEN_ML_REGISTER=$BIN/register
week="list:2023-11-14T00:00:00Z/P1D:282,445,552,615,404,224,448"
train="PGUSER=green_ml_trainer exec $BIN/model-training --threads 2"
field() { # JSON-KEY, of the last run's stdout
	python3 -c 'import json, sys
value = json.loads(open(sys.argv[1]).readline())[sys.argv[2]]
print("null" if value is None else value)' "$OUT" "$1"
}
load() { # FILE START ROWS, then preprocessed
	CSV_PATH=$1 START_ROW=$2 N_ROWS=$3 as loader "$BIN/data-fetch" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" >/dev/null 2>&1
}
scheduler() {
	as scheduler "$BIN/scheduler" "$@"
}
seed() { # NOW ARGUMENT...
	scheduler run --preset seed --carbon "$week" --via command --command "$train" --json --now "$@"
}
stub() { # NAME SCRIPT-LINE...: URL, and the requests in $TMP/NAME.log
	local name=$1
	shift
	printf '%s\n' "$@" >"$TMP/$name.script"
	: >"$TMP/$name.log"
	background "$name" "$BIN/stub-http" --script "$TMP/$name.script" --log "$TMP/$name.log" --seconds 60
	wait_for 5 test -s "$TMP/$name.out"
	URL=http://127.0.0.1:$(head -n 1 "$TMP/$name.out")
}
requests() { # NAME METHOD
	grep -c "^$2 /" "$TMP/$1.log" || :
}

"$BIN/generate" --rows 60000 --drift sudden --drift-from 8000 --drift-size 0.3 --output "$TMP/rows.csv" 2>/dev/null

# --- usage
exits "no command" 2 scheduler
exits "an unknown command" 2 scheduler forecast
exits "a policy this version does not have" 2 scheduler run --policy levels
like "the message lists those it has" "$(cat "$ERR")" 'threshold:T.*percentile:P.*forecast'
exits "a carbon provider this version does not have" 2 scheduler run --carbon energy-chart
like "the message lists those it has" "$(cat "$ERR")" 'electricity-maps.*list:.*file:'
exits "--via command without a command" 2 scheduler run --via command
exits "a pipeline that is not registered" 2 scheduler explain --as nobody --via command --command true
like "says what to do" "$(cat "$ERR")" 'database/migrate --pipeline'
is "nothing was decided" "$(sql 'SELECT count(*) FROM green_ml.decision')" 0

# --- the first model
exits "without rows there is nothing to do" 0 seed 2023-11-14T08:00:00Z
is "verdict" "$(field verdict) $(field rule)" "skip not_enough_evidence"
load rows.csv 0 8000
exits "explain" 0 scheduler explain --preset seed --carbon "$week" --via command --command "$train" --now 2023-11-14T09:00:00Z
like "explains the first model" "$(cat "$OUT")" '^insurance: TRAIN now: no model serves, 7[0-9]+ rows can be trained on, grid 282 now'
is "and stores nothing" "$(sql "SELECT (SELECT count(*) FROM green_ml.decision), (SELECT count(*) FROM green_ml.retrain)")" "1|0"
mkdir "$TMP/outputs"
OUTPUT_DIR=$TMP/outputs exits "run trains it" 0 seed 2023-11-14T09:00:00Z
is "verdict" "$(field verdict) $(field rule) $(field workflow)" "train first_model train-and-deploy-insurance-1-1"
is "step outputs" "$(cat "$TMP/outputs/verdict" "$TMP/outputs/workflow" "$TMP/outputs/decision_id")" \
	"traintrain-and-deploy-insurance-1-1$(field decision_id)"
is "the need is answered" "$(sql "SELECT state, attempt FROM green_ml.retrain")" "succeeded|1"
is "its events" "$(sql "SELECT string_agg(state, ' ' ORDER BY retrain_event_id) FROM green_ml.retrain_event")" \
	"intended accepted succeeded"
is "its plan carries the need" "$(sql "SELECT retrain_id FROM green_ml.training_plan")" 1
exits "the next tick" 0 seed 2023-11-14T09:15:00Z
is "is idle" "$(field verdict) $(field rule)" "skip not_enough_evidence"

# --- a small drop waits for a clean grid
load rows.csv 8000 2000
exits "the grid is at 445" 0 seed 2023-11-15T09:00:00Z
is "verdict" "$(field verdict) $(field rung) $(field reading_gco2_per_kwh) $(field latest_start_at)" "wait threshold 445.0 null"
is "look" "$(field look) $(field rows_evidence)" "1 2000"
exits "the same tick again" 0 seed 2023-11-15T09:15:00Z
is "takes no second look" "$(field look) $(sql 'SELECT count(*) FROM green_ml.evaluation')" "1 1"
is "nor opens a second need" "$(sql "SELECT count(*), min(state) FROM green_ml.retrain WHERE retrain_id > 1")" "1|waiting"
scored=$(sql "SELECT all_n, all_k FROM green_ml.evaluation")
python3 - "$scored" "$(field accuracy_new)" <<'PYTHON' && right=1 || right=0
import sys
n, k = map(int, sys.argv[1].split("|"))
sys.exit(abs(k / n - float(sys.argv[2])) > 1e-9)
PYTHON
is "the accuracy is the look's" "$right" 1
exits "an option of the specs' own rules instead of the preset" 0 scheduler explain --carbon "$week" --via command \
	--command "$train" --now 2023-11-15T09:00:00Z --policy threshold:400
like "explain gives numbers" "$(cat "$OUT")" 'accuracy [0-9.]+ % -> [0-9.]+ % on 2000 rows \(drop [0-9.]+ points, .* by look 1'
exits "the environment goes before the preset" 0 env CARBON_INTENSITY_THRESHOLD=450 PGUSER=green_ml_scheduler "$BIN/scheduler" explain \
	--preset seed --carbon "$week" --via command --command "$train" --now 2023-11-15T09:30:00Z --json
is "as its threshold" "$(field verdict) $(field policy)" "train threshold:450"
exits "and an option before the environment" 0 env LOW_ACCURACY_DECREASE=0 PGUSER=green_ml_scheduler "$BIN/scheduler" explain \
	--preset seed --carbon "$week" --via command --command "$train" --now 2023-11-15T09:30:00Z --json --low-accuracy-decrease 0.05
is "as its lower limit" "$(field verdict) $(field rule)" "skip no_drop"
load rows.csv 10000 2000
exits "at 615 with more rows" 0 seed 2023-11-17T09:00:00Z
is "it still waits, with a second look" "$(field verdict) $(field look)" "wait 2"
budgeted() { # GRAMS
	scheduler explain --preset seed --carbon "$week" --via command --command "$train" --json --now 2023-11-19T09:00:00Z \
		--carbon-budget-g "$1"
}
spent=$(sql "SELECT 1.001 * sum(operational_g) FROM green_ml.run_cost WHERE program = 'model-training'")
exits "at 224, the month's first training has used the grams up" 0 budgeted "$spent"
is "the second waits" "$(field verdict) $(field rule)" "wait over_budget"
exits "with a budget for both" 0 budgeted 100
is "it would train" "$(field verdict) $(field rule)" "train small_drop"
exits "at 224" 0 seed 2023-11-19T09:00:00Z
is "it trains" "$(field verdict) $(field rung) $(field workflow)" "train threshold train-and-deploy-insurance-2-1"
like "the need is answered" "$(sql "SELECT state, workflow FROM green_ml.retrain WHERE retrain_id = 2")" \
	'^(succeeded|refused)\|train-and-deploy-insurance-2-1$'
exits "the next tick" 0 seed 2023-11-19T09:15:00Z
is "does not train on equal evidence" "$(field verdict)" skip
is "one training per need" "$(sql "SELECT count(*), count(DISTINCT retrain_id) FROM green_ml.training_plan")" "2|2"

# --- a refused challenger
sed 's/"forest"/"gate": {"min_accuracy": 0.999}, "forest"/; s/"name": *"insurance"/"name": "strict", "source": "insurance"/' "$spec" \
	>"$TMP/strict.json"
grep -q min_accuracy "$TMP/strict.json" || python3 - "$spec" "$TMP/strict.json" <<'PYTHON'
import json, sys
spec = json.load(open(sys.argv[1]))
spec.update(name="strict", source="insurance", gate={"min_accuracy": 0.999})
json.dump(spec, open(sys.argv[2], "w"))
PYTHON
PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$TMP/strict.json" >/dev/null
as preprocessor "$BIN/preprocessing" --pipeline "$TMP/strict.json" >/dev/null 2>&1
exits "a challenger that is refused" 0 seed 2023-11-20T09:00:00Z --pipeline "$TMP/strict.json"
is "ends the need" "$(sql "SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" refused
exits "the next tick" 0 seed 2023-11-20T09:15:00Z --pipeline "$TMP/strict.json"
is "waits for more rows" "$(field verdict) $(field rule)" "skip refused_recently"

# --- attempts that fail
load rows.csv 12000 3000
as preprocessor "$BIN/preprocessing" --pipeline "$TMP/strict.json" >/dev/null 2>&1
failing() { # NOW ARGUMENT...
	scheduler run --preset seed --carbon "$week" --via command --command "exit 75" --json --pipeline "$TMP/strict.json" --now "$@"
}
exits "a command that fails" 1 failing 2023-11-20T10:00:00Z
like "says so" "$(cat "$ERR")" 'attempt 1 of retraining [0-9]+ failed: the command ended with status 75'
is "the need waits for an hour" "$(sql "SELECT state, attempt, not_before FROM green_ml.retrain WHERE state = 'waiting'")" \
	"waiting|2|2023-11-20 11:00:00+00"
exits "a tick within that hour" 0 failing 2023-11-20T10:45:00Z
is "starts nothing" "$(field verdict) $(field rule) $(field start_at)" "wait backing_off 2023-11-20T11:00:00Z"
for at in 2023-11-20T11:00:00Z 2023-11-20T13:00:00Z 2023-11-20T17:00:00Z; do
	exits "the attempt of $at" 1 failing $at
done
is "each attempt has its own name" "$(sql "SELECT count(DISTINCT workflow), max(workflow) FROM green_ml.decision
	WHERE rule = 'first_model' AND workflow LIKE '%strict-4-%'")" "4|train-and-deploy-strict-4-4"
exits "the fifth attempt" 1 failing 2023-11-21T01:00:00Z
is "closes the need" "$(sql "SELECT state, attempt FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" "failed|5"
exits "then it is blocked" 0 failing 2023-11-21T01:15:00Z
is "verdict" "$(field verdict)" blocked
like "with an alert" "$(cat "$ERR")" 'level=error .*verdict=blocked'
exits "until --unblock" 1 failing 2023-11-21T01:30:00Z --unblock
is "then it tries again" "$(field verdict) $(field workflow)" "train train-and-deploy-strict-5-1"
sql "UPDATE green_ml.retrain SET state = 'cancelled' WHERE state = 'waiting'" >/dev/null

# --- two ticks at once
sql "UPDATE green_ml.retrain SET state = 'cancelled' WHERE state IN ('waiting', 'intended', 'accepted')" >/dev/null
before=$(sql "SELECT count(*) FROM green_ml.retrain")
both() {
	scheduler run --policy now --low-accuracy-decrease 0 --carbon "$week" --via command --command "sleep 0.3; $train" \
		--preset seed --now 2023-11-16T09:00:00Z
}
load rows.csv 20000 6000
both >"$TMP/first" 2>&1 &
first=$!
both >"$TMP/second" 2>&1 || :
wait "$first" || :
is "two ticks at once lead to one retraining" "$(sql "SELECT count(*) - $before FROM green_ml.retrain")" 1
is "and to two decisions" "$(cat "$TMP/first" "$TMP/second" | grep -c '^insurance: ')" 2

# --- Argo
load rows.csv 30000 6000
argo() { # NOW ARGUMENT...
	BEARER_TOKEN=argo-test-token scheduler run --preset seed --policy now --carbon "$week" --argo-namespace argo --json --now "$@"
}
workflow() { # UID-LABEL PHASE
	echo "body {\"metadata\":{\"name\":\"$name\",\"uid\":\"u-1\",\"labels\":{\"green-ml/retrain\":\"$1\"}},\"status\":{\"phase\":\"$2\"}}"
}
exits "the server is away" 75 argo 2023-11-17T09:00:00Z --host "http://127.0.0.1:$(free_port)"
is "the intent is stored" "$(sql "SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" intended
name=$(field workflow)
label=$(sql "SELECT uid || '.' || attempt FROM green_ml.retrain WHERE state = 'intended'")
stub killed "GET /" "status 404" "body {\"code\":5}" "POST /" "delay 20000" "$(workflow "$label" "")"
background tick as scheduler env BEARER_TOKEN=argo-test-token "$BIN/scheduler" run --preset seed --policy now --carbon "$week" \
	--argo-namespace argo --host "$URL" --now 2023-11-17T09:15:00Z
wait_for 10 grep -q '^POST /' "$TMP/killed.log" || sleep 1
kill -9 "$PID"
is "killed in the middle of the submission, the intent stands" "$(sql "SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC
	LIMIT 1")" intended
stub accepts "GET /" "status 404" "body {\"code\":5}" "POST /api/v1/workflows/argo/submit$" "$(workflow "$label" "")" "GET /" "$(workflow "$label" Running)" \
	"GET /" "$(workflow "$label" Failed)"
exits "the next tick submits" 0 argo 2023-11-17T09:30:00Z --host "$URL"
is "under the same name" "$(field workflow)" "$name"
like "and the same label" "$(cat "$TMP/accepts.log")" "\"name\":\"$name\",\"labels\":\"green-ml/retrain=$label\",\"parameters\":\
\[\"pipeline=insurance\",\"retrain_id=[0-9]+\",\"now=2023-11-17T09:30:00Z\"\]"
like "with the token" "$(cat "$TMP/accepts.log")" '^Authorization: Bearer argo-test-token'
is "it is accepted" "$(sql "SELECT state, workflow_uid FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" "accepted|u-1"
exits "while it runs" 0 argo 2023-11-17T09:45:00Z --host "$URL"
is "nothing else starts" "$(field verdict) $(field rule) $(requests accepts POST)" "wait in_flight 1"
exits "when it failed" 0 argo 2023-11-17T10:00:00Z --host "$URL"
is "the next attempt waits" "$(field verdict) $(field rule) $(sql "SELECT state, attempt FROM green_ml.retrain WHERE state = 'waiting'")" \
	"wait backing_off waiting|2"
name=${name%-1}-2 label=${label%.1}.2
stub lost "POST /" "status 504" "body {\"code\":4,\"message\":\"timeout\"}" "GET /" "status 404" "body {\"code\":5}" "GET /" "$(workflow "$label" Running)"
exits "an answer that was lost" 75 argo 2023-11-17T11:00:00Z --host "$URL"
exits "is settled by the next tick" 0 argo 2023-11-17T11:15:00Z --host "$URL"
is "without a second submission" "$(field rule) $(requests lost POST) $(field workflow)" "in_flight 1 $name"
stub gone "GET /" "status 404" "body {\"code\":5}"
exits "a workflow that is gone" 0 argo 2023-11-17T12:00:00Z --host "$URL"
like "is a failed attempt" "$(sql "SELECT reason FROM green_ml.retrain_event ORDER BY retrain_event_id DESC LIMIT 1")" 'is gone'
stub outcome
PGUSER=green_ml_trainer RETRAIN_ID=$(sql "SELECT retrain_id FROM green_ml.retrain WHERE state = 'waiting'") \
	"$BIN/model-training" >"$TMP/trained" 2>&1
sql "UPDATE green_ml.retrain SET state = 'accepted' WHERE state = 'waiting'" >/dev/null
exits "an outcome in the database" 0 argo 2023-11-17T14:00:00Z --host "$URL"
like "counts before the workflow" "$(sql "SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" '^(succeeded|refused|cancelled)$'
is "and nothing was asked" "$(requests outcome GET)" 0

# --- the Kubernetes API
before=$(sql 'SELECT count(*) FROM green_ml.retrain')
load rows.csv 36000 6000
printf 'first-token' >"$TMP/token"
kube() { # NOW ARGUMENT...
	BEARER_TOKEN_FILE=$TMP/token scheduler run --preset seed --policy now --carbon "$week" --via kube --argo-namespace argo --json --now "$@"
}
workflows=/apis/argoproj.io/v1alpha1/namespaces/argo/workflows
absent() {
	echo "body {\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NotFound\",\"details\":{\"name\":\"$name\",\"kind\":\"workflows\"},\"code\":404}"
}
exits "--via kube outside of a pod, without HOST" 2 kube 2023-11-18T09:00:00Z
like "says what is missing" "$(cat "$ERR")" 'KUBERNETES_SERVICE_HOST.*HOST'
stub busy "POST $workflows\$" "status 429" "repeat 3"
exits "a Kubernetes API that is busy" 75 kube 2023-11-18T09:00:00Z --host "$URL"
is "was asked three times, and the intent is stored" "$(requests busy POST) $(sql "SELECT count(*) - $before, max(state) FILTER (WHERE state = 'intended')
	FROM green_ml.retrain")" "3 1|intended"
is "the run says why it failed after all" "$(sql "SELECT state, error ~ '429' FROM green_ml.run WHERE program = 'scheduler'
	ORDER BY run_id DESC LIMIT 1")" "failed|t"
name=$(field workflow)
label=$(sql "SELECT uid || '.' || attempt FROM green_ml.retrain WHERE state = 'intended'")
stub taken "GET $workflows/$name\$" "status 404" "$(absent)" "POST $workflows\$" "status 409" \
	"body {\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"already exists\",\"reason\":\"AlreadyExists\",\"code\":409}" \
	"GET $workflows/$name\$" "$(workflow "$label" "")" "GET $workflows/$name\$" "$(workflow "$label" Running)" \
	"GET $workflows/$name\$" "$(workflow "$label" Error)"
exits "a workflow that is there already" 0 kube 2023-11-18T09:15:00Z --host "$URL"
is "is ours" "$(sql "SELECT state, workflow FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1")" "accepted|$name"
like "a Workflow that references the template was posted" "$(cat "$TMP/taken.log")" '"workflowTemplateRef":\{"name":"train-and-deploy"\}'
like "with the token" "$(cat "$TMP/taken.log")" '^Authorization: Bearer first-token$'
printf 'second-token' >"$TMP/token"
exits "while it runs" 0 kube 2023-11-18T09:30:00Z --host "$URL"
is "nothing else starts" "$(field verdict) $(field rule) $(requests taken POST)" "wait in_flight 1"
like "and the token's file was read again" "$(cat "$TMP/taken.log")" '^Authorization: Bearer second-token$'
exits "when it ended as Error" 0 kube 2023-11-18T09:45:00Z --host "$URL"
is "the next attempt waits" "$(field verdict) $(field rule) $(sql "SELECT state, attempt FROM green_ml.retrain WHERE state = 'waiting'")" \
	"wait backing_off waiting|2"

# --- what a tick finds out counts in that tick already
sql "UPDATE green_ml.retrain SET state = 'accepted', attempt = 5 WHERE state = 'waiting'" >/dev/null
label=${label%.1}.5
stub fifth "GET $workflows/$name\$" "$(workflow "$label" Failed)"
before=$(sql 'SELECT count(*) FROM green_ml.retrain')
exits "when the fifth attempt ended as Failed" 0 kube 2023-11-18T11:00:00Z --host "$URL"
is "it is blocked at once" "$(field verdict) $(sql "SELECT count(*) - $before, max(state) FILTER (WHERE workflow = '$name') FROM green_ml.retrain")" \
	"blocked 0|failed"
is "and nothing was submitted" "$(requests fifth POST)" 0
sql "UPDATE green_ml.retrain SET state = 'accepted', attempt = 1 WHERE workflow = '$name'" >/dev/null
PGUSER=green_ml_trainer RETRAIN_ID=$(sql "SELECT retrain_id FROM green_ml.retrain WHERE state = 'accepted'") \
	"$BIN/model-training" --json >"$TMP/trained" 2>&1
like "a challenger is promoted" "$(cat "$TMP/trained")" '"promoted": *true'
ok "and rolled back before the next tick" env PGUSER=green_ml_trainer "$BIN/model-training" rollback
stub again "POST $workflows\$" "status 500"
exits "the tick that sees it end" 0 kube 2023-11-18T11:15:00Z --host "$URL"
is "makes nothing of the same evidence" "$(field verdict) $(field rule) $(requests again POST)" "skip answered 0"

# --- Electricity Maps
# One time for all of it: an hour that ends between two ticks is asked for anew.
hour=$(date -u -d '1 hour ago' +%Y-%m-%dT%H:00:00.000Z)
maps() { # URL ARGUMENT...
	ELECTRICITY_MAPS_TOKEN=maps-test-token scheduler run --carbon electricity-maps --electricity-maps-url "$@" --via command \
		--command true --json --now "${hour/:00:00.000Z/:30:00Z}"
}
stub maps "GET /carbon-intensity/latest?zone=DE&emissionFactorType=lifecycle$" "header Content-Type: application/json" \
	"body {\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"$hour\",\"isEstimated\":true}"
exits "a reading" 0 maps "$URL"
is "of Electricity Maps" "$(field reading_gco2_per_kwh) $(field source)" "302.0 electricity-maps/average/lifecycle/DE"
like "asked with the token" "$(cat "$TMP/maps.log")" '^auth-token: maps-test-token'
exits "and again" 0 maps "$URL"
is "comes from the cache; the day before and the forecast were asked for once" \
	"$(field reading_gco2_per_kwh) $(requests maps GET)" "302.0 3"
is "which holds it once" "$(sql "SELECT count(*), max(gco2_per_kwh), bool_and(is_estimated) FROM green_ml.carbon_intensity")" "1|302|t"
stub busy "GET /" "status 429" "header Retry-After: 3600" "body Too Many Requests"
exits "too many requests" 0 maps "$URL" --zone FR
is "is no reading" "$(field reading_gco2_per_kwh)" null
exits "and the provider's pause is kept" 0 maps "$URL" --zone FR
is "nothing was asked" "$(requests busy GET)" 1
like "and it says why" "$(field no_reading)" 'asked not to be asked before'
stub broken "GET /" "header Content-Type: text/html" "body <html>" "GET /" "status 401" "body {}" "GET /" \
	"body {\"zone\":\"AT\",\"carbonIntensity\":1,\"datetime\":\"$hour\"}"
for reason in 'text/html instead of JSON' 'refused the token' 'for zone "AT"'; do
	exits "a reply that is none" 0 maps "$URL" --zone SE
	like "is no reading: $reason" "$(field reading_gco2_per_kwh) $(field no_reading)" "null .*$reason"
done
unlike "no token is stored or logged" "$(cat "$ERR"; sql "SELECT inputs FROM green_ml.decision")" 'maps-test-token'

# --- a folder of specs
mkdir "$TMP/specs"
cp "$spec" "$TMP/specs/"
sed 's/"strict"/"absent"/' "$TMP/strict.json" >"$TMP/specs/absent.json"
exits "one pipeline's error does not stop the others" 2 scheduler run --pipeline "$TMP/specs" --via command --command true \
	--carbon "$week"
like "the other is decided" "$(cat "$OUT")" '^insurance: '
like "the error names its pipeline" "$(cat "$ERR")" 'pipeline \\"absent\\"'
is "every run row is closed" "$(sql "SELECT count(*) FROM green_ml.run WHERE program = 'scheduler' AND state = 'running'")" 0

plan_done
