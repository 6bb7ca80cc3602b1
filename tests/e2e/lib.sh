# shellcheck shell=bash
# The beginning of every tests/e2e/NN_name.sh: tests/integration/lib.sh, a cluster, and what a user types at it.
#
#   planned=N                       how many tests there are: where they cannot run, so many are skipped
#   . "$(dirname "$0")/lib.sh"
#   cluster_begin                   an empty cluster, which goes at the end, or the whole script is skipped or fails
#   green_ml_begin                  and green-ml in it (pipeline/local)
#
# Scripts [01]* belong to "make test", [2-9]* to "make torture", all of them to "make e2e". A cluster that is up and
# that no test has started is left alone, and the tests are skipped; what a crashed test left is taken down first. With
# E2E_KEEP=1 the cluster that is up is used and stays; its namespace green-ml must be fresh then.
#
# E2E_WHY_NOT: why no cluster can run here; E2E_BROKEN: why it should but does not. tests/e2e/prepare says so.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

CLUSTER=$ROOT/tests/cluster/cluster
NAMESPACE=green-ml
STATE=$(dirname "$("$CLUSTER" kubeconfig)")
cd "$ROOT"

cluster_begin() {
	[ -z "${E2E_WHY_NOT:-}" ] || skip_all "$E2E_WHY_NOT"
	[ -z "${E2E_BROKEN:-}" ] || { result 0 "the cluster: $E2E_BROKEN" && plan_done; }
	[ "$(id -u)" = 0 ] || skip_all 'the cluster needs root'
	"$CLUSTER" cache >/dev/null || skip_all 'the cluster is not built: run "make cluster"'
	eval "$("$CLUSTER" env)"
	[ -z "${E2E_KEEP:-}" ] || return 0
	case $("$CLUSTER" owner) in
	none) ;;
	gone) "$CLUSTER" down >/dev/null 2>&1 ;;
	*) skip_all 'a cluster is up that these tests have not started: run "make cluster-down"' ;;
	esac
	at_exit "$CLUSTER" down
	ok 'an empty cluster' env CLUSTER_OWNER=$$ timeout 240 "$CLUSTER" up
	[ "$STATUS" = 0 ] || plan_done
}

green_ml_begin() {
	ok 'images and pipelines in it (pipeline/local)' timeout 1500 pipeline/local
	[ "$STATUS" = 0 ] || plan_done
}

kube() {
	timeout 120 kubectl --request-timeout=60s -n "$NAMESPACE" "$@"
}
sql_there() { # QUERY
	kube exec my-database-cluster-0 -- psql -U postgres -d app -XAtq -c "$1"
}
# Submits and waits; $OUT is what argo says, $WORKFLOW the name.
submit() { # SECONDS ARGUMENT...
	STATUS=0
	timeout "$1" argo submit --wait "${@:2}" >"$OUT" 2>"$ERR" || STATUS=$?
	WORKFLOW=$(name_in "$OUT")
}
name_in() { # FILE: the workflow's name in what argo submit has printed
	sed -n 's/^Name: *//p' "$1" | head -n 1
}
phase() { # WORKFLOW
	kube get workflow "$1" -o 'jsonpath={.status.phase}'
}
finished() { # WORKFLOW
	[ -n "$(kube get workflow "$1" -o 'jsonpath={.status.finishedAt}')" ]
}
output() { # WORKFLOW STEP PARAMETER
	kube get workflow "$1" -o json | jq -r --arg step "$2" --arg name "$3" '
		first(.status.nodes[] | select(.type == "Pod" and (.displayName | startswith($step)))
			| .outputs.parameters[]? | select(.name == $name) | .value)'
}
why() { # WORKFLOW: for the reader of a failure
	explain "$(argo get --no-color "$1" 2>&1)" "$(timeout 20 argo logs --no-color "$1" 2>&1 | tail -n 15)"
}
succeeded() { # DESC: the workflow of the last submit
	is "$1" "$(phase "$WORKFLOW")" Succeeded
	[ "$(phase "$WORKFLOW")" = Succeeded ] || why "$WORKFLOW"
}
predict() {
	curl -s -m 5 -X POST -H 'Content-Type: application/json' -d "$1" http://localhost:30004/predict
}
served() { # [PIPELINE]: the promotion
	curl -s -m 5 "http://localhost:30004/version?pipeline=${1:-insurance}" | sed -n 's/.*"promotion_id":\([0-9]*\).*/\1/p'
}
today() {
	date -u +%Y-%m-%dT00:00:00Z
}
# As the CronWorkflow does it, with a reading that needs no provider.
tick() { # FILE ARGUMENT...
	timeout 150 argo submit --wait --from cronwf/scheduler -p "carbon=list:$(today)/P1D:200,200" \
		-p specs=/etc/green-ml/specs/insurance.json "${@:2}" >"$1" 2>&1
}
# What the scheduler had submitted; by hand they have random names.
trainings() {
	kube get workflows -l green-ml/retrain -o 'jsonpath={.items[*].metadata.name}'
}
# What its own account may do, by both roads: $TOKEN, $TMP/ca.crt and $TMP/curl are there afterwards.
scheduler_account() {
	TOKEN=$(kube create token green-ml-scheduler)
	kube config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$TMP/ca.crt"
	ARGO_ADDRESS=$(kubectl -n argo get service argo-server -o 'jsonpath={.spec.clusterIP}')
	printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" >"$TMP/curl"
}
argo_api() { # PATH BODY: prints body and status
	curl -s -m 20 --config "$TMP/curl" --cacert "$TMP/ca.crt" --resolve "argo-server.argo.svc:2746:$ARGO_ADDRESS" \
		-w '\n%{http_code}' -H 'Content-Type: application/json' -d "$2" "https://argo-server.argo.svc:2746/api/v1$1" | tr '\n' ' '
}
kube_api() { # BODY: of a workflow that is not really made
	curl -s -m 20 --config "$TMP/curl" --cacert "$TMP/ca.crt" -w '\n%{http_code}' -H 'Content-Type: application/json' -d "$1" \
		"https://10.42.0.1:6443/apis/argoproj.io/v1alpha1/namespaces/$NAMESPACE/workflows?dryRun=All" | tr '\n' ' '
}
workflow() { # SPEC
	printf '{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{"generateName":"x-"},"spec":%s}' "$1"
}
# Registers the specs of a folder, as an operator does it: the ConfigMap, and the Job anew.
register_specs() { # FOLDER
	kube create configmap pipeline-specs --from-file="$1" --dry-run=client -o yaml |
		kube apply --server-side --force-conflicts -f - >/dev/null
	kubectl kustomize pipeline/overlays/local | awk 'BEGIN { RS = "---\n" } /kind: Job\n/ && /\n  name: green-ml-migrate\n/' >"$TMP/job.yaml"
	kube delete job green-ml-migrate --ignore-not-found >/dev/null
	kube apply --server-side -f "$TMP/job.yaml" >/dev/null
	kube wait --for=condition=complete job/green-ml-migrate --timeout=100s
}
