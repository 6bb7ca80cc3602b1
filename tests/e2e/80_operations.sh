#!/usr/bin/env bash
# docs/OPERATIONS.md from its first block of commands to its last, in its order: each is taken from the document and run, on
# an overlay that is made as it says; a block that this test does not know is a failure. What cannot run here is skipped
# with its reason. About eight minutes.
planned=62
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin # for its images: the namespace goes again

# The document's steps change files, so they work on a copy of what they name.
mkdir -p "$TMP/clone/build/release"
cp -r pipeline database docs CHANGELOG.md "$TMP/clone"
ln -s "$BIN" "$TMP/clone/build/release/bin"
cd "$TMP/clone"
export GREEN_ML_REGISTER=$BIN/register
kubectl delete namespace "$NAMESPACE" --timeout=150s >/dev/null

# --- the blocks of the document ---------------------------------------------------------------------------------------
awk -v folder="$TMP" '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (folder "/block" n) } END { print n }' \
	docs/OPERATIONS.md >"$TMP/blocks"
BLOCK=0
: >"$TMP/prelude" # the functions that the document defines on the way
known() { # BEGINNING: the next block begins so
	BLOCK=$((BLOCK + 1))
	[[ $(head -n 1 "$TMP/block$BLOCK") == "$1"* ]] && return 0
	result 0 "block $BLOCK of docs/OPERATIONS.md begins with \"$1\""
	explain "$(head -n 3 "$TMP/block$BLOCK")"
	plan_done
}
doc() { # BEGINNING [SED-SCRIPT]: runs it; the script fills in what the document leaves to the reader
	known "$1"
	{ cat "$TMP/prelude" && sed -e 's/| less$/| cat/' -e "${2:-}" "$TMP/block$BLOCK"; } >"$TMP/script"
	ok "$(head -n 1 "$TMP/block$BLOCK" | cut -c 1-80)" timeout 400 bash -euo pipefail "$TMP/script"
}
not_here() { # BEGINNING REASON
	known "$1"
	skip "$(head -n 1 "$TMP/block$BLOCK" | cut -c 1-80)" "$2"
}
inline() { # COMMAND [SED-SCRIPT]: one that stands in the text, between backquotes, perhaps over two lines
	local text
	text=$(tr '\n' ' ' <docs/OPERATIONS.md | sed 's/  */ /g')
	[[ $text == *"\`$1\`"* ]] || { result 0 "docs/OPERATIONS.md has: $1" && return 0; }
	{ cat "$TMP/prelude" && sed -e "${2:-}" <<<"$1"; } >"$TMP/script"
	ok "$(cut -c 1-80 <<<"$1")" timeout 400 bash -euo pipefail "$TMP/script"
}
forward() { # the document's port-forward; it ends with the database
	[ -z "${FORWARD:-}" ] || background_stop "$FORWARD"
	background forward kubectl port-forward service/my-database-cluster-rw 15432:5432
	FORWARD=$PID
	wait_for 60 grep -q Forwarding "$TMP/forward.out"
}
with_api='s/^curl/kubectl port-forward service\/model-api 5000:5000 >\/dev\/null \& forward=$!; trap "kill $forward" EXIT; sleep 3; curl/'

known 'kubectl config set-context'
ok 'the namespace as the default' bash -c "$(head -n 1 "$TMP/block1")"
like 'the port-forward' "$(cat "$TMP/block1")" '^kubectl port-forward service/my-database-cluster-rw 15432:5432'
sed -n '/^as() {/,/^}/p' "$TMP/block1" >"$TMP/prelude"

# --- install ----------------------------------------------------------------------------------------------------------
doc 'kubectl -n argo get configmap'
like 'Argo fits into "restricted"' "$(cat "$OUT")" 'runAsNonRoot: true'
not_here 'IMAGE_PREFIX=registry.example.com/green-ml pipeline/images' 'there is no registry to push to; 50_images.sh builds them'
# Step 4: a copy of azure without its registry, pool and storage class, and with the plain database.
cp -r pipeline/overlays/azure pipeline/overlays/mine
cp pipeline/overlays/local/data-source.yaml pipeline/overlays/mine
python3 - pipeline/overlays/mine <<'PYTHON'
import sys, yaml
path = sys.argv[1] + "/kustomization.yaml"
k = yaml.safe_load(open(path))
k["resources"] = [r for r in k["resources"] if not r.endswith(("kubernetes/secrets", "kubernetes/cnpg"))]
k["resources"] += ["../../../database/kubernetes/plain", "data-source.yaml"]
k["patches"] = [p for p in k["patches"] if p.get("target", {}).get("kind") != "Cluster" and p.get("path") != "training-pool.yaml"]
k["images"] = [{**i, "newName": i["name"]} for i in k["images"]] + [{"name": "green-ml/data-source", "newTag": k["images"][0]["newTag"]}]
yaml.safe_dump(k, open(path, "w"))
yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "green-ml-settings"}, "data": {
    "CARBON_PROVIDER": "list:2026-01-01T00:00:00Z/P3650D:200"}}, open(sys.argv[1] + "/settings.yaml", "w"))
PYTHON
doc 'kubectl kustomize pipeline/overlays/mine'
like 'the specs are registered' "$(cat "$OUT")" 'insurance: registered'
forward
doc "as metrics psql -c 'SELECT name, version"
doc 'read -rs token' 's/^read -rs token/token=x/; s/^read -rs url/url=http:\/\/10.42.0.1:1\/x/'
kube delete secret green-ml-electricity-maps green-ml-notify >/dev/null # nobody listens there
doc 'argo submit --wait pipeline/full-pipeline.yaml' "/^kubectl port-forward/d; $with_api"
like 'it predicts' "$(cat "$OUT")" '"prediction":"[0-4]"'
doc 'argo submit --wait pipeline/data-fetch-pipeline.yaml'
like 'both CronWorkflows are there' "$(tr '\n' ' ' <"$OUT")" ' data-fetch .* scheduler | scheduler .* data-fetch '
argo cron suspend scheduler >/dev/null
argo cron suspend data-fetch >/dev/null

# --- upgrade, roll back, pause ----------------------------------------------------------------------------------------
doc 'argo cron suspend scheduler ' 's/^kubectl diff.*/kubectl diff --server-side -k pipeline\/overlays\/mine || [ $? = 1 ]/'
argo cron suspend scheduler >/dev/null
# The models of the document are 1 and 2; the one that is rolled back is the champion of now.
doc 'training() {'
sed -n '/^training() {/p' "$TMP/block$BLOCK" >>"$TMP/prelude"
submit 200 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=220000
doc 'plan=$(training --plan'
doc 'argo cron suspend scheduler'
model=$(sql_there "SELECT model_id FROM green_ml.champion WHERE pipeline = 'insurance'")
doc 'training rollback --champion 2' "s/--champion 2/--champion $model/"
promotion=$(sql_there 'SELECT max(promotion_id) FROM green_ml.promotion')
doc 'argo submit --wait --from workflowtemplate/verify' "s/promotion_id=3/promotion_id=$promotion/; $with_api"
like 'the older model is served' "$(cat "$OUT")" '"model_id":1[,}]'
inline 'training export bad.forest 2'
kube set env deployment/model-api "API_PIN=insurance=$model" >/dev/null
ok 'a server that has the other model beside it' kube rollout status deployment/model-api --timeout=100s
doc 'curl -H' "s/versions\/7/versions\/$model/; $with_api"
like 'which answers, too' "$(cat "$OUT")" "\"model_version\":\"$model\""
kube set env deployment/model-api API_PIN- >/dev/null
doc 'kubectl exec my-database-cluster-0 -- psql -U postgres -d app -c "SELECT green_ml.declare_feedback_sample('
doc 'argo cron suspend scheduler'
argo cron suspend scheduler >/dev/null
inline 'argo submit pipeline/train-and-deploy-pipeline.yaml -p pipeline=insurance'
WORKFLOW=$(name_in "$OUT")
wait_for 150 finished "$WORKFLOW" || :
succeeded 'which ends well'

# --- secrets ----------------------------------------------------------------------------------------------------------
doc 'for secret in green-ml-loader'
inline 'kubectl rollout restart statefulset/my-database-cluster'
ok 'the database is back' kube rollout status statefulset/my-database-cluster --timeout=120s
forward
inline "as metrics psql -c 'SELECT 1'"
submit 200 pipeline/data-fetch-pipeline.yaml -p n_rows=1000 -p start_row=400000
succeeded 'the steps use the new passwords'
inline 'kubectl -n argo rollout restart deployment/argo-server'
ok 'it is back' kubectl -n argo rollout status deployment/argo-server --timeout=100s

# --- why, blocked, hanging --------------------------------------------------------------------------------------------
tick "$TMP/tick" || :
doc 'as metrics psql -x -c "SELECT decided_at'
like 'it tells the rule' "$(cat "$OUT")" '^rule +\| [a-z_]+$'
doc 'as scheduler build/release/bin/scheduler history'
doc 'as metrics psql -c "SELECT started_at, program, pipeline, state'
inline 'as scheduler build/release/bin/scheduler explain --pipeline pipeline/specs/insurance.json' 's/$/ --carbon list:2026-01-01T00:00:00Z\/P3650D:200 || [ $? = 75 ]/'
doc 'as metrics psql -c "SELECT m.model_id, m.created_at'
doc 'as metrics psql -c "SELECT e.at, e.state'
doc 'argo submit --wait --from cronwf/scheduler -p unblock=true'
doc 'argo list --running' "s/WORKFLOW/$WORKFLOW/"
doc 'kubectl get workflow WORKFLOW' "s/WORKFLOW/$WORKFLOW/"
doc 'kubectl get pods -l' "s/WORKFLOW/$WORKFLOW/"
doc 'kubectl auth can-i create workflowtaskresults'
is 'the executor may report' "$(cat "$OUT")" yes
doc 'kubectl exec my-database-cluster-0'
inline "as metrics psql -c 'SELECT * FROM green_ml.preprocessing_due'"
doc 'as metrics psql -c "SELECT r.retrain_id'

# --- backup, restore, disk space --------------------------------------------------------------------------------------
doc 'owner() {'
sed -n '/^owner() {/,/^}/p' "$TMP/block$BLOCK" >>"$TMP/prelude"
before=$(sql_there 'SELECT (SELECT count(*) FROM green_ml_data.insurance), (SELECT count(*) FROM green_ml.model), (SELECT count(*) FROM green_ml.decision)')
kube delete statefulset my-database-cluster >/dev/null
kube delete pvc data-my-database-cluster-0 --timeout=100s >/dev/null
cp -r pipeline/overlays/mine pipeline/overlays/empty
sed -i '/kubernetes\/migrate/d' pipeline/overlays/empty/kustomization.yaml
kubectl apply --server-side -k pipeline/overlays/empty >/dev/null
ok 'an empty database' kube rollout status statefulset/my-database-cluster --timeout=150s
forward
doc 'owner pg_restore'
like 'the migrations are known' "$(cat "$OUT")" '001_tables'
kube delete job green-ml-migrate --ignore-not-found >/dev/null
kubectl apply --server-side -k pipeline/overlays/mine >/dev/null
ok 'then with migrate again' kube wait --for=condition=complete job/green-ml-migrate --timeout=150s
is 'everything is there' "$(sql_there 'SELECT (SELECT count(*) FROM green_ml_data.insurance), (SELECT count(*) FROM green_ml.model), (SELECT count(*) FROM green_ml.decision)')" "$before"
doc 'as metrics psql -c "SELECT n.nspname'
is 'that was all of the document' "$BLOCK" "$(cat "$TMP/blocks")"
plan_done
