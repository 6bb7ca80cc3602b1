#!/usr/bin/env bash
# model-api and bytes on the wire that no well-behaved client sends; crowds of connections; clients that are slow.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/api.sh"

wire() {
	"$ROOT/tests/integration/wire.py" "$@"
}

postgres_start
green_ml_database api --pipeline "$CASES/spec.json" >/dev/null
model_bytes '' "$TMP/one.bin"
FIRST=$(promote "$(insert_model towns "$TMP/one.bin")")
# --- one thread polls, a pool waits for events -------------------------------------------------------------------
for threads in 1 2; do
	api_start api --drain-s 0 --request-timeout-s 2 --threads $threads
	API_PID=$PID
	ok "a model, threads: $threads" wait_for 5 serves "$FIRST"

	run wire cases "$PORT"
	is "every case of wire.py" "$STATUS" 0
	[ "$STATUS" = 0 ] || explain "$(grep -v '^ok' "$OUT")"
	is "the server lives" "$(code /health/live)" 200
	like "what the library answered itself is counted" "$(metric green_ml_api_connections_failed_total)" '^[1-9][0-9]*$'
	unlike "no fault of its own" "$(get /metrics)" 'code="500"'

	exits "1,000 idle connections and 64 that ask" 0 wire crowd "$PORT" 1000 64 2
	like "none fails" "$(cat "$OUT")" '^[0-9]+ answered, 0 failed, 1000 of 1000 idle'
	before=$(metric green_ml_api_connections_failed_total)
	for what in header line next; do
		exits "50 clients with a slow $what are cut off" 0 wire slow "$PORT" 50 8 "$what"
		is "all of them" "$(cat "$OUT")" 50
	done
	is "and counted" "$(($(metric green_ml_api_connections_failed_total) - before))" 150
	is "others were answered meanwhile" "$(predict '{"row":[34,2.5,"Berlin"]}' -o /dev/null -w '%{http_code}')" 200
	[ $threads = 2 ] || api_stop "$API_PID"
done
background large "$CLIENT" large "$PORT" 100 "$TMP/stop"
LARGE_PID=$PID
ok "100 connections have had a long answer" wait_for 30 grep -Eq '^open [3-9][0-9]{5}$' "$TMP/large.out"
resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$API_PID/status")
case $(readelf -d "$API" 2>/dev/null) in
*libasan*) skip "at most 30 MB of memory" "the sanitizer takes more" ;;
*) ok "at most 30 MB of memory while they are idle ($((resident / 1024)) MB)" test "$resident" -le 30720 ;;
esac
touch "$TMP/stop"
wait "$LARGE_PID" || :
nothing_in_flight() {
	metric_is green_ml_api_requests_in_flight 1
}
ok "in the end nothing but the scrape is in flight" wait_for 5 nothing_in_flight
api_stop "$API_PID"

# --- a model of the size that is served ------------------------------------------------------------------------
green_ml_database insurance --pipeline "$ROOT/pipeline/specs/insurance.json" >/dev/null
export PIPELINE_SPEC=$ROOT/pipeline/specs/insurance.json
"$BIN/generate" --rows 100000 --output "$TMP/rows.csv" 2>/dev/null
DATA_ROOT=$TMP as loader "$BIN/data-fetch" --csv "$TMP/rows.csv" >/dev/null 2>&1
as preprocessor "$BIN/preprocessing" >/dev/null 2>&1
exits "a model of 100,000 rows is trained" 0 as trainer "$BIN/model-training" --threads 2
api_start insurance --drain-s 0 --log-sample 0.1
API_PID=$PID
ok "and served" wait_for 10 serves 1
rm "$TMP/stop"
background load "$CLIENT" load "$PORT" 8 "$TMP/stop" '[2,5,11,10,4]'
LOAD_PID=$PID
sleep 2
resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$API_PID/status")
touch "$TMP/stop"
wait "$LOAD_PID"
like "it answers" "$(cat "$TMP/load.out")" '"requests": [0-9]{3,}, "failed": 0,'
case $(readelf -d "$API" 2>/dev/null) in
*libasan*) skip "at most 30 MB of memory with the model of insurance" "the sanitizer takes more" ;;
*) ok "at most 30 MB of memory with the model of insurance ($((resident / 1024)) MB)" test "$resident" -le 30720 ;;
esac
api_stop "$API_PID"
plan_done
