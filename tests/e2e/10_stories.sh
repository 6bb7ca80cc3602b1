#!/usr/bin/env bash
# The stories on a real Kubernetes with a real Argo, once, with the commands of pipeline/README.md as a user types them in
# the folder pipeline: fetch, train, deploy; more rows, and a scheduler that has a training submitted; predictions all the
# while. Three to four minutes once cluster and images are built. The fourth story, the demo, needs no cluster:
# tests/integration/80_demo.sh. What goes wrong on the way is for [2-9]*.
planned=44
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin

# The commands are in the README to the letter, or this is not what a user types.
typed() { # SECONDS COMMAND
	is "pipeline/README.md has: $2" "$(grep -xF "$2" pipeline/README.md || :)" "$2"
	STATUS=0
	(cd pipeline && timeout "$1" bash -c "$2") >"$OUT" 2>"$ERR" || STATUS=$?
	WORKFLOW=$(name_in "$OUT")
}

# --- 1: fetch, preprocess, train, gate, deploy, verify ----------------------------------------------------------------
began=$SECONDS
typed 300 'argo submit --wait full-pipeline.yaml -p n_rows=100000'
took=$((SECONDS - began))
succeeded 'does all of it'
ok "in less than 90 s ($took s)" test "$took" -lt 90
is 'it loaded' "$(output "$WORKFLOW" data-fetch rows)" 100000
is 'and promoted' "$(output "$WORKFLOW" model-training promoted)" true
like 'progress was reported' "$(kube get workflow "$WORKFLOW" -o 'jsonpath={.status.progress}')" '^([0-9]+)/\1$'
is 'the database was asked by roles of least privilege' \
	"$(sql_there "SELECT string_agg(DISTINCT promoted_by, ',') FROM green_ml.promotion")" green_ml_trainer
is 'the steps know their workflow' "$(sql_there "SELECT DISTINCT workflow FROM green_ml.run WHERE program <> 'model-api'")" "$WORKFLOW"

# --- 3: predictions, from now on until the end ------------------------------------------------------------------------
typed 10 "curl -X POST -H 'Content-Type: application/json' -d '{\"row\":[2,5,11,10,4]}' http://localhost:30004/predict"
like 'answers' "$(cat "$OUT")" '^\{"prediction":"[0-4]".*"promotion":1\}'
(
	while [ ! -e "$TMP/stop" ]; do
		curl -s -m 5 -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' -d '{"row":[2,5,11,10,4]}' \
			http://localhost:30004/predict || echo cut
		sleep 0.01
	done >"$TMP/answers"
) &
at_exit touch "$TMP/stop"

# --- 2: more rows, then the scheduler ---------------------------------------------------------------------------------
# A second pipeline on the same rows is a new file and no code; no model passes the gate of this one.
mkdir "$TMP/specs"
cp pipeline/specs/*.json "$TMP/specs"
sed 's/"name": "insurance"/"name": "strict"/; s/"holdout": 0.2/"holdout": 0.2, "gate": {"min_accuracy": 0.99}/' \
	pipeline/specs/insurance.json >"$TMP/specs/strict.json"
like 'the new spec is on the same source' "$(cat "$TMP/specs/strict.json")" '"source": "insurance"'
ok 'migrate registers it' register_specs "$TMP/specs"
typed 60 'argo submit data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=100000'
fetching=$WORKFLOW
# These alone have drifted too little to be worth a training; those do.
submit 120 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=220000
succeeded 'rows of later weeks'
WORKFLOW=$fetching
wait_for 60 finished "$WORKFLOW" || :
succeeded 'and these'
is 'preprocessed for both pipelines of the source, the rows without a label apart' "$(sql_there "SELECT raw, mine > raw * 0.99, mine = strict
	FROM (SELECT count(*) AS raw FROM green_ml_data.insurance) a, (SELECT count(*) AS mine FROM green_ml_data.insurance_prep) b,
	(SELECT count(*) AS strict FROM green_ml_data.strict_prep) c")" '140000|t|t'
typed 30 'argo cron create scheduler-cron.yaml'
is 'is accepted' "$STATUS" 0
like 'and there' "$(timeout 30 argo cron list)" '^scheduler .*\*/15'
argo cron suspend scheduler >/dev/null # its own time does not come in the middle of what follows
tick "$TMP/one" &
first=$!
tick "$TMP/two" || :
wait "$first" || :
for name in one two; do
	WORKFLOW=$(name_in "$TMP/$name")
	succeeded "two ticks at once: $name"
done
is 'decide to train' "$(sql_there "SELECT DISTINCT verdict FROM green_ml.decision WHERE rule <> 'in_flight' AND verdict = 'train'")" train
is 'once' "$(sql_there 'SELECT count(*) FROM green_ml.retrain')" 1
WORKFLOW=$(trainings)
like 'and have it submitted once' "$WORKFLOW" '^train-and-deploy-insurance-[0-9]+-1$'
wait_for 120 finished "$WORKFLOW"
succeeded 'the training'
promotion=$(sql_there "SELECT max(promotion_id) FROM green_ml.promotion")
is 'its model is served' "$(served)" "$promotion"
tick "$TMP/three" || :
WORKFLOW=$(name_in "$TMP/three")
succeeded 'the next tick'
is 'closes the need' "$(sql_there 'SELECT state FROM green_ml.retrain')" succeeded

# --- a refused challenger is no failure -------------------------------------------------------------------------------
submit 120 pipeline/train-and-deploy-pipeline.yaml -p pipeline=strict
succeeded 'a training whose gate no model passes'
is 'promotes nothing' "$(output "$WORKFLOW" model-training promoted)" false
is 'deploys nothing' "$(kube get workflow "$WORKFLOW" -o json | jq -r '.status.nodes[] | select(.type == "Pod") | .displayName' | sort -u)" \
	'model-training(0)'
is 'and changes nothing that is served' "$(served) $(served strict)" "$promotion "

# --- what the scheduler may not do ------------------------------------------------------------------------------------
scheduler_account
ALLOWED='{"workflowTemplateRef":{"name":"train-and-deploy"},"arguments":{"parameters":[{"name":"pipeline","value":"insurance"}]}}'
like 'its token may create what it is for' "$(kube_api "$(workflow "$ALLOWED")")" ' 201$'
OTHER=$(workflow '{"workflowTemplateRef":{"name":"data-fetch"}}')
like 'and nothing else (Kubernetes API)' "$(kube_api "$OTHER")" 'the scheduler may only .* 422$'
like 'and nothing else (Argo server)' "$(argo_api "/workflows/$NAMESPACE" "{\"workflow\":$OTHER}")" 'the scheduler may only|code":3'

# --- a rollout under load ---------------------------------------------------------------------------------------------
kube rollout restart deployment/model-api >/dev/null
ok 'new pods of model-api' kube rollout status deployment/model-api --timeout=100s
old_pod_is_gone() {
	[ "$(kube get pods -l app.kubernetes.io/name=model-api -o name | wc -l)" = 1 ]
}
ok 'the old one ends' wait_for 60 old_pod_is_gone
touch "$TMP/stop"
sleep 0.5
ok "there were many requests ($(wc -l <"$TMP/answers"))" test "$(wc -l <"$TMP/answers")" -gt 500
is 'and none failed all the while' "$(sort "$TMP/answers" | uniq -c | awk '{ print $2 }' | tr '\n' ' ')" '200 '

# --- "restricted" -----------------------------------------------------------------------------------------------------
is 'the namespace enforces it' "$(kubectl get namespace "$NAMESPACE" -o json | jq -r '.metadata.labels["pod-security.kubernetes.io/enforce"]')" restricted
is 'no pod is root or writes to its root' "$(kube get pods -o json | jq -r '.items[] | .metadata.name as $pod | .spec.securityContext as $p
	| (.spec.initContainers // []) + .spec.containers | .[] | ($p + .securityContext)
	| select(.runAsNonRoot != true or (.runAsUser // 0) == 0 or .readOnlyRootFilesystem != true) | $pod')" ''
plan_done
