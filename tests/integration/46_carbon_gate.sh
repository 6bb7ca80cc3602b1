#!/usr/bin/env bash
# scheduler carbon and scheduler wait, without a database; the clock of wait is moved on instead of waited for.
. "$(dirname "$0")/lib.sh"

hours=list:2024-01-01T00:00:00Z/PT1H:300,280,260,100,90,400,500
field() { # JSON-KEY
	python3 -c 'import json, sys
value = json.loads(open(sys.argv[1]).readline())[sys.argv[2]]
print("null" if value is None else value)' "$OUT" "$1"
}
stub() { # NAME SCRIPT-LINE...: URL, and the requests in $TMP/NAME.log
	local name=$1
	shift
	printf '%s\n' "$@" >"$TMP/$name.script"
	: >"$TMP/$name.log"
	background "$name" "$BIN/stub-http" --script "$TMP/$name.script" --log "$TMP/$name.log" --seconds 60
	wait_for 5 test -s "$TMP/$name.out"
	URL=http://127.0.0.1:$(head -n 1 "$TMP/$name.out")
}
carbon() {
	"$BIN/scheduler" carbon "$@"
}
gate() { # ARGUMENT..., from 00:10 on
	"$BIN/scheduler" wait --carbon "$hours" --now 2024-01-01T00:10:00Z --duration 30m "$@"
}
json="header Content-Type: application/json"

# --- carbon
exits "the grid" 0 carbon --carbon "$hours" --now 2024-01-01T00:10:00Z
like "now" "$(cat "$OUT")" 'now 300 gCO2/kWh'
like "and the best hour" "$(cat "$OUT")" '2024-01-01T04:00 +90 #########  ?lowest'
exits "as JSON" 0 carbon --carbon "$hours" --now 2024-01-01T00:10:00Z --json
is "the same" "$(field reading_gco2_per_kwh) $(field lowest_at) $(field lowest_gco2_per_kwh)" "300.0 2024-01-01T04:00:00Z 90.0"
slot='"from":"2018-01-20T12:30Z","to":"2018-01-20T13:00Z"'
stub regions "GET /regional/intensity/2018-01-20T12:30Z/fw48h/regionid/13$" "repeat for ever" "$json" \
	"body {\"data\":{\"regionid\":13,\"data\":[{$slot,\"intensity\":{\"forecast\":134,\"index\":\"low\"}}]}}" \
	"GET /regional/intensity/2018-01-20T12:30Z/fw48h/regionid/1$" "repeat for ever" "$json" \
	"body {\"data\":{\"regionid\":1,\"data\":[{$slot,\"intensity\":{\"forecast\":34,\"index\":\"very low\"}}]}}"
exits "where to run" 0 carbon --carbon uk-neso --factors direct --zones GB-13,GB-1,GB-2 --carbon-url "$URL" --now 2018-01-20T12:40:00Z --json
is "is where it is cleanest" "$(field cleanest)" GB-1
is "zones without a reading say so" "$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["zones"][2]["no_reading"])' "$OUT")" "NESO answered with status 404"
exits "as a table" 0 carbon --carbon uk-neso --factors direct --zones GB-13,GB-1 --carbon-url "$URL" --now 2018-01-20T12:40:00Z
like "with a last line" "$(tail -n 1 "$OUT")" '^cleanest now: GB-1$'
exits "no reading at all" 75 carbon --carbon uk-neso --factors direct --zone GB-2 --carbon-url "$URL" --now 2018-01-20T12:40:00Z
exits "an unknown provider" 2 carbon --carbon somebody
exits "a zone that is none" 2 carbon --carbon "$hours" --zone 'DE&x'

# --- wait
exits "a threshold" 0 gate --finish-by 6h --policy threshold:150 --json
is "opens in the first hour below it" "$(field at) $(field rung) $(field reading_gco2_per_kwh) $(field waited_s)" \
	"2024-01-01T03:10:00Z threshold 100.0 10800.0"
exits "a grid that does not become clean" 0 gate --finish-by 2024-01-01T02:10:00Z --policy threshold:50 --json
is "opens in time to finish" "$(field at) $(field rung)" "2024-01-01T01:40:00Z deadline"
exits "too late already" 0 gate --finish-by 10m --policy threshold:50 --json
is "opens at once" "$(field at) $(field waited_s)" "2024-01-01T00:10:00Z 0.0"
exits "a look that says wait" 75 gate --finish-by 6h --policy threshold:150 --once
like "until when at the latest" "$(cat "$OUT")" '^WAIT .*2024-01-01T05:40:00Z at the latest'
exits "a look that says start" 0 gate --finish-by 6h --policy threshold:350 --once
like "says so" "$(cat "$OUT")" '^START '
exits "by a forecast" 0 "$BIN/scheduler" wait --carbon uk-neso --factors direct --zone GB --carbon-url "$URL" --now 2018-01-20T12:40:00Z \
	--finish-by 1h --duration 30m --json
is "of a provider that is down: at the deadline" "$(field at) $(field rung) $(field reading_gco2_per_kwh)" "2018-01-20T13:10:00Z deadline null"
stub neso "GET /intensity/2018-01-20T12:30Z/pt24h$" "repeat for ever" "$json" \
	'body {"data":[{"from":"2018-01-20T12:30Z","to":"2018-01-20T13:00Z","intensity":{"forecast":300,"actual":300,"index":"high"}}]}' \
	"GET /intensity/2018-01-20T13:00Z/pt24h$" "repeat for ever" "$json" \
	'body {"data":[{"from":"2018-01-20T13:00Z","to":"2018-01-20T13:30Z","intensity":{"forecast":100,"actual":100,"index":"low"}}]}' \
	"GET /intensity/2018-01-20T12:30Z/fw48h$" "repeat for ever" "$json" \
	"body {\"data\":[{$slot,\"intensity\":{\"forecast\":300,\"actual\":null,\"index\":\"high\"}},{\"from\":\"2018-01-20T13:00Z\",\"to\":\"2018-01-20T13:30Z\",\"intensity\":{\"forecast\":100,\"actual\":null,\"index\":\"low\"}},{\"from\":\"2018-01-20T13:30Z\",\"to\":\"2018-01-20T14:00Z\",\"intensity\":{\"forecast\":200,\"actual\":null,\"index\":\"low\"}}]}"
exits "by a forecast" 0 "$BIN/scheduler" wait --carbon uk-neso --factors direct --zone GB --carbon-url "$URL" --now 2018-01-20T12:40:00Z \
	--finish-by 90m --duration 30m --every 10m --json
is "in its best half hour" "$(field at) $(field rung) $(field reading_gco2_per_kwh)" "2018-01-20T13:00:00Z forecast 100.0"
is "the forecast was asked for once" "$(grep -c 'fw48h' "$TMP/neso.log")" 1
for wrong in "--finish-by tomorrow" "--finish-by 6h --every 0s" "--finish-by 6h --policy best" "--finish-by 6x"; do
	# shellcheck disable=SC2086
	exits "$wrong" 2 gate $wrong
done
exits "no duration" 2 "$BIN/scheduler" wait --finish-by 6h
plan_done
