#!/usr/bin/env bash
# model-api under load while its model is swapped 100 times and PostgreSQL restarted 3 times: no request fails, and each
# answer comes from exactly one model. Two models that never agree: an answer that mixes them is found by its own words.
#
#   SOAK_S=60   how long
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/integration/api.sh"
SOAK_S=${SOAK_S:-60}
SWAPS=100 RESTARTS=3
# A promotion that was served outlives the crash of its server, as it does outside of tests.
SAFE=synchronous_commit=on

postgres_start "$SAFE"
green_ml_database api --pipeline "$CASES/spec.json" >/dev/null
model_bytes '' "$TMP/one.bin"
model_bytes 's/"no", "yes"/"yes", "no"/' "$TMP/two.bin"
MODELS=("$(insert_model towns "$TMP/one.bin")" "$(insert_model towns "$TMP/two.bin")")
LAST=$(promote "${MODELS[0]}")
api_start api --drain-s 0 --log-sample 0.1
API_PID=$PID
ok "a model" wait_for 5 serves "$LAST"
background load "$CLIENT" load "$PORT" 16 "$TMP/stop-load"
load_pid=$PID
# A third program holds connections that are never used.
background hold "$CLIENT" hold "$PORT" 100 "$TMP/stop-load"

begun=${EPOCHREALTIME/./}
restarts=0
for ((swap = 1; swap <= SWAPS; swap++)); do
	LAST=$(promote "${MODELS[swap % 2]}")
	if ((swap % (SWAPS / (RESTARTS + 1)) == 0 && restarts < RESTARTS)); then
		postgres_stop $([ $((restarts % 2)) = 1 ] || echo QUIT)
		postgres_start "$SAFE"
		restarts=$((restarts + 1))
	fi
	left=$((SOAK_S * 1000000 * swap / SWAPS - (${EPOCHREALTIME/./} - begun)))
	[ "$left" -le 0 ] || sleep "$(printf '%d.%06d' $((left / 1000000)) $((left % 1000000)))"
done
ok "the last promotion is served in the end" wait_for 40 serves "$LAST"
touch "$TMP/stop-load"
wait "$load_pid" || :
counts=$(cat "$TMP/load.out")
echo "# $SWAPS swaps, $restarts restarts, $SOAK_S s: $counts"
is "PostgreSQL was restarted" "$restarts" "$RESTARTS"
like "no request failed, and each was answered by one model" "$counts" '"failed": 0,'
like "no connection went back to an older model" "$counts" '"backwards": 0,'
like "both models answered" "$counts" '"1": [0-9]+.*"2": [0-9]+|"2": [0-9]+.*"1": [0-9]+'
promotions=$(sed -n 's/.*"promotions": \([0-9]*\).*/\1/p' <<<"$counts")
ok "most promotions were seen ($promotions)" test "$promotions" -ge $((SWAPS / 2))
unlike "the server had no fault" "$(get /metrics)" 'code="5'
ok "and lives" kill -0 "$API_PID"
plan_done
