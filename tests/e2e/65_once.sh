#!/usr/bin/env bash
# Twice at once is once: loads, trainings, the CronWorkflow through the API. Then the other roads of an operator: fetching
# what has come, a scheduler on the Kubernetes API, one without its rights, a block that is lifted, how a workflow ended,
# posted. About six minutes.
planned=63
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin
new_rows() { # START_ROW
	submit 150 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row="$1"
	[ "$(phase "$WORKFLOW")" = Succeeded ]
}
newest_decision() { # COLUMN
	sql_there "SELECT $1 FROM green_ml.decision ORDER BY decision_id DESC LIMIT 1"
}
trained() { # DESC COUNT: the training of the newest need ends well, and the next tick closes the need
	WORKFLOW=$(sql_there 'SELECT workflow FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1')
	wait_for 120 finished "$WORKFLOW" || :
	succeeded "$1: the training"
	tick "$TMP/closing" || :
	is "$1: so many needs, trainings, and all of them are closed" "$(sql_there "SELECT count(*), count(*) FILTER (WHERE state = 'succeeded') FROM
		green_ml.retrain WHERE attempt < 5") $(trainings | wc -w)" "$2|$2 $2"
}
succeeded_all() { # DESC FILE...
	local desc=$1
	shift
	for name; do
		WORKFLOW=$(name_in "$name")
		succeeded "$desc: ${name##*/}"
	done
}

# --- the same load ----------------------------------------------------------------------------------------------------
submit 300 pipeline/full-pipeline.yaml -p n_rows=20000
succeeded 'a first model'
timeout 150 argo submit --wait pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=20000 >"$TMP/one" 2>&1 &
first=$!
timeout 150 argo submit --wait pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=20000 >"$TMP/two" 2>&1 || :
wait "$first" || :
succeeded_all 'the same load, submitted twice at once' "$TMP/one" "$TMP/two"
is 'is one load' "$(sql_there 'SELECT count(*) FROM green_ml.load WHERE start_row = 20000')" 1
is 'of rows that are there once' "$(sql_there 'SELECT count(*), count(DISTINCT _id) FROM green_ml_data.insurance')" '40000|40000'

# --- one training at a time -------------------------------------------------------------------------------------------
timeout 150 argo submit --wait pipeline/train-and-deploy-pipeline.yaml >"$TMP/one" 2>&1 &
first=$!
timeout 150 argo submit --wait pipeline/train-and-deploy-pipeline.yaml >"$TMP/two" 2>&1 || :
wait "$first" || :
succeeded_all 'two trainings at once' "$TMP/one" "$TMP/two"
is 'one after the other' "$(kube get workflows "$(name_in "$TMP/one")" "$(name_in "$TMP/two")" -o json | jq -r '
	[.items[] | [.status.nodes[] | select(.type == "Pod")] | [(map(.startedAt) | min), (map(.finishedAt) | max)]] | sort
	| if .[0][1] <= .[1][0] then "apart" else tostring end')" apart
is 'and the second finds the model of the first' "$(sql_there 'SELECT count(*) FROM green_ml.model')" 2

# --- the CronWorkflow, twice at once through the Argo server ----------------------------------------------------------
argo cron create pipeline/scheduler-cron.yaml >/dev/null
argo cron suspend scheduler >/dev/null
scheduler_account
kube create serviceaccount somebody >/dev/null
kube create rolebinding somebody --clusterrole=admin --serviceaccount="$NAMESPACE:somebody" >/dev/null
printf 'header = "Authorization: Bearer %s"\n' "$(kube create token somebody)" >"$TMP/curl"
submission=$(jq -nc --arg carbon "carbon=list:$(today)/P1D:200,200" '{namespace: "green-ml", resourceKind: "CronWorkflow", resourceName: "scheduler",
	submitOptions: {parameters: [$carbon, "specs=/etc/green-ml/specs/insurance.json"]}}')
ok 'rows that have drifted' new_rows 220000
argo_api "/workflows/$NAMESPACE/submit" "$submission" >"$TMP/reply1" &
first=$!
argo_api "/workflows/$NAMESPACE/submit" "$submission" >"$TMP/reply2"
wait "$first"
for i in 1 2; do
	like "accepted: $i" "$(cat "$TMP/reply$i")" ' 200$'
	WORKFLOW=$(sed 's/ 200$//' "$TMP/reply$i" | jq -r .metadata.name)
	ok "ends: $i" wait_for 100 finished "$WORKFLOW"
	succeeded "ends well: $i"
done
trained 'the CronWorkflow twice at once' 1

# --- without its rights the scheduler says so and loses nothing -------------------------------------------------------
ok 'more rows' new_rows 240000
kube get rolebinding green-ml-scheduler -o json | jq 'del(.metadata.managedFields, .metadata.uid, .metadata.resourceVersion)' >"$TMP/binding"
kube delete rolebinding green-ml-scheduler >/dev/null
sleep 1
tick "$TMP/tick" || :
WORKFLOW=$(name_in "$TMP/tick")
is 'a scheduler without its Role' "$(phase "$WORKFLOW")" Failed
like 'says what is missing' "$(timeout 20 argo logs --no-color "$WORKFLOW" 2>&1)" 'answered 403: .*Role'
like 'also where an operator looks' "$(sql_there "SELECT error FROM green_ml.run_state WHERE program = 'scheduler' ORDER BY run_id DESC LIMIT 1")" '403: '
is 'has decided, and its intent stands' "$(newest_decision verdict) $(sql_there 'SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1')" 'train intended'
kube apply --server-side --force-conflicts -f "$TMP/binding" >/dev/null
tick "$TMP/tick" || :
WORKFLOW=$(name_in "$TMP/tick")
succeeded 'with it the next tick'
trained 'with its Role' 2

# --- the Kubernetes API as the road, from inside a pod ----------------------------------------------------------------
# The first model knows nothing of the drift, so there is a reason again.
sql_there "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) SELECT pipeline_id, min(model_id), 'e2e' FROM green_ml.model
	GROUP BY pipeline_id"
ok 'more rows' new_rows 260000
kube get configmap green-ml-settings -o json | jq '{data}' >"$TMP/settings"
kube patch configmap green-ml-settings --type merge -p '{"data":{"VIA":"kube","ARGO_SERVER":"","ARGO_CA_FILE":""}}' >/dev/null
tick "$TMP/tick" || :
WORKFLOW=$(name_in "$TMP/tick")
succeeded '--via kube: the tick'
is '--via kube: the field manager is the scheduler, not the Argo server' \
	"$(kube get workflow "$(sql_there 'SELECT workflow FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1')" --show-managed-fields -o json |
		jq -r '.metadata.managedFields[].manager' | grep -c argo-server)" 0
trained '--via kube' 3
kube patch configmap green-ml-settings --type merge --patch-file "$TMP/settings" >/dev/null
kube patch configmap green-ml-settings --type json -p '[{"op":"remove","path":"/data/VIA"}]' >/dev/null

# --- five failed attempts, lifted on the cluster ----------------------------------------------------------------------
sql_there "INSERT INTO green_ml.retrain (pipeline_id, champion_model_id, state, due_at, attempt, simulated)
	SELECT pipeline_id, model_id, 'failed', now(), 5, false FROM green_ml.champion WHERE pipeline = 'insurance'"
tick "$TMP/tick" || :
is 'after five failed attempts' "$(newest_decision verdict)" blocked
tick "$TMP/tick" -p unblock=true || :
WORKFLOW=$(name_in "$TMP/tick")
succeeded '-p unblock=true'
is 'lifts the block' "$(newest_decision "verdict <> 'blocked'")" t

# --- rows that have come, fetched by their own CronWorkflow -----------------------------------------------------------
ok 'argo cron create pipeline/data-fetch-cron.yaml' timeout 30 argo cron create pipeline/data-fetch-cron.yaml
argo cron suspend data-fetch >/dev/null
submit 150 --from cronwf/data-fetch -p n_rows=5000 -p min_new_rows=1000
succeeded 'it goes on where the loads end'
is 'and loads what is there' "$(output "$WORKFLOW" data-fetch rows) $(sql_there 'SELECT max(start_row) FROM green_ml.load WHERE n_rows = 5000')" '5000 40000'
submit 150 --from cronwf/data-fetch -p n_rows=0 -p min_new_rows=600000
succeeded 'fewer rows than wanted'
is 'are left, and it is no failure' "$(output "$WORKFLOW" data-fetch rows) $(output "$WORKFLOW" data-fetch load_id)" '0 0'
is 'each row is there once' "$(sql_there 'SELECT count(*) = count(DISTINCT _id) FROM green_ml_data.insurance')" t

# --- what the scheduler's token may not create ------------------------------------------------------------------------
scheduler_account
while IFS=$'\t' read -r what spec; do
	like "not: $what (Kubernetes API)" "$(kube_api "$(workflow "$spec")")" 'the scheduler may only .* 422$'
	like "not: $what (Argo server)" "$(argo_api "/workflows/$NAMESPACE" "{\"workflow\":$(workflow "$spec")}")" 'the scheduler may only|code":3'
done <<TEXT
a template of its own	{"entrypoint":"a","templates":[{"name":"a","container":{"image":"a","command":["a"]}}]}
both	{"workflowTemplateRef":{"name":"train-and-deploy"},"templates":[{"name":"a","suspend":{}}]}
another service account	{"workflowTemplateRef":{"name":"train-and-deploy"},"serviceAccountName":"green-ml-deploy"}
a patch of pods	{"workflowTemplateRef":{"name":"train-and-deploy"},"podSpecPatch":"{}"}
a parameter that is not declared	{"workflowTemplateRef":{"name":"train-and-deploy"},"arguments":{"parameters":[{"name":"image","value":"x"}]}}
a parameter with a command in it	{"workflowTemplateRef":{"name":"train-and-deploy"},"arguments":{"parameters":[{"name":"pipeline","value":"x; y"}]}}
TEXT
for what in 'get secrets' 'create pods' 'get workflowtemplates' 'delete workflows' 'create cronworkflows'; do
	# shellcheck disable=SC2086
	is "may it $what" "$(kube auth can-i $what --as "system:serviceaccount:$NAMESPACE:green-ml-scheduler" 2>/dev/null || :)" no
done

# --- how it ended, posted ---------------------------------------------------------------------------------------------
cat >"$TMP/receiver.py" <<'PYTHON'
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open(sys.argv[2], "a") as log:
            print(self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"])).decode(), file=log, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("10.42.0.1", int(sys.argv[1])), Receiver).serve_forever()
PYTHON
port=$(free_port)
background receiver timeout 600 python3 "$TMP/receiver.py" "$port" "$TMP/posted"
kube create secret generic green-ml-notify --from-literal=url="http://10.42.0.1:$port/hook" \
	--from-literal=header='Authorization: GenieKey 123' >/dev/null
submit 120 pipeline/full-pipeline.yaml -p pipeline=no-such-pipeline -p n_rows=10
is 'a pipeline that is not there' "$(phase "$WORKFLOW")" Failed
like 'is posted, with the key' "$(cat "$TMP/posted" 2>/dev/null)" \
	"^GenieKey 123 \{\"text\": \"green-ml: $WORKFLOW of pipeline no-such-pipeline ended Failed after [0-9.]+ s\"\}$"
is 'once' "$(grep -c . "$TMP/posted")" 1
plan_done
