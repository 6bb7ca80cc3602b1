#!/usr/bin/env bash
# A proxy breaks the road between the scheduler and a real Argo server, and a real Kubernetes API, while the verdict is
# "train": each fault leads to one submission, later. The Workflows run in a namespace of their own, with the Roles and the
# admission policy of pipeline/base and a template that only waits, so no image is needed. About three minutes.
planned=179
. "$(dirname "$0")/lib.sh"
NAMESPACE=green-ml-roads
cluster_begin

# --- what is needed ---------------------------------------------------------------------------------------------------
kube create namespace "$NAMESPACE" >/dev/null
mkdir "$TMP/roles"
cp pipeline/base/{accounts,roles,scheduler-policy}.yaml "$TMP/roles"
cat >"$TMP/roles/kustomization.yaml" <<TEXT
namespace: $NAMESPACE
resources: [accounts.yaml, roles.yaml, scheduler-policy.yaml]
TEXT
kube apply --server-side --force-conflicts -k "$TMP/roles" >/dev/null
cat >"$TMP/template.yaml" <<TEXT
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: train-and-deploy}
spec:
  entrypoint: wait
  arguments: {parameters: [{name: pipeline, value: insurance}, {name: retrain_id, value: ""}]}
  templates: [{name: wait, suspend: {}}]
TEXT
kube apply --server-side -f "$TMP/template.yaml" >/dev/null
kube create token green-ml-scheduler --duration=1h >"$TMP/token"
kube create token green-ml-step --duration=1h >"$TMP/token-of-another"
kube config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$TMP/ca.crt"
api=$(kube config view --raw -o 'jsonpath={.clusters[0].cluster.server}')
argo=$(kubectl -n argo get service argo-server -o 'jsonpath={.spec.clusterIP}')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=proxy -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$TMP/key.pem" -out "$TMP/certificate.pem" 2>/dev/null
cat "$TMP/key.pem" "$TMP/certificate.pem" >"$TMP/pair.pem"

postgres_start
export DATA_ROOT=$TMP PIPELINE_SPEC=$ROOT/pipeline/specs/insurance.json
green_ml_database faults --pipeline "$PIPELINE_SPEC" >/dev/null
"$BIN/generate" --rows 4000 --output "$TMP/rows.csv" 2>"$ERR"
ok 'rows' env CSV_PATH=rows.csv N_ROWS=4000 PGUSER=green_ml_loader "$BIN/data-fetch"
ok 'preprocessed' env PGUSER=green_ml_preprocessor "$BIN/preprocessing"

# The Argo server is reached over TLS, the Kubernetes API in plain text: that the scheduler verifies is another test.
background argo python3 tests/e2e/proxy.py --to "https://$argo:2746" --name argo-server.argo.svc --ca "$TMP/ca.crt" \
	--faults "$TMP/fault" --log "$TMP/log" --certificate "$TMP/pair.pem"
api_name=${api#https://}
background kube python3 tests/e2e/proxy.py --to "$api" --name "${api_name%:*}" --ca "$TMP/ca.crt" --faults "$TMP/fault" --log "$TMP/log"
wait_for 10 test -s "$TMP/argo.out" -a -s "$TMP/kube.out"

tick() { # ROAD ARGUMENT...
	local road=$1 host
	shift
	host=https://127.0.0.1:$(head -n 1 "$TMP/argo.out")
	[ "$road" = argo ] || host=http://127.0.0.1:$(head -n 1 "$TMP/kube.out")
	BEARER_TOKEN_FILE=${TOKEN:-$TMP/token} as scheduler timeout 100 "$BIN/scheduler" run --json \
		--preset seed --policy now --carbon "list:$(date -u +%Y-%m-%dT00:00:00Z)/P1D:200,200" \
		--via "$road" --host "$host" --argo-ca-file "$TMP/certificate.pem" --argo-namespace "$NAMESPACE" "$@"
}
# The need is forgotten; the next one has another id and so another name.
new_need() {
	sql 'SET session_replication_role = replica; TRUNCATE green_ml.retrain CASCADE' >/dev/null 2>&1
	: >"$TMP/fault"
	: >"$TMP/log"
	workflows_before=$(workflows)
}
workflows() {
	kube get workflows -o name | wc -l
}
state() {
	sql "SELECT string_agg(state, ',') FROM green_ml.retrain"
}
last_error() { # of a run, as docs/OPERATIONS.md asks for it
	sql "SELECT error FROM green_ml.run_state WHERE program = 'scheduler' ORDER BY run_id DESC LIMIT 1"
}
posts() { # that reached the server and made a workflow
	grep -Ec '^POST .* 20[01]$' "$TMP/log" || :
}
# A tick without faults: accepted, one workflow more, whose uid and name are those of the row, and no second one.
heals() { # ROAD DESC
	local id
	: >"$TMP/fault"
	exits "$2: the next tick without it" 0 tick "$1"
	id=$(sql "SELECT workflow || ' ' || workflow_uid FROM green_ml.retrain WHERE state = 'accepted'")
	run tick "$1"
	is "$2: submitted once, and that is known" \
		"$STATUS $(state) $(posts) $(($(workflows) - workflows_before)) $(kube get workflow "${id% *}" -o 'jsonpath={.metadata.name} {.metadata.uid}' 2>&1)" \
		"0 accepted 1 1 $id"
}

# --- the whole road is broken, for two ticks ----------------------------------------------------------------------------
for road in argo kube; do
	while read -r fault code; do
		new_need
		echo "ANY $fault" >"$TMP/fault"
		exits "$road, $fault" "$code" tick "$road"
		is "$road, $fault: the intent stands" "$(state) $(sql 'SELECT verdict FROM green_ml.decision ORDER BY decision_id DESC LIMIT 1')" 'intended train'
		exits "$road, $fault, a second tick" "$code" tick "$road"
		heals "$road" "$road, $fault"
	done <<TEXT
429 75
500 1
501 1
503 75
504 75
html 1
cut-before 75
cut-after 75
cut-answer 75
500-after 1
503-after 75
504-after 75
TEXT
	# --- only the submission is broken: asking for the workflow settles it at once
	for fault in cut-after cut-answer 504-after; do
		new_need
		echo "POST $fault" >"$TMP/fault"
		exits "$road, only the answer to the submission: $fault" 0 tick "$road"
		heals "$road" "$road, only that"
	done
	# --- tokens
	new_need
	echo 'not-a-token' >"$TMP/wrong"
	TOKEN=$TMP/wrong exits "$road, a wrong token" 1 tick "$road"
	like 'says so' "$(cat "$ERR")" 'answered 401: .*BEARER_TOKEN'
	like 'also where an operator looks' "$(last_error)" '401: '
	TOKEN=$TMP/token-of-another exits "$road, the token of an account without the right" 1 tick "$road"
	like 'says so' "$(cat "$ERR")" 'answered 403: .*Role'
	like 'also where an operator looks' "$(last_error)" '403: '
	is 'the intent stands' "$(state)" intended
	heals "$road" "$road, the right token"
done

# --- slow -------------------------------------------------------------------------------------------------------------------
new_need
echo 'POST slow-after 33' >"$TMP/fault"
exits 'an answer that takes 33 s' 0 tick argo
heals argo 'is not waited for'
new_need
echo 'POST slow-before 33' >"$TMP/fault"
exits 'a submission that is on its way for 33 s' 75 tick argo
is 'has not arrived when the scheduler gives up' "$(state) $(posts)" 'intended 0'
ok 'arrives' wait_for 20 grep -q '^POST .* slow-before 20' "$TMP/log"
heals argo 'is found'

# --- a template that is not there ------------------------------------------------------------------------------------------
new_need
kube delete workflowtemplate train-and-deploy >/dev/null
sleep 2 # until the server's copy has lost it
exits 'without the template' 1 tick argo
like 'says so' "$(cat "$ERR")" 'answered 404: .*train-and-deploy.* not found'
like 'also where an operator looks' "$(last_error)" '404: '
is 'the intent stands' "$(state)" intended
kube apply --server-side -f "$TMP/template.yaml" >/dev/null
ok 'when it is back, a tick submits' wait_for 30 tick argo
heals argo 'the template is back'

# --- the recorded replies in tests/cases/argo are what this server says -------------------------------------------------
scheduler_account
recorded() { # CASE: status, code and message
	jq -r '.script | (map(select(startswith("status ")))[0] | .[7:]) as $status |
		(map(select(startswith("body ")))[0] | .[5:] | fromjson) | "\($status) \(.code) \(.message)"' "tests/cases/argo/$1.json"
}
said() { # NAME LABELS [TOKEN-FILE]: the same of a real submission
	[ -z "${3:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$(cat "$3")" >"$TMP/curl"
	argo_api "/workflows/$NAMESPACE/submit" "$(jq -nc --arg name "$1" --arg template "$2" --arg namespace "$NAMESPACE" '{namespace: $namespace,
		resourceKind: "WorkflowTemplate", resourceName: $template, submitOptions: {name: $name, parameters: ["pipeline=insurance"]}}')" >"$TMP/reply"
	echo "$(sed 's/.* \([0-9]*\)$/\1/' "$TMP/reply") $(sed 's/ [0-9]*$//' "$TMP/reply" | jq -r '"\(.code) \(.message)"')"
}
name=train-and-deploy-insurance-12-1
is '404' "$(said "$name" train-and-deploy-not | sed 's/-not//')" "$(recorded submit_404)"
said "$name" train-and-deploy >/dev/null
is '409' "$(said "$name" train-and-deploy)" "$(recorded submit_409_ours)"
like '403' "$(said "$name-x" train-and-deploy "$TMP/token-of-another")" "^$(recorded submit_403 | sed 's/ is forbidden//').* is forbidden"
is '401' "$(said "$name" train-and-deploy "$TMP/wrong")" "$(recorded submit_401)"
plan_done
