#!/usr/bin/env bash
# Prometheus over a real cluster with a real Argo, as metrics/prometheus has it: every target answers, every rule is evaluated,
# every query of the dashboard returns data; and a week of the experiment. About six minutes. With E2E_KEEP=1 it uses the
# cluster that is up, with what is in it, and leaves the experiment out, which would empty it. How far Prometheus' CPU seconds
# and ours agree over seven weeks, metrics/experiment --on argo says.
planned=$([ -n "${E2E_KEEP:-}" ] && echo 61 || echo 64)
. "$(dirname "$0")/lib.sh"
for program in prometheus promtool prometheus-postgres-exporter jq; do
	command -v "$program" >/dev/null || skip_all "$program is not installed: run \"tests/deps metrics\""
done
cluster_begin
if [ -z "${E2E_KEEP:-}" ]; then
	green_ml_begin
	submit 300 pipeline/full-pipeline.yaml -p n_rows=30000
	succeeded 'a model'
	submit 200 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=100000
	succeeded 'a load'
	timeout 30 argo cron create pipeline/scheduler-cron.yaml >/dev/null
	argo cron suspend scheduler >/dev/null
	submit 150 --from cronwf/scheduler -p "carbon=list:$(date -u +%Y-%m-%dT00:00:00Z)/P1D:200,200" \
		-p specs=/etc/green-ml/specs/insurance.json
	succeeded 'a tick'
fi
ok 'metrics/kubernetes renders' kubectl kustomize metrics/kubernetes
like 'with the dashboard for the sidecar' "$(cat "$OUT")" 'grafana_dashboard: "1"'

# --- Prometheus and the exporter -------------------------------------------------------------------------------------------
address=$(kube get service my-database-cluster-rw -o 'jsonpath={.spec.clusterIP}')
password=$(kube get secret green-ml-metrics -o 'jsonpath={.data.password}' | base64 -d)
exporter=$(free_port) web=$(free_port)
background exporter env DATA_SOURCE_NAME="host=$address user=green_ml_metrics password=$password dbname=app sslmode=disable" \
	prometheus-postgres-exporter --web.listen-address="127.0.0.1:$exporter" --extend.query-path=metrics/kubernetes/queries.yaml \
	--disable-default-metrics --disable-settings-metrics --no-collector.database --no-collector.bgwriter
mkdir -p "$TMP/prometheus/targets"
echo "- {targets: [\"127.0.0.1:$exporter\"]}" >"$TMP/prometheus/targets/exporter.yaml"
background prometheus metrics/prometheus/host "$TMP/prometheus" "$web" 2s
ask() { # PATH NAME=VALUE...
	curl -s -m 10 -G "http://127.0.0.1:$web/api/v1/$1" "${@:2}"
}
count() { # QUERY: how many series
	ask query --data-urlencode "query=$1" | jq -r 'if .status == "success" then .data.result | length else .error end'
}
there() { # QUERY
	[ "$(count "$1")" -gt 0 ]
}
ok 'Prometheus answers' wait_for 60 curl -sf "http://127.0.0.1:$web/-/ready"
ok 'the API is up' wait_for 60 there 'up{job="model-api"} == 1'
pipeline=$(curl -s -m 5 http://localhost:30004/metrics | sed -n 's/.*pipeline="\([a-z-]*\)".*/\1/p' | head -n 1)
for i in 1 2 3 4 5 6 7 8 9 10; do
	curl -s -m 5 -o /dev/null -H 'Content-Type: application/json' -d "{\"row\":[2,5,11,10,4],\"model\":\"${pipeline:-insurance}\"}" \
		http://localhost:30004/predict
	sleep 1
done
PGHOST=$address PGUSER=green_ml_metrics PGDATABASE=app PGPASSWORD=$password run metrics/api-usage http://localhost:30004
is 'api-usage reads the server' "$STATUS" 0
ok 'pods are counted' wait_for 60 there 'rate(container_cpu_usage_seconds_total{namespace="green-ml",container="postgres"}[1m])'
ok 'Argo counts' wait_for 60 there 'argo_workflows_total_count'
ok 'requests have a latency' wait_for 60 there 'job:green_ml_api_latency_seconds:p99_rate5m'
ok 'grams of predictions' wait_for 60 there 'job:green_ml_api_grams_per_1000_predictions:rate1h'
for job in kubelet-cadvisor model-api argo-workflow-controller postgres-exporter-outside; do
	is "target $job" "$(ask query --data-urlencode "query=min(up{job=\"$job\"})" | jq -r '.data.result[0].value[1]')" 1
done

# --- every query, every rule -----------------------------------------------------------------------------------------------
while IFS= read -r query; do
	query=${query//\$__rate_interval/1m}
	ok "dashboard: ${query:0:110}" there "${query//\$pipeline/.*}"
done < <(jq -r '.. | .expr? // empty' metrics/kubernetes/dashboard.json)
is 'every rule is evaluated' "$(ask rules | jq -r '[.data.groups[].rules[] | select(.health != "ok") | .name] | join(" ")')" ''
is 'which are all' "$(ask rules | jq '[.data.groups[].rules[]] | length')" "$(metrics/prometheus/rules | grep -cE '^ *- (alert|record):')"
ask alerts | jq -r '.data.alerts[] | .labels.alertname + " " + .state' | sort -u >"$TMP/alerts"
unlike 'no alert about the API of a cluster that is well' "$(cat "$TMP/alerts")" 'GreenMlApi(Down|Errors) firing|GreenMlDatabaseSilent'

# --- two runs of the experiment: the workflows of the second have the names of the first's --------------------------------
if [ -z "${E2E_KEEP:-}" ]; then
	ok 'a week of the experiment' timeout 900 metrics/experiment --on argo --weeks 1 --fake 0.05 --output "$TMP/experiment"
	is 'with fake computation and without' "$(cut -d, -f2 "$TMP/experiment/experiment-argo.csv" | sort -u | paste -sd' ')" '0 0.05 fake_scale'
	is 'every run is measured once' "$(awk -F, '$3 != "" { print $1, $2, $3 }' "$TMP/experiment/pods-argo.csv" | sort | uniq -d)" ''
fi
plan_done
