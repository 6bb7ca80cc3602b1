#!/usr/bin/env bash
# A real Prometheus over a real postgres_exporter and model-api, on this machine: the rules, the series of the database, every
# query of the dashboard, and metrics/measure-pods against answers of a Prometheus. What only a cluster has (pods, Argo) is
# asked for by tests/e2e/55_metrics.sh.
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
command -v promtool >/dev/null && command -v prometheus >/dev/null || skip_all 'prometheus is not installed'
DASHBOARD=metrics/kubernetes/dashboard.json

# --- files ------------------------------------------------------------------------------------------------------------
mkdir "$TMP/rules" && metrics/prometheus/rules >"$TMP/rules/rules.yaml"
cp metrics/prometheus/rules-test.yaml "$TMP/rules/"
ok "promtool check rules" promtool check rules "$TMP/rules/rules.yaml"
ok "promtool test rules" promtool test rules "$TMP/rules/rules-test.yaml"
is "every alert is tested" "$(sed -n 's/^ *- alert: //p' "$TMP/rules/rules.yaml" | while read -r name; do
	grep -q "alertname: $name}\$" metrics/prometheus/rules-test.yaml && grep -A1 "alertname: $name\$" metrics/prometheus/rules-test.yaml |
		grep -q exp_alerts || echo "$name"; done)" ""
sed -i 's/0.01$/0.02/' "$TMP/rules/rules.yaml"
sed -i 's/> 0.05$/> 5/' "$TMP/rules/rules.yaml"
not_ok "the test notices another limit" promtool test rules "$TMP/rules/rules-test.yaml"
metrics/prometheus/rules >"$TMP/rules/rules.yaml"
# Debian's build knows no Kubernetes: the jobs get the targets of a file, as by metrics/prometheus/host.
sed 's/kubernetes_sd_configs:/file_sd_configs:/; s/^  - role: .*/  - files: [none.json]/; /credentials_file/d; s/ca_file: [^,]*, //' \
	metrics/prometheus/prometheus.yaml >"$TMP/rules/prometheus.yaml"
ok "the scrape configuration is one" promtool check config "$TMP/rules/prometheus.yaml"
if command -v amtool >/dev/null; then
	ok "the example for Alertmanager is one" amtool check-config metrics/prometheus/alertmanager.yaml
	is "a critical alert goes to both" "$(amtool config routes test --config.file metrics/prometheus/alertmanager.yaml \
		alertname=GreenMlNoDecision severity=critical)" opsgenie,slack
else
	skip "the example for Alertmanager is one" "amtool is not installed (Debian: prometheus-alertmanager)"
fi
ok "the dashboard is JSON with panels" jq -e '.uid == "green-ml" and (.panels | length > 20)' "$DASHBOARD"
is "no query names a series that the exporter cannot have" "$(jq -r '.. | .expr? // empty' "$DASHBOARD" | grep -oP '(?<![:\w])green_ml_(pipeline|decisions|retrainings|step|saving|sci|load|runs|machine)_[a-z_0-9]+' | sort -u |
	while read -r name; do
		awk -v name="$name" '/^green_ml/ { sub(/:.*/, ""); query = $0 } /^  - / { gsub(/^  - |:.*/, ""); if (query "_" $0 == name) found = 1 }
			END { exit !found }' metrics/kubernetes/queries.yaml || echo "$name"; done)" ""

# --- measure-pods against a Prometheus that says what we want ----------------------------------------------------------
postgres_start
export GREEN_ML_REGISTER=$BIN/register
green_ml_database metrics --pipeline pipeline/specs/insurance.json >"$TMP/migrate.out"
sql "INSERT INTO green_ml.run (program, pipeline, state, lease_until, started_at, finished_at, wall_s, cpu_s, version, workflow, node) VALUES
	('model-training', 'insurance', 'done', now(), to_timestamp(1000), to_timestamp(1010), 10, 20, '', 'w-1', 'w-1-77'),
	('scheduler', 'insurance', 'done', now(), to_timestamp(1005), to_timestamp(1015), 10, 0.02, '', 'tick-1', 'tick-1'),
	('data-fetch', 'insurance', 'done', now(), to_timestamp(1030), to_timestamp(1031), 1, 0.3, '', 'w-2', 'w-2-5'),
	('data-fetch', 'insurance', 'done', now(), to_timestamp(1030), to_timestamp(1031), 1, 0.3, '', NULL, NULL)"
cat >"$TMP/prometheus.py" <<'PYTHON'
import http.server, json, sys, urllib.parse
POD = [("w-1-model-training-77", "init", "0.2"), ("w-1-model-training-77", "main", "20.1"), ("w-1-model-training-77", "wait", "0.3"),
       ("w-2-data-fetch-5", "main", "0.1")]
class Prometheus(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)["query"][0]
        if url.path.endswith("query_range"):
            # One CPU second a second until 1010, then a half.
            result = [{"metric": {}, "values": [[t, str(min(t, 1010) - 940 + max(0, t - 1010) / 2)] for t in range(940, 1040, 5)]}]
        elif "kepler" in query:
            result = [{"metric": {"pod_name": "w-1-model-training-77"}, "value": [1, "66"]}]
        else:
            result = [{"metric": {"pod": p, "container": c}, "value": [1, v]} for p, c, v in POD]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode())
    do_POST = do_GET
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Prometheus).serve_forever()
PYTHON
sed -i 's/query = urllib.parse.parse_qs(url.query)/query = urllib.parse.parse_qs(url.query or self.rfile.read(int(self.headers["Content-Length"])).decode())/' "$TMP/prometheus.py"
stub=$(free_port)
background stub python3 "$TMP/prometheus.py" "$stub"
wait_for 10 curl -s "http://127.0.0.1:$stub/x?query=x"
printf 'tick-1\t0.500000\n' >"$TMP/counted"
exits "measure-pods" 0 as metrics metrics/measure-pods --prometheus "http://127.0.0.1:$stub" --cgroups "$TMP/counted"
is "measures what it can match" "$(sql "SELECT run_id, pod_cpu_s, main_cpu_s, postgres_cpu_s, measured_j, source FROM green_ml.run_measurement ORDER BY 1")" \
	"1|20.6|20.1|7.5|66|prometheus+kepler
2|0.5||5||cgroup
3||0.1|0.5||prometheus"
is "the pod whose end was missed is left to the model" "$(sql "SELECT cpu_method, round(cpu_s::numeric, 2) FROM green_ml.run_cost WHERE run_id = 3")" \
	"getrusage + pod|0.65"
exits "again: nothing to do" 0 as metrics metrics/measure-pods --prometheus "http://127.0.0.1:$stub"
is "nothing is said" "$(cat "$OUT")" ""
sql "INSERT INTO green_ml.run (program, state, lease_until, started_at, finished_at, wall_s, cpu_s, version, workflow, node)
	VALUES ('scheduler', 'done', now(), now(), now(), 1, 1, '', 'w-9', 'w-9')"
exits "no Prometheus: try again later" 75 as metrics metrics/measure-pods --prometheus "http://127.0.0.1:1"

# --- the database's series ------------------------------------------------------------------------------------------------
command -v prometheus-postgres-exporter >/dev/null || {
	skip "the database's series" "postgres_exporter is not installed (Debian: prometheus-postgres-exporter)"
	plan_done
}
export DEMO_RESULT=$TMP/demo
unset PGHOST PGPORT PGUSER PGDATABASE
exits "a database with seven weeks" 0 env TMPDIR="$TMP" timeout -k 10 200 metrics/demo --keep
eval "$(grep '^  export PGHOST=' "$OUT")"
remove=$(sed -n 's/^  \(kill -INT .*\)/\1/p' "$OUT")
at_exit eval "$remove"
exporter=$(free_port) api=$(free_port) web=$(free_port)
background exporter env DATA_SOURCE_NAME="host=$PGHOST user=green_ml_metrics dbname=demo sslmode=disable" prometheus-postgres-exporter \
	--web.listen-address="127.0.0.1:$exporter" --extend.query-path=metrics/kubernetes/queries.yaml --disable-default-metrics \
	--disable-settings-metrics --no-collector.database --no-collector.bgwriter
background api env PGUSER=green_ml_api "$BIN/model-api" --host 127.0.0.1 --port "$api"
mkdir "$TMP/prom"
cat >"$TMP/prom/prometheus.yaml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$TMP/rules/rules.yaml]
scrape_configs:
- {job_name: postgres-exporter, static_configs: [{targets: ["127.0.0.1:$exporter"]}]}
- {job_name: model-api, static_configs: [{targets: ["127.0.0.1:$api"]}]}
YAML
background prometheus prometheus --config.file="$TMP/prom/prometheus.yaml" --storage.tsdb.path="$TMP/prom/data" --web.listen-address="127.0.0.1:$web"
ok "model-api is ready" wait_for 20 curl -sf "http://127.0.0.1:$api/health/ready"
ok "the exporter answers" wait_for 30 curl -sf "http://127.0.0.1:$exporter/metrics"
curl -s "http://127.0.0.1:$exporter/metrics" >"$TMP/series"
ok "the exporter tells the views" grep -q '^green_ml_saving_spent_grams_total{pipeline="insurance-scheduler"' "$TMP/series"
is "and only ours, by the names of the conventions" "$(grep green_ml "$TMP/series" | promtool check metrics 2>&1 | head -n 5)" ""
is "no view failed" "$(grep -i 'error\|permission' "$TMP/exporter.err" | head -n 3)" ""
ask() { # QUERY: the number of series in the answer
	curl -s -m 10 --data-urlencode "query=$1" "http://127.0.0.1:$web/api/v1/query" | jq -r 'if .status == "success" then .data.result | length else .error end'
}
for ((i = 0; i < 8; i++)); do
	curl -s -o "$TMP/answer" -H 'Content-Type: application/json' -d '{"row":[2,5,11,10,4],"model":"insurance-weekly"}' "http://127.0.0.1:$api/predict"
	sleep 1
done
some() {
	[ "$(ask 'rate(green_ml_api_predictions_total[1m])')" -gt 0 ] && [ "$(ask 'job:green_ml_api_latency_seconds:p99_rate5m')" -gt 0 ]
}
ok "Prometheus has scraped" wait_for 30 some
asked=0
while IFS= read -r query; do
	case $query in *argo_workflows* | *container_cpu*) continue ;; esac # on a cluster only
	query=${query//\$__rate_interval/1m}
	query=${query//\$pipeline/.*}
	count=$(ask "$query")
	asked=$((asked + 1))
	ok "dashboard: ${query:0:100}" test "$count" -gt 0
done < <(jq -r '.. | .expr? // empty' "$DASHBOARD")
ok "which are nearly all ($asked)" test "$asked" -ge 34
is "the ratio of Prometheus is that of the database" "$(curl -s --data-urlencode 'query=pipeline:green_ml_saving:ratio{pipeline="insurance-scheduler"}' \
	"http://127.0.0.1:$web/api/v1/query" | jq -r '.data.result[0].value[1] | tonumber * 1e6 | round')" \
	"$(psql -XAtqc "SELECT round(1e6 * (1 - sum(operational_g) / sum(every_week_g))) FROM green_ml.saving WHERE pipeline = 'insurance-scheduler'")"
plan_done
