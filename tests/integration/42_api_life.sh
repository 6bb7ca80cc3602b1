#!/usr/bin/env bash
# model-api: feedback, versions that are pinned, copies to start from, the token, the admin port, the limits.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/api.sh"

postgres_start
green_ml_database api --pipeline "$CASES/spec.json" >/dev/null
model_bytes '' "$TMP/one.bin"
# The same with the classes swapped, so that it says "no" where the first says "yes".
model_bytes 's/"no", "yes"/"yes", "no"/' "$TMP/two.bin"
ONE=$(insert_model towns "$TMP/one.bin")
TWO=$(insert_model towns "$TMP/two.bin")
FIRST=$(promote "$ONE")
ROW='{"row":[34,2.5,"Berlin"]}'
INFER='{"id":"a","inputs":[{"name":"row","shape":[1,3],"datatype":"INT64","data":[34,2,7]}],"outputs":[{"name":"prediction"}]}'

# --- the prediction log and feedback ---------------------------------------------------------------------------
api_start plain --drain-s 0
PLAIN=$PID PLAIN_PORT=$PORT
ok "a model" wait_for 5 serves "$FIRST"
unlike "without --log-sample no answer has an id" "$(predict "$ROW")" '"id"'
is "and no feedback is taken" "$(post /feedback '{"id":"x","truth":"yes"}' -w ' %{http_code}' | tr -d '\n')" \
	'{"error":"no prediction with this id was logged: this server does not log predictions"} 404'
api_start log --drain-s 0 --log-sample 1
LOG=$PID
wait_for 5 serves "$FIRST"
id_of() { # ANSWER
	sed -n 's/.*"id":"\([0-9a-f-]\{36\}\)".*/\1/p' <<<"$1"
}
declared=$(PGUSER=green_ml_owner sql "SELECT green_ml.declare_feedback_sample('towns', '1 hour')")
is "a sample is declared" "$declared" 1
answer=$(predict "$ROW")
like "with it an answer has an id" "$answer" '^\{"prediction":"yes","id":"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","pipeline"'
feedback() { # ID TRUTH_JSON
	post /feedback "{\"id\":\"$1\",\"truth\":$2}" -w ' %{http_code}' | tr -d '\n'
}
ID=$(id_of "$answer")
is "the truth is stored at once" "$(feedback "$ID" '"no"')" '{"status":"stored"} 200'
is "the same again is known" "$(feedback "$ID" '"no"')" '{"status":"known"} 200'
is "another one is refused" "$(feedback "$ID" '"yes"')" \
	'{"error":"another truth was sent for this prediction before: the first one stands"} 409'
is "an id that nobody got" "$(feedback "${ID%????}0000" '"no"')" '{"error":"no prediction with this id was logged"} 404'
is "an id that is none" "$(feedback nonsense '"no"')" '{"error":"no prediction with this id was logged"} 404'
is "an id of another day" "$(feedback 00000000-0000-7000-8000-000000000000 '"no"')" '{"error":"no prediction with this id was logged"} 404'
is "an id of another age" "$(feedback ffffffff-ffff-7fff-bfff-ffffffffffff '"no"')" '{"error":"no prediction with this id was logged"} 404'
while IFS='|' read -r body error; do
	is "feedback $body" "$(post /feedback "$body" -w ' %{http_code}' | tr -d '\n')" "{\"error\":\"$error\"} 400"
done <<'CASES'
nonsense|the body is no JSON object of at most 8 KiB
[]|the body must be a JSON object: {\"id\": \"...\", \"truth\": \"...\"}
{}|\"id\" must be the text that came with the prediction
{"id":1,"truth":"a"}|\"id\" must be the text that came with the prediction
{"id":"a"}|\"truth\" must be a label: a text or an integer
{"id":"a","truth":1.5}|\"truth\" must be a label: a text or an integer
{"id":"a","truth":"a","weight":2}|unknown key: known are id, truth
{"id":"a","id":"b","truth":"a"}|the body is no JSON object of at most 8 KiB
CASES
like "many rows have their ids" "$(predict '{"rows":[[34,2.5,"Berlin"],[34,2.5,"7"]]}')" \
	'"ids":\[\{"row":0,"id":"[^"]*"\},\{"row":1,"id":"[^"]*"\}\]'
like "an inference has them as parameters" "$(post /v2/models/towns/infer "$INFER")" \
	'"parameters":\{"promotion_id":1,"prediction_id_0":"[^"]*"\}'
logged() {
	[ "$(sql 'SELECT count(*) FROM green_ml.prediction')" = "$1" ]
}
ok "all of them are in the log" wait_for 5 logged 4
is "with nothing of the request" "$(sql "SELECT DISTINCT pipeline_id, model_id, prediction, truth FROM green_ml.prediction
	WHERE truth IS NOT NULL")" "1|1|yes|no"
is "the sample sees them" "$(as scheduler sql 'SELECT model_id, n, k, with_truth, complete FROM green_ml.feedback')" "1|4|0|1|f"
like "the metrics count them" "$(get /metrics | grep -E '^green_ml_api_(feedback|logged)' | paste -sd ' ')" \
	'logged_predictions_total\{result="written"\} 4 .*result="stored"\} 1 .*result="known"\} 1 .*"conflict"\} 1 .*"unknown"\} 3 '
PORT=$PLAIN_PORT URL=http://127.0.0.1:$PLAIN_PORT
api_start half --drain-s 0 --log-sample 0.5
wait_for 5 serves "$FIRST"
half=$(predict "{\"rows\":[$(printf '[34,2.5,"7"],%.0s' $(seq 999))[34,2.5,\"7\"]]}" | grep -o '"id":"' | wc -l)
ok "--log-sample 0.5 logs about half ($half of 1000)" test "$half" -gt 400 -a "$half" -lt 600
api_stop "$PID"
ok "the end writes what is left" logged $((4 + half))

# --- the log without a database --------------------------------------------------------------------------------
PORT=$(cat "$TMP/log.port") URL=http://127.0.0.1:$PORT
postgres_stop
answer=$(predict "$ROW")
like "without database answers go on" "$answer" '"prediction":"yes","id"'
LATE=$(id_of "$answer")
is "feedback has to come again" "$(feedback "$LATE" '"no"')" '{"error":"the database did not take the feedback: try again"} 503'
many="{\"rows\":[$(printf '[34,2.5,"7"],%.0s' $(seq 9999))[34,2.5,\"7\"]]}"
ids=0
for _ in 1 2 3 4 5; do
	post /predict @- <<<"$many" >"$TMP/many"
	ids=$((ids + $({ grep -o '"id":"' "$TMP/many" || :; } | wc -l)))
done
dropped=$(metric 'green_ml_api_logged_predictions_total{result="dropped"}')
ok "what the buffer does not take is dropped ($dropped of 50000)" test "$dropped" -gt 1000 -a "$dropped" -lt 40000
is "and counted: every other row has an id" $((ids + dropped)) 50000
postgres_start
written() {
	[ "$(sql "SELECT count(*) FROM green_ml.prediction WHERE prediction_id = '$LATE'")" = 1 ]
}
ok "and what was logged meanwhile is written when it is back" wait_for 15 written
is "with its feedback" "$(feedback "$LATE" '"no"')" '{"status":"stored"} 200'
lost() {
	[ "$(sql "SELECT sum(lost) FROM green_ml.prediction_loss WHERE from_at <= until_at AND from_at > now() - interval '1 minute'")" = "$1" ]
}
ok "what was dropped stands in green_ml.prediction_loss" wait_for 5 lost "$dropped"
ok "all others are in the log" logged $((4 + half + 1 + ids))
is "as the metric says" "$(metric 'green_ml_api_logged_predictions_total{result="written"}')" $((4 + 1 + ids))
api_stop "$LOG"
api_stop "$PLAIN"

# --- pinned versions -------------------------------------------------------------------------------------------
exits "a pin that is none" 2 "$API" --pin towns
like "it says so" "$(cat "$ERR")" 'pin holds .{1,2}towns.{1,2}: expected PIPELINE=MODEL'
api_start pin --drain-s 0 --pin "towns=$TWO"
PIN=$PID
ok "the champion and the pinned one are served" wait_for 5 models_are 2
is "the champion answers without a version" "$(post /v2/models/towns/infer "$INFER" | grep -o '"model_version":"[0-9]*"\|"data":.*\]')" \
	"\"model_version\":\"$ONE\"
\"data\":[\"yes\"]}]"
is "and with its own" "$(post "/v2/models/towns/versions/$ONE/infer" "$INFER" | grep -o '"data":\[[^]]*')" '"data":["yes"'
is "the pinned one with its" "$(post "/v2/models/towns/versions/$TWO/infer" "$INFER" | grep -o '"data":\[[^]]*')" '"data":["no"'
like "both are listed" "$(get /v2/models/towns)" "\"versions\":\\[\"$ONE\",\"$TWO\"\\]"
is "ready, each" "$(code "/v2/models/towns/versions/$TWO/ready") $(code "/v2/models/towns/versions/$ONE/ready")" "200 200"
is "another one is unknown" "$(post /v2/models/towns/versions/9/infer "$INFER" -w '%{http_code}')" \
	'{"error":"version \"9\" of pipeline \"towns\" is not served here"}
404'
SECOND=$(promote "$TWO")
ok "a pinned one may become the champion" wait_for 3 serves "$SECOND"
like "then it is listed once" "$(get /v2/models/towns)" "\"versions\":\\[\"$TWO\"\\]"
is "then it is one model" "$(get /metrics | grep -c '^green_ml_api_model_info{')" 1
promote "$ONE" >/dev/null
api_stop "$PIN"
api_start pin9 --drain-s 0 --pin "towns=9"
ok "a pinned one that is not there: the others are served" wait_for 5 models_are 1
like "and /update says so" "$(get /update -X POST)" '1 of 1 pinned models are not in the registry'
api_stop "$PID"

# --- smoke rows ------------------------------------------------------------------------------------------------
api_start smoke --drain-s 0
SMOKE=$PID
good="'[{\"keys\": [34, 0, 0], \"scores\": [4194304, 29360128]}]'"
model_bytes 's/2\.5/2.75/' "$TMP/three.bin"
GOOD=$(promote "$(insert_model towns "$TMP/three.bin" '' "$good")")
ok "a model that answers its smoke rows is served" wait_for 3 serves "$GOOD"
model_bytes 's/0.875/0.75/; s/0.125/0.25/' "$TMP/other.bin"
BAD=$(promote "$(insert_model towns "$TMP/other.bin" '' "$good")")
ok "one that scores otherwise than where it was trained is refused" \
	wait_for 3 log_holds smoke "champion refused.*promotion_id=$BAD .*smoke row 1 scores otherwise"
ok "the old one keeps serving" serves "$GOOD"
is "the metric says so" "$(get /metrics | grep -c "^green_ml_api_model_refused{pipeline=\"towns\",promotion_id=\"$BAD\"")" 1
like "so do the reloads" "$(metric 'green_ml_api_reloads_total{result="refused"}')" '^[1-9]'
api_stop "$SMOKE"
LAST=$(promote "$ONE")

# --- a copy to start from --------------------------------------------------------------------------------------
mkdir "$TMP/copies"
api_start first --drain-s 0 --model-folder "$TMP/copies"
wait_for 5 serves "$LAST"
api_stop "$PID"
ok "a copy of the champion" test -s "$TMP/copies/towns.model"
BAD=$(promote "$(sql "SELECT model_id FROM green_ml.promotion WHERE promotion_id = $BAD")")
api_start refused --drain-s 0 --model-folder "$TMP/copies"
ok "it is served when the champion is refused at the start" wait_for 5 serves "$LAST"
ok "the log does not say that anything was served before" \
	log_holds refused "champion refused; nothing of its pipeline was served before.*promotion_id=$BAD "
is "nor once more at the next look" "$(get /update -X POST >/dev/null; grep -c from=copy "$TMP/refused.err")" 1
is "the metric says that the champion is not served" \
	"$(get /metrics | grep -c "^green_ml_api_model_refused{pipeline=\"towns\",promotion_id=\"$BAD\"")" 1
like "so does /update" "$(get /update -X POST)" "promotion $BAD of pipeline .* was refused"
LAST=$(promote "$ONE")
ok "a good champion takes its place" wait_for 3 serves "$LAST"
api_stop "$PID"
postgres_stop
api_start copy --drain-s 0 --model-folder "$TMP/copies"
ok "it is served when the database is away at the start" wait_for 3 serves "$LAST"
is "with the same answer" "$(predict "$ROW")" "{\"prediction\":\"yes\",\"pipeline\":\"towns\",\"model\":$ONE,\"promotion\":$LAST}"
like "/version says as much of it" "$(get /version)" '"trained_at":"20.*"accuracy":0.75'
is "ready" "$(code /health/ready)" 200
postgres_start
NEXT=$(promote "$TWO")
ok "the champion takes its place when the database is back" wait_for 10 serves "$NEXT"
api_stop "$PID"
postgres_stop
cp "$TMP/copies/towns.model" "$TMP/copies/cities.model"
api_start beside --drain-s 0 --model-folder "$TMP/copies"
ok "a damaged copy beside a good one" wait_for 3 log_holds beside 'local copy refused" pipeline=cities'
is "the good one answers no request that names none" "$(predict "$ROW" -w '%{http_code}' | tail -1)" 400
is "only its own" "$(post /predict '{"pipeline":"towns","row":[34,2.5,"Berlin"]}' -w '%{http_code}' | tail -1)" 200
is "the damaged one is to come" "$(post /predict '{"pipeline":"cities","row":[34,2.5,"Berlin"]}' -w '%{http_code}' | tail -1)" 503
rm "$TMP/copies/cities.model"
api_stop "$PID"
api_start without --drain-s 0 --model-folder "$TMP/copies" --pipelines towns,cities
ok "a good copy" wait_for 3 log_holds without 'model loaded" from=copy'
is "one without a copy is to come, too" "$(post /predict '{"pipeline":"cities","row":[34,2.5,"Berlin"]}' -w '%{http_code}' | tail -1)" 503
api_stop "$PID"
printf x | dd of="$TMP/copies/towns.model" bs=1 seek=400 conv=notrunc status=none
api_start damaged --drain-s 0 --model-folder "$TMP/copies"
ok "a damaged copy is refused" wait_for 3 log_holds damaged 'local copy refused.*checksum does not fit'
is "and nothing is served" "$(code /health/ready)" 503
api_stop "$PID"
postgres_start
api_start nowhere --drain-s 0 --model-folder "$TMP/none"
ok "a folder that is not there: served all the same" wait_for 5 serves "$NEXT"
like "with a warning" "$(cat "$TMP/nowhere.err")" 'level=warning .*could not write the copy'
api_stop "$PID"

# --- a statement that fails ------------------------------------------------------------------------------------
api_start denied --drain-s 0
DENIED=$PID
wait_for 5 serves "$NEXT"
PGUSER=green_ml_owner sql 'REVOKE SELECT ON green_ml.feature_set FROM green_ml_api' >/dev/null
NEXT=$(promote "$ONE")
ok "a statement that fails is reported" wait_for 3 log_holds denied 'could not read the registry.*permission denied'
is "and counted as that" "$(metric 'green_ml_api_reloads_total{result="refused"}')" 0
PGUSER=green_ml_owner sql 'GRANT SELECT ON green_ml.feature_set TO green_ml_api' >/dev/null
ok "the model is loaded as soon as the statement succeeds" wait_for 10 serves "$NEXT"
unlike "it was never refused" "$(cat "$TMP/denied.err")" 'champion refused'
api_stop "$DENIED"

# --- a promotion during a look ---------------------------------------------------------------------------------
api_start long --drain-s 0 --poll-s 600
LONG=$PID
wait_for 5 serves "$NEXT"
# The look that the first promotion asks for stands at this lock while the second is made, and reads its notification
# with the answer to the statement that waits.
background lock as owner psql -XAtq -c "BEGIN; LOCK green_ml.feature_set; SELECT pg_sleep(2); COMMIT"
is_locked() {
	[ "$(sql "SELECT count(*) FROM pg_locks WHERE relation = 'green_ml.feature_set'::regclass AND mode = 'AccessExclusiveLock'")" = 1 ]
}
look_waits() {
	[ "$(sql "SELECT count(*) FROM pg_locks WHERE relation = 'green_ml.feature_set'::regclass AND NOT granted")" = 1 ]
}
ok "a lock" wait_for 3 is_locked
promote "$ONE" >/dev/null
ok "a look under way" wait_for 3 look_waits
NEXT=$(promote "$TWO")
ok "a promotion that came during it is not overlooked" wait_for 5 serves "$NEXT"
api_stop "$LONG"

# --- the token and the admin port ------------------------------------------------------------------------------
exits "a token file that is not there" 2 "$API" --port 0 --token-file "$TMP/none"
echo 's3cret' >"$TMP/token"
api_start guarded --drain-s 0 --token-file "$TMP/token" --admin-port 0 --access-log
GUARDED=$PID
ok "an admin port" wait_for 5 log_holds guarded 'listening for administration" port='
ADMIN=http://127.0.0.1:$(sed -n 's/.*listening for administration" port=//p' "$TMP/guarded.err")
wait_for 5 serves "$NEXT"
is "the operator's routes are not on the public port" "$(code /metrics) $(code /update -X POST)" "404 404"
URL=$ADMIN
is "they are on the admin port" "$(code /metrics) $(code /update -X POST -H 'Authorization: Bearer s3cret') $(code /health/ready)" "200 200 200"
like "without the token: 401" "$(get /update -X POST -D -)" '^HTTP/1.1 401 .*'
like "that says how" "$(get /update -X POST -D -)" '^WWW-Authenticate: Bearer'
is "with another one: 401" "$(code /update -X POST -H 'Authorization: Bearer secret')" 401
echo 'n3w' >"$TMP/token"
kill -HUP "$GUARDED"
new_token() {
	[ "$(code /update -X POST -H 'Authorization: Bearer n3w')" = 200 ]
}
ok "SIGHUP reads the file again" wait_for 3 new_token
URL=http://127.0.0.1:$PORT
is "feedback asks for it too" "$(code /feedback -d '{}') $(code /feedback -d '{}' -H 'Content-Type: application/json' -H 'Authorization: Bearer n3w')" "401 400"
predict "$ROW" >"$OUT"
ok "the access log has a line per request" wait_for 3 log_holds guarded 'msg=request route=/predict status=200 bytes_in=25 bytes_out=[0-9]* seconds=0\.'
unlike "and nothing of the request, the token or the client in it" "$(cat "$TMP/guarded.err")" 'Berlin|s3cret|n3w|secret|127\.0\.0\.1:'
api_stop "$GUARDED"

# --- limits ----------------------------------------------------------------------------------------------------
api_start narrow --drain-s 0 --max-connections-per-address 3
NARROW=$PID
wait_for 5 serves "$NEXT"
rm -f "$TMP/stop"
background three "$CLIENT" hold "$PORT" 3 "$TMP/stop"
three=$PID
wait_for 5 grep -q open "$TMP/three.out"
is "--max-connections-per-address closes the fourth" "$(code /health/live)" 000
touch "$TMP/stop"
wait "$three" || :
ok "until one leaves" wait_for 3 serves "$NEXT"
api_stop "$NARROW"
# --- a statement that fails for one of two pipelines ------------------------------------------------------------
PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$CASES/spec.json" --as villages >/dev/null
VILLAGE=$(insert_model villages "$TMP/one.bin")
mkdir "$TMP/two-copies"
NEXT=$(promote "$ONE") SECOND=$(promote "$VILLAGE")
answers() { # PIPELINE PROMOTION
	[[ $(post /predict "{\"pipeline\":\"$1\",\"row\":[34,2.5,\"Berlin\"]}") == *"\"promotion\":$2}"* ]]
}
api_start two --drain-s 0 --default-pipeline towns --model-folder "$TMP/two-copies"
TWO_PID=$PID
ok "two pipelines" wait_for 5 answers villages "$SECOND"
sql "ALTER TABLE green_ml.feature_set ENABLE ROW LEVEL SECURITY;
	CREATE POLICY all_but_towns ON green_ml.feature_set TO green_ml_api USING (CASE WHEN pipeline_id =
		(SELECT pipeline_id FROM green_ml.pipeline WHERE name = 'towns') THEN 1 / (version - version) > 0 ELSE true END)" >/dev/null
FAILS=$(promote "$ONE") SECOND=$(promote "$VILLAGE")
ok "the other's promotion is served" wait_for 5 answers villages "$SECOND"
like "what failed is said" "$(cat "$TMP/two.err")" 'could not read the registry.*division by zero'
ok "and serves as before" answers towns "$NEXT"
api_stop "$TWO_PID"
api_start again --drain-s 0 --default-pipeline towns --model-folder "$TMP/two-copies"
TWO_PID=$PID
ok "after a restart it is the copy" wait_for 5 answers towns "$NEXT"
ok "beside the other's champion" answers villages "$SECOND"
sql "DROP POLICY all_but_towns ON green_ml.feature_set; ALTER TABLE green_ml.feature_set DISABLE ROW LEVEL SECURITY" >/dev/null
ok "until the statement succeeds" wait_for 10 answers towns "$FAILS"
api_stop "$TWO_PID"
# --- a copy of another database with the same numbers ------------------------------------------------------------
model_bytes 's/"no", "yes"/"yes", "never"/' "$TMP/never.bin"
sql "SET session_replication_role = replica; WITH b AS (SELECT decode('$(base64 -w0 "$TMP/never.bin")', 'base64') AS bytes)
	UPDATE green_ml.model SET bytes = b.bytes, sha256 = sha256(b.bytes) FROM b WHERE model_id = $ONE" >/dev/null
postgres_stop
api_start other --drain-s 0 --default-pipeline towns --model-folder "$TMP/two-copies"
OTHER=$PID
ok "a copy" wait_for 5 answers towns "$FAILS"
like "of a model" "$(predict "$ROW")" '"prediction":"yes"'
postgres_start
other_answers() {
	[[ $(predict "$ROW") == *'"prediction":"never"'* ]]
}
ok "gives way to another one with its numbers" wait_for 20 other_answers
api_stop "$OTHER"
plan_done
