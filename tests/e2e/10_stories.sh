#!/usr/bin/env bash
# The stories on a real Kubernetes with a real Argo, as a user would type them: tests/cluster, pipeline/local, argo submit,
# argo cron create, curl. Root only, about five minutes with the cluster built and the images made. It takes the cluster
# that is up down and starts an empty one; with E2E_KEEP=1 it uses the one that is up and leaves it so, and then the
# namespace must be fresh.
. "$(dirname "$0")/../integration/lib.sh"
CLUSTER=$ROOT/tests/cluster/cluster
NAMESPACE=green-ml
SPECS=$ROOT/pipeline/specs
PREDICT=http://localhost:30004/predict
[ "$(id -u)" = 0 ] || skip_all 'the cluster needs root'
"$CLUSTER" cache >/dev/null || skip_all 'the cluster is not built: run "make cluster"'
python3 -c 'import json' || skip_all 'python3 is not installed'
eval "$("$CLUSTER" env)"
cd "$ROOT"

kube() {
	timeout 120 kubectl --request-timeout=60s "$@"
}
sql_there() { # QUERY
	kube exec my-database-cluster-0 -- psql -U postgres -d app -XAtq -c "$1"
}
# Submits and waits; $OUT is what argo says, $WORKFLOW the name.
submit() { # SECONDS ARGUMENT...
	STATUS=0
	timeout "$1" argo submit --wait "${@:2}" >"$OUT" 2>"$ERR" || STATUS=$?
	WORKFLOW=$(sed -n 's/^Name: *//p' "$OUT" | head -n 1)
}
phase() { # WORKFLOW
	kube get workflow "$1" -o 'jsonpath={.status.phase}'
}
finished() { # WORKFLOW
	[ -n "$(kube get workflow "$1" -o 'jsonpath={.status.finishedAt}')" ]
}
output() { # WORKFLOW STEP PARAMETER
	kube get workflow "$1" -o json | python3 -c '
import json, sys
nodes = [n for n in json.load(sys.stdin)["status"]["nodes"].values() if n["type"] == "Pod" and n["displayName"].startswith(sys.argv[1])]
print(next(p["value"] for n in nodes for p in n.get("outputs", {}).get("parameters", []) if p["name"] == sys.argv[2]))' "$2" "$3"
}
why() { # WORKFLOW: for the reader of a failure
	explain "$(argo get --no-color "$1" 2>&1)" "$(timeout 20 argo logs --no-color "$1" 2>&1 | tail -n 15)"
}
succeeded() { # DESC: the workflow of the last submit
	is "$1" "$(phase "$WORKFLOW")" Succeeded
	[ "$(phase "$WORKFLOW")" = Succeeded ] || why "$WORKFLOW"
}
predict() {
	curl -s -m 5 -X POST -H 'Content-Type: application/json' -d "$1" "$PREDICT"
}
served() {
	curl -s -m 5 "http://localhost:30004/version?pipeline=${1:-insurance}" | sed -n 's/.*"promotion_id":\([0-9]*\).*/\1/p'
}
today() {
	date -u +%Y-%m-%dT00:00:00Z
}

if [ -z "${E2E_KEEP:-}" ]; then
	"$CLUSTER" down >/dev/null 2>&1
	at_exit "$CLUSTER" down
	ok 'an empty cluster' timeout 240 "$CLUSTER" up
fi
ok 'images and pipelines in it (pipeline/local)' timeout 1500 pipeline/local

# --- 1: the full pipeline -------------------------------------------------------------------------------------------
began=$SECONDS
submit 300 pipeline/full-pipeline.yaml -p n_rows=100000
took=$((SECONDS - began))
succeeded 'argo submit --wait pipeline/full-pipeline.yaml -p n_rows=100000'
ok "in less than 90 s ($took s)" test "$took" -lt 90
is 'it loaded' "$(output "$WORKFLOW" data-fetch rows)" 100000
is 'and promoted' "$(output "$WORKFLOW" model-training promoted)" true
like 'progress was reported' "$(kube get workflow "$WORKFLOW" -o 'jsonpath={.status.progress}')" '^([0-9]+)/\1$'
like 'curl http://localhost:30004/predict' "$(predict '{"row":[2,5,11,10,4]}')" '^\{"prediction":"[0-4]".*"promotion":1\}'
is 'the database was asked by roles of least privilege' \
	"$(sql_there "SELECT string_agg(DISTINCT promoted_by, ',') FROM green_ml.promotion")" green_ml_trainer

# Requests while everything below happens.
(
	while [ ! -e "$TMP/stop" ]; do
		curl -s -m 5 -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' -d '{"row":[2,5,11,10,4]}' "$PREDICT" || echo cut
	done >"$TMP/answers"
) &
at_exit touch "$TMP/stop"

# --- the same load twice at once, and a pod that is lost ---------------------------------------------------------------
timeout 120 argo submit --wait pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=100000 >"$TMP/first" 2>&1 &
first=$!
submit 120 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=100000
wait "$first" || :
succeeded 'the same load, submitted twice at once: the one'
WORKFLOW=$(sed -n 's/^Name: *//p' "$TMP/first" | head -n 1)
succeeded 'the other'
is 'are one load' "$(sql_there 'SELECT count(*) FROM green_ml.load WHERE start_row = 100000')" 1
is 'of rows that are there once' "$(sql_there 'SELECT count(*), count(DISTINCT _id) FROM green_ml_data.insurance')" '120000|120000'

# The table is locked, so that the step is in the middle of its work for as long as it takes to kill it.
sql_there 'BEGIN; LOCK TABLE green_ml_data.insurance; SELECT pg_sleep(25)' >/dev/null 2>&1 &
argo submit -o name pipeline/data-fetch-pipeline.yaml -p n_rows=100000 -p start_row=300000 >"$OUT"
WORKFLOW=$(tail -n 1 "$OUT")
fetch_pod() {
	kube get pods -l "workflows.argoproj.io/workflow=$WORKFLOW" --field-selector status.phase=Running -o name | grep data-fetch
}
wait_for 60 fetch_pod
loader_waits() {
	[ "$(sql_there "SELECT count(*) FROM pg_stat_activity WHERE usename = 'green_ml_loader' AND wait_event_type = 'Lock'")" -gt 0 ]
}
wait_for 20 loader_waits
pod=$(fetch_pod)
uid=$(kube get "$pod" -o 'jsonpath={.metadata.uid}')
kube delete "$pod" --force --grace-period=0 >/dev/null 2>&1
wait_for 120 finished "$WORKFLOW"
succeeded 'a load whose pod was killed is done by the next one'
is 'once' "$(sql_there 'SELECT count(*), count(DISTINCT _id) FROM green_ml_data.insurance')" '220000|220000'
# Argo makes the pod anew, under its old name or as a retry.
like 'by another pod' "$(kube get pods -l "workflows.argoproj.io/workflow=$WORKFLOW" -o 'jsonpath={.items[*].metadata.name}')" data-fetch
unlike 'than the one that was killed' "$(kube get pods -o 'jsonpath={.items[*].metadata.uid}')" "$uid"

# --- a new pipeline is a new file; a refused challenger is no failure ---------------------------------------------------
mkdir "$TMP/specs"
cp "$SPECS"/*.json "$TMP/specs"
sed 's/"name": "insurance"/"name": "strict"/; s/"holdout": 0.2/"holdout": 0.2, "gate": {"min_accuracy": 0.99}/' \
	"$SPECS/insurance.json" >"$TMP/specs/strict.json"
kube create configmap pipeline-specs --from-file="$TMP/specs" --dry-run=client -o yaml |
	kube apply --server-side --force-conflicts -f - >/dev/null
kubectl kustomize pipeline/overlays/local | python3 -c '
import sys
print("---\n".join(d for d in sys.stdin.read().split("---\n") if "kind: Job\n" in d and "name: green-ml-migrate\n" in d))' >"$TMP/job.yaml"
kube delete job green-ml-migrate --ignore-not-found >/dev/null
kube apply --server-side -f "$TMP/job.yaml" >/dev/null
ok 'migrate registers a new spec' kube wait --for=condition=complete job/green-ml-migrate --timeout=100s
before=$(served)
submit 120 pipeline/full-pipeline.yaml -p pipeline=strict -p n_rows=20000 -p start_row=100000
succeeded 'a pipeline whose gate no model passes'
is 'promotes nothing' "$(output "$WORKFLOW" model-training promoted)" false
unlike 'deploys nothing' "$(argo get --no-color "$WORKFLOW")" '✔ (deploy|verify)'
is 'and changes nothing that is served' "$(served)" "$before"

# --- 2: the scheduler --------------------------------------------------------------------------------------------------
ok 'argo cron create pipeline/scheduler-cron.yaml' timeout 30 argo cron create pipeline/scheduler-cron.yaml
like 'is there' "$(timeout 30 argo cron list)" '^scheduler .*\*/15'
argo cron suspend scheduler >/dev/null # not in the middle of what follows
tick() { # NAME: as the CronWorkflow does it, with a reading that needs no provider
	timeout 150 argo submit --wait --from cronwf/scheduler -p "carbon=list:$(today)/P1D:200,200" \
		-p specs=/etc/green-ml/specs/insurance.json >"$TMP/$1" 2>&1
}
tick one &
first=$!
tick two || :
wait "$first" || :
for name in one two; do
	WORKFLOW=$(sed -n 's/^Name: *//p' "$TMP/$name" | head -n 1)
	succeeded "two ticks at once: $name"
done
is 'decided to train' "$(sql_there "SELECT DISTINCT verdict FROM green_ml.decision WHERE rule <> 'in_flight' AND verdict = 'train'")" train
is 'one retraining' "$(sql_there 'SELECT count(*) FROM green_ml.retrain')" 1
trainings() {
	kube get workflows -l workflows.argoproj.io/workflow-template=train-and-deploy -o name | sed '/train-and-deploy-[a-z0-9]*$/d'
}
is 'submitted once' "$(trainings)" workflow.argoproj.io/train-and-deploy-insurance-1-1
WORKFLOW=train-and-deploy-insurance-1-1
wait_for 120 finished "$WORKFLOW"
succeeded 'the training that the scheduler submitted'
ok 'its model is served' test "$(served)" -gt "$before"
tick three || :
WORKFLOW=$(sed -n 's/^Name: *//p' "$TMP/three" | head -n 1)
succeeded 'the next tick'
is 'closes the need' "$(sql_there 'SELECT state FROM green_ml.retrain')" succeeded

# --- steps that are killed -------------------------------------------------------------------------------------------------
step_process() { # PROGRAM: its process in a pod
	local pid
	for pid in $(pgrep -f "^/usr/local/bin/$1( |\$)"); do
		! grep -q kubepods "/proc/$pid/cgroup" 2>/dev/null || echo "$pid"
	done | grep -m 1 .
}
kill_each() { # PROGRAM...: one after the other, as soon as each is there
	local program pid
	for program in "$@"; do
		until pid=$(step_process "$program"); do sleep 0.01; done
		kill -9 "$pid" && echo "$program"
	done
}
# Preprocessing would be done before it can be killed, so its table is locked meanwhile.
sql_there 'BEGIN; LOCK TABLE green_ml_data.insurance_prep; SELECT pg_sleep(25)' >/dev/null 2>&1 &
kill_each data-fetch preprocessing model-training >"$TMP/killed" 2>/dev/null &
killer=$!
at_exit background_stop "$killer"
submit 300 pipeline/full-pipeline.yaml -p n_rows=20000 -p start_row=120000
is 'killed with SIGKILL' "$(tr '\n' ' ' <"$TMP/killed")" 'data-fetch preprocessing model-training '
succeeded 'the pipeline whose steps were killed once'
for name in data-fetch preprocessing model-training; do
	like "$name was tried again" "$(argo get --no-color "$WORKFLOW")" "✖ $name\(0\).*137"
done
is 'its rows are there once' "$(sql_there 'SELECT count(*), count(DISTINCT _id) FROM green_ml_data.insurance')" '240000|240000'
is 'every row was preprocessed once' \
	"$(sql_there 'SELECT count(*) = count(DISTINCT (_load_id, _row)) AND count(*) > 230000 FROM green_ml_data.insurance_prep')" t

# --- what the scheduler may not do ----------------------------------------------------------------------------------------
TOKEN=$(kube create token green-ml-scheduler)
kube config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$TMP/ca.crt"
ADDRESS=$(kube -n argo get service argo-server -o 'jsonpath={.spec.clusterIP}')
printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" >"$TMP/curl"
argo_api() { # PATH BODY: prints status and body
	curl -s -m 20 --config "$TMP/curl" --cacert "$TMP/ca.crt" --resolve "argo-server.argo.svc:2746:$ADDRESS" \
		-w '\n%{http_code}' -H 'Content-Type: application/json' -d "$2" "https://argo-server.argo.svc:2746/api/v1$1" | tr '\n' ' '
}
kube_api() { # BODY
	curl -s -m 20 --config "$TMP/curl" --cacert "$TMP/ca.crt" -w '\n%{http_code}' -H 'Content-Type: application/json' -d "$1" \
		"https://10.42.0.1:6443/apis/argoproj.io/v1alpha1/namespaces/$NAMESPACE/workflows?dryRun=All" | tr '\n' ' '
}
workflow() { # SPEC
	printf '{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{"generateName":"x-"},"spec":%s}' "$1"
}
ALLOWED='{"workflowTemplateRef":{"name":"train-and-deploy"},"arguments":{"parameters":[{"name":"pipeline","value":"insurance"}]}}'
like 'its token may create what it is for' "$(kube_api "$(workflow "$ALLOWED")")" ' 201$'
while IFS=$'\t' read -r what spec; do
	like "not: $what (Kubernetes API)" "$(kube_api "$(workflow "$spec")")" 'the scheduler may only .* 422$'
	like "not: $what (Argo server)" "$(argo_api "/workflows/$NAMESPACE" "{\"workflow\":$(workflow "$spec")}")" 'the scheduler may only|code":3'
done <<TEXT
another template	{"workflowTemplateRef":{"name":"data-fetch"}}
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

# --- one training at a time --------------------------------------------------------------------------------------------
for i in 1 2; do
	argo submit -o name pipeline/train-and-deploy-pipeline.yaml >"$TMP/train$i"
done
for i in 1 2; do
	WORKFLOW=$(cat "$TMP/train$i")
	wait_for 120 finished "$WORKFLOW"
	succeeded "two trainings at once: $i"
done
is 'one after the other' "$(kube get workflows "$(cat "$TMP/train1")" "$(cat "$TMP/train2")" -o json | python3 -c '
import json, sys
spans = []
for workflow in json.load(sys.stdin)["items"]:
    pods = [n for n in workflow["status"]["nodes"].values() if n["type"] == "Pod"]
    spans.append((min(n["startedAt"] for n in pods), max(n["finishedAt"] for n in pods)))
first, second = sorted(spans)
print("apart" if first[1] <= second[0] else "together: %s %s" % (first, second))')" apart

# --- a rollout under load ----------------------------------------------------------------------------------------------
kube rollout restart deployment/model-api >/dev/null
ok 'new pods of model-api' kube rollout status deployment/model-api --timeout=100s
sleep 8 # until the old one has ended

# --- how it ended, posted --------------------------------------------------------------------------------------------------
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
like 'is posted once, with the key' "$(cat "$TMP/posted" 2>/dev/null)" \
	"^GenieKey 123 \{\"text\": \"green-ml: $WORKFLOW of pipeline no-such-pipeline ended Failed after [0-9.]+ s\"\}$"
is 'once' "$(grep -c . "$TMP/posted")" 1
kube delete secret green-ml-notify >/dev/null

# --- nothing else happened ----------------------------------------------------------------------------------------------------
touch "$TMP/stop"
sleep 1
ok "there were many requests ($(wc -l <"$TMP/answers"))" test "$(wc -l <"$TMP/answers")" -gt 500
is 'and none failed meanwhile' "$(sort "$TMP/answers" | uniq -c | awk '{ print $2 }' | tr '\n' ' ')" '200 '
is 'no pod is root or writes to its root' "$(kube get pods -o json | python3 -c '
import json, sys
for pod in json.load(sys.stdin)["items"]:
    for c in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
        s = {**pod["spec"].get("securityContext", {}), **c.get("securityContext", {})}
        if not s.get("runAsNonRoot") or s.get("runAsUser", 0) == 0 or not s.get("readOnlyRootFilesystem"):
            print(pod["metadata"]["name"], c["name"])')" ''
plan_done
