#!/usr/bin/env bash
# model-api: what it answers, how it refuses, and that it keeps answering whatever happens to models and database.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/api.sh"
# --- wrong usage -----------------------------------------------------------------------------------------------
exits "a list of pipelines that holds no name is refused" 2 "$API" --pipelines 'a,B_'
exits "a folder without specs is refused" 2 "$API" --pipeline "$TMP"
exits "a host that is none is refused" 2 "$API" --host 'no host'
ok "--help names every option" test "$("$API" --help | grep -c '^  --')" = 27

# --- without database, without model ---------------------------------------------------------------------------
postgres_start
green_ml_database api --pipeline "$CASES/spec.json" >/dev/null
model_bytes '' "$TMP/one.bin"
# The same with the classes swapped, so that it says "no" where the first says "yes".
model_bytes 's/"no", "yes"/"yes", "no"/' "$TMP/two.bin"
postgres_stop
api_start api --request-timeout-s 2 --drain-s 1 --instance here
API_PID=$PID
is "live without database" "$(get /health/live)" '{"live":true}'
is "not ready without database" "$(code /health/ready)" 503
is "no prediction without database" "$(predict '{"row":[34,2.5,"Berlin"]}' -w ' %{http_code}' | tr -d '\n')" \
	'{"error":"no model is loaded yet: the registry has not been read"} 503'
is "no version without database" "$(code /version)" 503
is "/update without database" "$(code /update -X POST)" 503
is "the metrics say so" "$(metric green_ml_api_database_up)" 0
postgres_start
ok "the database is found when it comes" wait_for 10 metric_is green_ml_api_database_up 1
is "not ready without model" "$(get /health/ready -w '%{http_code}')" '{"error":"no model is loaded yet"}
503'
is "no prediction without model" "$(predict '{"row":[34,2.5,"Berlin"]}' -w '%{http_code}')" \
	'{"error":"no model to serve yet for pipeline \"towns\""}
503'

# --- predictions -----------------------------------------------------------------------------------------------
ONE=$(insert_model towns "$TMP/one.bin")
TWO=$(insert_model towns "$TMP/two.bin")
is "model ids" "$ONE $TWO" "1 2"
FIRST=$(promote "$ONE")
ok "a promotion is served at once, not at the next poll" wait_for 3 serves "$FIRST"
is "ready with a model" "$(get /health/ready -w '%{http_code}')" '{"ready":true}
200'
is "ready in the words of the Open Inference Protocol" "$(get /v2/health/ready) $(get /v2/health/live)" \
	'{"ready":true} {"live":true}'
is "one row" "$(predict '{"row":[34,2.5,"Berlin"]}')" '{"prediction":"yes","pipeline":"towns","model":1,"promotion":1}'
is "a row by column" "$(predict '{"row":{"town":"Ulm","weight":2.5000002,"age":18}}')" \
	'{"prediction":"no","unseen":["town"],"pipeline":"towns","model":1,"promotion":1}'
is "rows with probabilities" "$(predict '{"rows":[[34,2.5,"Berlin"],[34,2.5,"Ulm"]],"probabilities":true,"model":"towns"}')" \
	'{"predictions":["yes","yes"],"probabilities":[{"no":0.125,"yes":0.875},{"no":0.4375,"yes":0.5625}],"unseen":[{"row":1,"columns":["town"]}],"pipeline":"towns","model":1,"promotion":1}'
is "without Content-Type" "$(get /predict -H 'Content-Type:' -d '{"row":[34,2.5,"Berlin"]}' -o /dev/null -w '%{http_code}')" 200
is "Content-Type with charset" "$(get /predict -H 'Content-Type: Application/JSON; charset="UTF-8"' -d '{"row":[34,2.5,"Berlin"]}' \
	-o /dev/null -w '%{http_code}')" 200
is "ten thousand rows" "$(python3 -c 'print("{\"rows\":[" + ",".join(["[34,2.5,\"Berlin\"]"] * 10000) + "]}")' |
	get /predict -H 'Content-Type: application/json' --data-binary @- | grep -o '"yes"' | wc -l)" 10000
like "the type of an answer" "$(predict '{"row":[34,2.5,"Berlin"]}' -D - -o /dev/null)" '^Content-Type: application/json'
like "/version" "$(get /version)" "^\\{\"pipeline\":\"towns\",\"promotion_id\":1,\"model_id\":1,\"sha256\":\"$(sha256sum <"$TMP/one.bin" |
	cut -c 1-64)\",\"trained_at\":\"20[^\"]*Z\",\"promoted_at\":\"20[^\"]*Z\",\"served_since\":\"20[^\"]*Z\",\"accuracy\":0.75,\"holdout_rows\":100,\"instance\":\"here\",\"version\":\"[^\"]*\"\\}\$"
is "/version of an unknown pipeline" "$(code '/version?pipeline=nothing')" 404
is "/version of a known pipeline" "$(code '/version?pipeline=towns')" 200
is "a pipeline that is not served" "$(predict '{"row":[1],"pipeline":"n\u00f6"}' -w '%{http_code}')" '{"error":"no pipeline \"nö\" is served here"}
404'

# --- refusals --------------------------------------------------------------------------------------------------
api_start few --max-rows 10 --drain-s 0
ok "every case of tests/cases/request" client cases "$PORT" "$CASES"
kill "$PID"
wait "$PID" || :
PORT=$(cat "$TMP/api.port") URL=http://127.0.0.1:$PORT

is "unknown path" "$(get /predictions -w '%{http_code}')" '{"error":"there is no such path"}
404'
like "wrong method" "$(get /predict -D -)" '^Allow: POST'
like "wrong method, the other way" "$(get /version -X DELETE -D -)" '^Allow: GET, HEAD'
is "wrong method, the code" "$(code /update) $(code /metrics -d x) $(code /version -X DELETE) $(code /version -X OPTIONS)" "405 405 405 405"
is "HEAD" "$(get /version -I -o /dev/null -w '%{http_code} %{size_download}')" "200 0"
is "a form is no JSON" "$(code /predict -d 'row=1')" 415
is "another charset" "$(code /predict -H 'Content-Type: application/json; charset=latin1' -d '{}')" 415
head -c 4194305 /dev/zero | tr '\0' ' ' >"$TMP/long"
post_long() {
	code /predict -H 'Content-Type: application/json' --data-binary "@$TMP/long" "$@"
}
is "a body too long, asked first" "$(post_long -H 'Expect: 100-continue')" 413
is "a body too long, sent at once" "$(post_long -H 'Expect:')" 413
is "a body too long, in chunks" "$(post_long -H 'Expect:' -H 'Transfer-Encoding: chunked')" 413
truncate -s 4194304 "$TMP/long"
is "a body just not too long" "$(post_long -H 'Expect:')" 400
like "a body far too long is cut off" "$(head -c 40000000 /dev/zero | curl -s -m 20 -H 'Expect:' -H 'Content-Type: application/json' \
	-H 'Transfer-Encoding: chunked' --data-binary @- "$URL/predict")" '^(\{"error":"the body is far too long"\})?$'
is "the server lives" "$(code /health/live)" 200
like "a request that is none" "$(printf 'nonsense\r\n\r\n' | client raw "$PORT")" '^(HTTP/1.1 400 .*)?$'
is "headers too long" "$(code /health/live -H "X: $(printf '%020000d' 0)")" 431
like "two requests in one packet" "$(printf 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n%.0s' 1 2 | client raw "$PORT" | grep -c live)" '^2$'
like "HTTP/1.0 is answered and closed" "$(printf 'GET /health/live HTTP/1.0\r\n\r\n' | client raw "$PORT")" '\{"live":true\}'
is "clients that close their side with the request are closed" "$(client half "$PORT" 100)" 100
stalled=$(client stall "$PORT")
like "a body that stalls is a 408" "$stalled" '^HTTP/1.1 408 Request Timeout'
like "in JSON" "$stalled" '^\{"error":"the request did not arrive in time"\}'
like "after --request-timeout-s" "$stalled" '^[234]\.[0-9] s'
like "headers that dribble are cut off" "$(client dribble "$PORT" 8)" '^[2345]$'

# --- metrics ---------------------------------------------------------------------------------------------------
ok "the metrics are well formed" client metrics "$PORT"
is "the type of the metrics" "$(get /metrics -o /dev/null -w '%{content_type}')" 'text/plain; version=0.0.4; charset=utf-8'
like "408 is counted" "$(metric 'green_ml_api_requests_total{route="/predict",code="408"}')" '^1$'
like "415 is counted" "$(metric 'green_ml_api_requests_total{route="/predict",code="415"}')" '^2$'
like "unknown paths are one route" "$(metric 'green_ml_api_requests_total{route="other",code="404"}')" '^1$'
like "what is no request is counted" "$(metric green_ml_api_connections_failed_total)" '^[2-9]'
like "predictions by class" "$(metric 'green_ml_api_predictions_total{pipeline="towns",class="no"}')" '^1$'
like "unseen values" "$(metric 'green_ml_api_unseen_values_total{pipeline="towns"}')" '^2$'
missing=$(metric 'green_ml_api_missing_values_total{pipeline="towns"}')
predict '{"row":[null,2.5,"Berlin"]}' >"$OUT"
predict '{"rows":[[34,2.5,"Berlin"],[-1,2.5,"NA"]]}' >"$OUT"
post /v2/models/towns/infer '{"inputs":[{"name":"row","shape":[1,3],"datatype":"INT64","data":[null,2,7]}]}' >"$OUT"
predict '{"row":["34",2.5,"Berlin"]}' >"$OUT"
is "requests refused for a missing value, and no others" \
	"$(metric 'green_ml_api_missing_values_total{pipeline="towns"}')" $((missing + 3))
is "nothing but the scrape itself is in flight" "$(metric green_ml_api_requests_in_flight)" 1

# --- a change of models under load -----------------------------------------------------------------------------
background load "$CLIENT" load "$PORT" 6 "$TMP/stop-load"
load_pid=$PID
for i in $(seq 10); do
	promote "$TWO" >/dev/null
	sleep 0.1
	promote "$ONE" >/dev/null
	sleep 0.1
done
LAST=$(promote "$TWO")
ok "the last promotion is served" wait_for 3 serves "$LAST"
touch "$TMP/stop-load"
wait "$load_pid" || :
counts=$(cat "$TMP/load.out")
like "no request failed while models changed" "$counts" '"failed": 0,'
like "no client went back to an older model" "$counts" '"backwards": 0,'
like "both models answered" "$counts" '"1": [0-9]+.*"2": [0-9]+|"2": [0-9]+.*"1": [0-9]+'
like "many promotions were seen" "$counts" '"promotions": (1[0-9]|2[0-9])'
echo "# $counts"

# --- damaged models --------------------------------------------------------------------------------------------
cp "$TMP/one.bin" "$TMP/bad.bin"
printf x | dd of="$TMP/bad.bin" bs=1 seek=60 conv=notrunc status=none
BAD=$(promote "$(insert_model towns "$TMP/bad.bin")")
ok "a damaged model is refused" wait_for 3 log_holds api "champion refused.*promotion_id=$BAD .*checksum does not fit"
ok "the old one keeps serving" serves "$LAST"
is "the metrics say so" "$(get /metrics | grep -c "^green_ml_api_model_refused{pipeline=\"towns\",promotion_id=\"$BAD\",model_id=\"[0-9]*\"} 1\$")" 1
like "/update says so" "$(get /update -X POST -w '%{http_code}' | tr '\n' ' ')" "promotion $BAD of pipeline .*refused.* 503"
model_bytes 's/"age"/"years"/' "$TMP/other.bin"
OTHER=$(promote "$(insert_model towns "$TMP/other.bin")")
ok "a model with other columns is refused" wait_for 3 log_holds api "promotion_id=$OTHER .*\"years\\\\\" \\(integer\\) stands where"
ok "the old one keeps serving still" serves "$LAST"
WRONG=$(promote "$(insert_model towns "$TMP/one.bin" "sha256('x')")")
ok "a model with another checksum than recorded is refused" wait_for 3 log_holds api "promotion_id=$WRONG .*recorded is 2d711642b726b044"
AGAIN=$(promote "$ONE")
ok "the next good one is served" wait_for 3 serves "$AGAIN"
is "and nothing is refused any more" "$(get /metrics | grep -c '^green_ml_api_model_refused{' || :)" 0

# --- the database goes away ------------------------------------------------------------------------------------
rm -f "$TMP/stop-load"
background away "$CLIENT" load "$PORT" 2 "$TMP/stop-load"
load_pid=$PID
postgres_stop
ok "the loss is noticed" wait_for 3 metric_is green_ml_api_database_up 0
is "still ready without database" "$(code /health/ready)" 200
is "/update without database says so" "$(code /update -X POST)" 503
postgres_start
NEXT=$(promote "$TWO")
ok "what was promoted meanwhile is served when the database is back" wait_for 10 serves "$NEXT"
touch "$TMP/stop-load"
wait "$load_pid" || :
like "no request failed meanwhile" "$(cat "$TMP/away.out")" '"failed": 0,'

# --- without notification: poll, /update, SIGHUP -----------------------------------------------------------------
sql 'ALTER TABLE green_ml.promotion DISABLE TRIGGER notify'
SILENT=$(promote "$ONE")
is "without notification the old one serves" "$(serves "$SILENT" && echo new || echo old)" old
like "/update loads it" "$(get /update -X POST)" "^\\{\"status\":\"ok\",\"instance\":\"here\",\"models\":\\[\\{\"pipeline\":\"towns\",\"promotion_id\":$SILENT,"
SILENT=$(promote "$TWO")
kill -HUP "$API_PID"
ok "so does SIGHUP" wait_for 3 serves "$SILENT"
api_start poll --poll-s 0.2 --drain-s 0
SILENT=$(promote "$ONE")
ok "so does the poll" wait_for 3 serves "$SILENT"
kill "$PID"
wait "$PID" || :
sql 'ALTER TABLE green_ml.promotion ENABLE TRIGGER notify'

# --- many connections ------------------------------------------------------------------------------------------
PORT=$(cat "$TMP/api.port") URL=http://127.0.0.1:$PORT
background hold "$CLIENT" hold "$PORT" 200 "$TMP/stop-hold"
hold_pid=$PID
ok "200 idle connections" wait_for 10 grep -q open "$TMP/hold.out"
is "others are answered meanwhile" "$(for i in 1 2 3 4 5 6 7 8; do predict '{"row":[34,2.5,"Berlin"]}' -o /dev/null -w '%{http_code} '; done)" \
	"200 200 200 200 200 200 200 200 "
touch "$TMP/stop-hold"
wait "$hold_pid" || :
api_start small --max-connections 4 --drain-s 0
SMALL_PID=$PID
rm -f "$TMP/stop-hold"
background hold2 "$CLIENT" hold "$PORT" 4 "$TMP/stop-hold"
hold_pid=$PID
wait_for 10 grep -q open "$TMP/hold2.out"
is "beyond --max-connections nobody is answered" "$(curl -s -m 1 -o /dev/null -w '%{http_code}' "$URL/health/live" || :)" 000
touch "$TMP/stop-hold"
wait "$hold_pid" || :
is "until one leaves" "$(code /health/live)" 200
few_files() {
	(ulimit -n 300 && "$API" --max-connections 1000 --port 0)
}
exits "more connections than open files are refused" 2 few_files
like "it says what to do" "$(cat "$ERR")" 'needs 1256 open files and the system allows 300: lower it'
exits "a port that is taken is refused" 1 "$API" --host 127.0.0.1 --port "$PORT"
like "it says which" "$(cat "$ERR")" "could not listen on 127.0.0.1 port $PORT: Address already in use"
kill "$SMALL_PID"
wait "$SMALL_PID" || :

# --- which pipelines -------------------------------------------------------------------------------------------
sed 's/"name": "towns"/"name": "cities", "source": "towns"/' "$CASES/spec.json" >"$TMP/cities.json"
as owner env GREEN_ML_REGISTER="$BIN/register" "$ROOT/database/migrate" --pipeline "$TMP/cities.json" >/dev/null
promote "$(insert_model cities "$TMP/one.bin")" >/dev/null
api_start both --drain-s 0
ok "several pipelines" wait_for 5 models_are 2
is "without a name there is no telling" "$(predict '{"row":[34,2.5,"Berlin"]}' -o /dev/null -w '%{http_code}')" 400
like "with a name there is" "$(predict '{"pipeline":"cities","row":[34,2.5,"Berlin"]}')" '"pipeline":"cities"'
kill "$PID"
wait "$PID" || :
DEFAULT_PIPELINE=cities PIPELINE_SPEC=$TMP/cities.json api_start cities --drain-s 0
ok "the pipeline of PIPELINE_SPEC only" wait_for 5 models_are 1
like "DEFAULT_PIPELINE" "$(predict '{"row":[34,2.5,"Berlin"]}')" '"pipeline":"cities"'
is "the other one is unknown" "$(predict '{"pipeline":"towns","row":[34,2.5,"Berlin"]}' -o /dev/null -w '%{http_code}')" 404
kill "$PID"
wait "$PID" || :

# --- the end ---------------------------------------------------------------------------------------------------
PORT=$(cat "$TMP/api.port") URL=http://127.0.0.1:$PORT
kill "$API_PID"
sleep 0.3
is "SIGTERM: not ready any more" "$(get /health/ready -w '%{http_code}')" '{"error":"the server is shutting down"}
503'
like "still answering, and asking clients to go" "$(predict '{"row":[34,2.5,"Berlin"]}' -D -)" '^Connection: close'
wait "$API_PID" && status=0 || status=$?
is "exit code after SIGTERM" "$status" 0
is "nobody listens any more" "$(code /health/live)" 000
ok "the log's last word" log_holds api 'msg=stopped$'
plan_done
