#!/usr/bin/env bash
# Carbon providers behind a scripted server: what is asked, stored and decided; and everything that can go wrong on the way.
. "$(dirname "$0")/lib.sh"

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database scheduler --pipeline "$spec" >/dev/null
export DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register
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
	background "$name" "$BIN/stub-http" --script "$TMP/$name.script" --log "$TMP/$name.log" --seconds 120
	wait_for 5 test -s "$TMP/$name.out"
	URL=http://127.0.0.1:$(head -n 1 "$TMP/$name.out")
}
requests() { # NAME
	grep -c '^GET /' "$TMP/$1.log" || :
}
specs() { # FILE PROVIDER KIND FACTORS ZONE
	python3 - "$spec" "$TMP/$1" "$2" "$3" "$4" "$5" <<'PYTHON'
import json, sys
spec = json.load(open(sys.argv[1]))
spec["retrain"] = {"zone": sys.argv[6], "signal": {"provider": sys.argv[3], "kind": sys.argv[4], "factors": sys.argv[5]}}
json.dump(spec, open(sys.argv[2], "w"))
PYTHON
	PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$TMP/$1" >/dev/null
}
tick() { # SPEC NOW ARGUMENT...
	local file=$1 now=$2
	shift 2
	as scheduler "$BIN/scheduler" run --pipeline "$TMP/$file" --via command --command true --json --now "$now" "$@"
}
json="header Content-Type: application/json"

# --- Energy-Charts: quarter hours; the first tick asks for the newest values, the 30 days before and the forecast
specs charts.json energy-charts average lifecycle DE
python3 - "$TMP" <<'PYTHON'
import json, sys
now = 1711069800 # 2024-03-22T01:10:00Z
quarter = now // 900 * 900
def write(name, times, values, forecast):
    json.dump({"unix_seconds": times, "co2eq": values, "co2eq_forecast": forecast}, open(f"{sys.argv[1]}/{name}", "w"))
times = [quarter - 900 * i for i in range(8, -1, -1)]
write("newest", times, [250 + i for i in range(9)], [300] * 9)
times = [quarter - 900 * i for i in range(30 * 96 - 4, -1, -1)]
write("history", times, [200 + i % 96 for i in range(len(times))], [300] * len(times))
times = [quarter + 900 * i for i in range(8)]
write("forecast", times, [None] * 8, [300, 290, 280, 270, 260, 250, 240, 230])
PYTHON
stub charts "GET /co2eq?country=de&start=1710983400&end=1711069800$" "$json" "body-file $TMP/newest" \
	"GET /co2eq?country=de&start=1708477800&end=1711069800$" "$json" "body-file $TMP/history" \
	"GET /co2eq?country=de&start=1711069800&end=1711329000$" "$json" "body-file $TMP/forecast"
exits "the first tick" 0 tick charts.json 2024-03-22T01:10:00Z --carbon-url "$URL"
is "has a reading" "$(field reading_gco2_per_kwh) $(field reading_age_s) $(field source)" "258.0 600.0 energy-charts/average/lifecycle/DE"
is "after three requests" "$(requests charts)" 3
is "the days before are stored" "$(sql "SELECT count(DISTINCT start_at) > 2800, min(start_at) < '2024-02-22' FROM green_ml.carbon_intensity WHERE NOT is_forecast")" "t|t"
is "and the forecast" "$(sql "SELECT count(*), min(gco2_per_kwh), max(issued_at) FROM green_ml.carbon_intensity WHERE is_forecast")" \
	"8|230|2024-03-22 01:10:00+00"
exits "another tick in the same quarter hour" 0 tick charts.json 2024-03-22T01:12:00Z --carbon-url "$URL"
is "asks nothing" "$(field reading_gco2_per_kwh) $(requests charts)" "258.0 3"
exits "with everything it knows" 0 tick charts.json 2024-03-22T01:14:00Z --carbon-url "$URL" --zone FR
is "another zone has no reading of this one" "$(field reading_gco2_per_kwh)" null

# --- NESO, the country and a region
specs neso.json uk-neso average direct GB
stub neso "GET /intensity/2018-01-20T12:30Z/pt24h$" "$json" \
	'body {"data":[{"from":"2018-01-20T12:00Z","to":"2018-01-20T12:30Z","intensity":{"forecast":266,"actual":263,"index":"moderate"}}]}' \
	"GET /intensity/2018-01-20T12:30Z/fw48h$" "$json" \
	'body {"data":[{"from":"2018-01-20T12:30Z","to":"2018-01-20T13:00Z","intensity":{"forecast":200,"actual":null,"index":"low"}}]}' \
	"GET /regional/intensity/2018-01-20T12:30Z/fw48h/regionid/13$" "repeat 2" "$json" \
	'body {"data":{"regionid":13,"data":[{"from":"2018-01-20T12:30Z","to":"2018-01-20T13:00Z","intensity":{"forecast":134,"index":"low"}}]}}' \
	"GET /intensity/" "repeat for ever" "status 400" "$json" 'body {"error":{"code":"400 Bad Request","message":"Please enter a valid date"}}'
exits "Great Britain" 0 tick neso.json 2018-01-20T12:40:00Z --carbon-url "$URL"
is "has the actual value" "$(field reading_gco2_per_kwh) $(field source)" "263.0 uk-neso/average/direct/GB"
exits "London" 0 tick neso.json 2018-01-20T12:40:00Z --carbon-url "$URL" --zone GB-13
is "has its forecast of now" "$(field reading_gco2_per_kwh)" 134.0
specs wrong.json uk-neso average lifecycle GB
exits "life-cycle factors of NESO" 0 tick wrong.json 2018-01-20T12:40:00Z --carbon-url "$URL"
like "are not to be had" "$(field no_reading)" 'direct emission factors'

# --- WattTime: a login, then its token
specs watttime.json watttime marginal direct CAISO_NORTH
meta='"meta":{"region":"CAISO_NORTH","signal_type":"co2_moer","units":"lbs_co2_per_mwh","generated_at":"2022-07-15T00:00:00+00:00"}'
stub watttime "GET /login$" "repeat for ever" "$json" 'body {"token":"short-lived"}' \
	"GET /v3/historical" "repeat for ever" "$json" "body {\"data\":[{\"point_time\":\"2022-07-15T00:00:00+00:00\",\"value\":1048.4}],$meta}" \
	"GET /v3/forecast" "$json" "body {\"data\":[{\"point_time\":\"2022-07-15T00:05:00+00:00\",\"value\":1000}],$meta}"
watttime() {
	WATTTIME_USER=user WATTTIME_PASSWORD=watttime-secret tick watttime.json "$@"
}
exits "without a password" 0 tick watttime.json 2022-07-15T00:04:00Z --carbon-url "$URL"
like "nothing is asked" "$(field no_reading) $(requests watttime)" 'WATTTIME_USER.* 0$'
exits "with it" 0 watttime 2022-07-15T00:04:00Z --carbon-url "$URL"
like "grams, not pounds" "$(field reading_gco2_per_kwh)" '^475\.546'
like "the login" "$(cat "$TMP/watttime.log")" '^Authorization: Basic dXNlcjp3YXR0dGltZS1zZWNyZXQ=$'
like "and its token" "$(cat "$TMP/watttime.log")" '^Authorization: Bearer short-lived$'
unlike "neither is stored or logged" "$(cat "$ERR"; sql "SELECT inputs FROM green_ml.decision")" 'watttime-secret|short-lived|dXNlcj'
specs average.json watttime average direct CAISO_NORTH
exits "an average signal of WattTime" 0 env WATTTIME_USER=user WATTTIME_PASSWORD=x PGUSER=green_ml_scheduler "$BIN/scheduler" run \
	--pipeline "$TMP/average.json" --via command --command true --json --now 2022-07-15T00:04:00Z --carbon-url "$URL"
like "is never its marginal one" "$(field no_reading)" 'marginal intensities'

# --- Carbon Aware SDK
specs sdk.json carbon-aware-sdk marginal direct eastus
stub sdk "GET /emissions/bylocation?location=eastus&time=2022-05-17T19:00:00Z&toTime=2022-05-17T21:00:00Z$" "$json" \
	'body [{"location":"eastus","time":"2022-05-17T20:45:11.5092741+00:00","rating":70}]' \
	"GET /emissions/bylocation" "status 204" \
	"GET /emissions/forecasts/current" "status 400" "$json" 'body {"title":"Bad Request","status":400,"detail":"ForecastDataSource is not configured"}'
exits "the SDK" 0 tick sdk.json 2022-05-17T21:00:00Z --carbon-url "$URL"
is "has a reading" "$(field reading_gco2_per_kwh)" 70.0
exits "without its address" 0 tick sdk.json 2022-05-17T23:50:00Z
like "says which setting" "$(field no_reading)" '--carbon-url'

# --- what can go wrong, with Energy-Charts
head -c 5000000 /dev/zero | tr '\0' ' ' >"$TMP/huge"
stub broken "GET /" "status 500" "body oops" "GET /" "status 503" "body later" "GET /" "$json" "body-file $TMP/huge" \
	"GET /" "$json" "body-file $TMP/newest" "truncate 40" "GET /" "header Content-Type: text/html" "body <html>down</html>" \
	"GET /" "$json" "body null" "GET /" "$json" 'body {"unix_seconds":[1711069200],"co2eq":[null]}' "GET /" "repeat for ever" "status 404" "body no"
i=0
for reason in 'status 500' 'status 503' 'more than the' 'could not ask' 'text/html instead' 'no JSON|without the arrays' 'without a value'; do
	i=$((i + 1))
	exits "a reply that is none" 0 tick charts.json 2024-03-23T0$i:10:00Z --carbon-url "$URL" --zone AT
	like "is no reading: $reason" "$(field reading_gco2_per_kwh) $(field no_reading)" "null .*($reason)"
done
stub busy "GET /" "repeat for ever" "status 429" "header Retry-After: 600" "body slow down"
exits "too many requests" 0 tick charts.json 2024-03-23T09:10:00Z --carbon-url "$URL" --zone CH
exits "ten minutes are kept" 0 tick charts.json 2024-03-23T09:19:00Z --carbon-url "$URL" --zone CH
is "in which nothing is asked" "$(requests busy)" 1
exits "nobody listens" 0 tick charts.json 2024-03-23T12:10:00Z --carbon-url http://127.0.0.1:1 --zone CH
like "is no reading" "$(field no_reading)" 'could not ask Energy-Charts'
is "no number was made up" "$(sql "SELECT count(*) FROM green_ml.carbon_intensity WHERE zone IN ('AT', 'CH', 'FR')")" 0

# --- a need that may wait is decided by what is stored
load() { # START ROWS, then preprocessed
	CSV_PATH=$TMP/rows.csv START_ROW=$1 N_ROWS=$2 as loader "$BIN/data-fetch" --pipeline "$TMP/neso.json" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --pipeline "$TMP/neso.json" >/dev/null 2>&1
}
"$BIN/generate" --rows 10000 --drift sudden --drift-from 8000 --drift-size 0.3 --output "$TMP/rows.csv" 2>/dev/null
load 0 8000
as trainer "$BIN/model-training" --pipeline "$TMP/neso.json" >/dev/null 2>&1
load 8000 2000
point() { # FROM FORECAST ACTUAL
	echo "{\"from\":\"$1\",\"to\":\"$1\",\"intensity\":{\"forecast\":$2,\"actual\":$3,\"index\":\"low\"}}"
}
stub plan "GET /intensity/2018-01-21T12:00Z/pt24h$" "$json" "body {\"data\":[$(point 2018-01-21T12:00Z 300 320)]}" \
	"GET /intensity/2018-01-21T12:00Z/fw48h$" "$json" \
	"body {\"data\":[$(point 2018-01-21T12:00Z 300 null),$(point 2018-01-21T13:00Z 200 null),$(point 2018-01-21T14:00Z 100 null),$(point 2018-01-21T14:30Z 60 null),$(point 2018-01-21T15:00Z 200 null)]}" \
	"GET /intensity/2018-01-21T14:00Z/pt24h$" "$json" "body {\"data\":[$(point 2018-01-21T14:00Z 100 90)]}" \
	"GET /" "repeat for ever" "status 500" "body down"
need() { # NOW
	tick neso.json "$1" --preset seed --policy "${2:-forecast}" --carbon-url "$URL" --max-accuracy-decrease 0.9
}
exits "at noon" 0 need 2018-01-21T12:10:00Z
is "the forecast says when" "$(field verdict) $(field rung) $(field start_at)" "wait forecast 2018-01-21T14:00:00Z"
exits "half an hour later" 0 need 2018-01-21T12:20:00Z
is "it says so from the database" "$(field verdict) $(field rung) $(field start_at)" "wait forecast 2018-01-21T14:00:00Z"
exits "while the provider is down" 0 need 2018-01-21T13:10:00Z
is "the reading of an hour ago still counts" "$(field verdict) $(field rung) $(field start_at) $(field reading_age_s)" \
	"wait forecast 2018-01-21T14:00:00Z 4200.0"
exits "planned once" 0 need 2018-01-21T13:15:00Z forecast-once
is "for the same hour" "$(field verdict) $(field rung) $(field start_at)" "wait forecast 2018-01-21T14:00:00Z"
exits "at two" 0 as scheduler "$BIN/scheduler" explain --pipeline "$TMP/neso.json" --via command --command true --json \
	--now 2018-01-21T14:05:00Z --preset seed --policy forecast --carbon-url "$URL" --max-accuracy-decrease 0.9
is "it trains" "$(field verdict) $(field rung) $(field reading_gco2_per_kwh)" "train forecast 90.0"
plan_done
