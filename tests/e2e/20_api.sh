#!/usr/bin/env bash
# model-api on a real Kubernetes under load, by clients that keep their connections: its model changes 20 times, a training
# replaces it, and its pods are rolled twice. No request fails. About two minutes once cluster and images are built.
planned=15
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin

submit 300 pipeline/full-pipeline.yaml -p n_rows=50000
succeeded 'a first model'
FIRST=$(sql_there 'SELECT max(model_id) FROM green_ml.model')
like 'is served' "$(served)" '^[0-9]+$'
setpriv --pdeathsig TERM python3 "$ROOT/tests/integration/client.py" load 30004 8 "$TMP/stop" '[2,5,11,10,4]' >"$TMP/load" 2>&1 &
load_pid=$!
at_exit touch "$TMP/stop"

# --- a training, then models back and forth ----------------------------------------------------------------------------
submit 200 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=300000
succeeded 'more rows'
submit 300 pipeline/train-and-deploy-pipeline.yaml
succeeded 'another training under load'
SECOND=$(sql_there 'SELECT max(model_id) FROM green_ml.model')
ok "made another model ($FIRST, $SECOND)" test "$SECOND" -gt "$FIRST"
promote() { # MODEL_ID
	sql_there "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) SELECT pipeline_id, model_id, 'e2e'
		FROM green_ml.model WHERE model_id = $1 RETURNING promotion_id"
}
for _ in $(seq 10); do
	promote "$FIRST" >/dev/null
	last=$(promote "$SECOND")
done
serves_last() {
	[ "$(served)" = "$last" ]
}
ok '20 promotions: the last one is served' wait_for 20 serves_last

# --- the pods ----------------------------------------------------------------------------------------------------------
one_pod() {
	[ "$(kube get pods -l app.kubernetes.io/name=model-api -o name | wc -l)" = 1 ]
}
for round in 1 2; do
	kube rollout restart deployment/model-api >/dev/null
	ok "rolling restart $round" kube rollout status deployment/model-api --timeout=100s
	ok "the old pod of round $round ends" wait_for 60 one_pod
done
touch "$TMP/stop"
wait "$load_pid" || :
counts=$(cat "$TMP/load")
echo "# $counts"
like 'no request failed all the while' "$counts" '"failed": 0,'
like 'and there were many' "$counts" '"requests": [0-9]{4,},'
plan_done
