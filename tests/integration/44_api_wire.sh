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
api_start api --drain-s 0 --request-timeout-s 2
API_PID=$PID
ok "a model" wait_for 5 serves "$FIRST"

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
plan_done
