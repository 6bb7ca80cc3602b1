#!/usr/bin/env bash
# scheduler history and replay over the decisions of two simulated days.
. "$(dirname "$0")/lib.sh"

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database history --pipeline "$spec" >/dev/null
export DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register PIPELINE_SPEC=$spec
load() { # START ROWS
	START_ROW=$1 N_ROWS=$2 as loader "$BIN/data-fetch" --csv "$TMP/rows.csv" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" >/dev/null 2>&1
}
scheduler() {
	as scheduler "$BIN/scheduler" "$@"
}
tick() { # NOW: below 400 g/kWh a need starts
	scheduler run --preset seed --max-accuracy-decrease 0.5 --carbon "list:2023-11-14T00:00:00Z/PT6H:445,552,615,404,224,448,500,600" \
		--via command --command "PGUSER=green_ml_trainer exec $BIN/model-training --threads 2" --now "$1" >/dev/null 2>&1
}
value() { # PYTHON-EXPRESSION of `it`, the JSON in $OUT
	python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$OUT" "$1"
}

exits "without a decision history prints its title" 0 scheduler history
is "one line" "$(wc -l <"$OUT")" 1
exits "and replay says so" 0 scheduler replay --policy now
is "in words" "$(cat "$OUT")" "no decision is stored"

"$BIN/generate" --rows 12000 --drift sudden --drift-from 8000 --drift-size 0.3 --output "$TMP/rows.csv" 2>/dev/null
load 0 8000
tick 2023-11-13T18:00:00Z
load 8000 4000
for hour in 14T00 14T06 14T12 14T18 15T00 15T06 15T12 15T18; do
	tick 2023-11-$hour:00:00Z
done
is "nine ticks: the first model, a wait of a day, a training at 224 g/kWh" "$(sql "SELECT string_agg(verdict, ' ' ORDER BY decision_id) FROM
	green_ml.decision")" "train wait wait wait wait train skip skip skip"

exits "history as a table" 0 scheduler history
is "has a title and a line per decision" "$(wc -l <"$OUT")" 10
like "oldest first, in points" "$(sed -n 3p "$OUT")" '^2023-11-14T00:00:00Z +insurance +wait +small_drop +threshold +[0-9.]+ +[0-9.]+ +[0-9.]+ +1 +[0-9]+ +445 '
exits "as JSON" 0 scheduler history --json
is "all of them, with numbers and reasons" "$(value '(len(it), it[1]["verdict"], it[1]["reading_gco2_per_kwh"], it[1]["drop"] > 0.01,
	it[0]["drop"], it[5]["retrain_id"], it[1]["simulated"], type(it[1]["reasons"]).__name__)')" \
	"(9, 'wait', 445.0, True, None, 2, True, 'list')"
is "and the grams of each tick whose reading is known" "$(value '(sum(d["tick_g"] is not None and d["tick_g"] > 0 for d in it), it[1]["tick_cpu_method"] != None)')" "(8, True)"
exits "as CSV" 0 scheduler history --csv
is "that a reader of CSV reads back" "$(python3 - "$OUT" <<'PYTHON'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
print(len(rows), rows[5]["verdict"], rows[5]["decided_at"], "accuracy" in rows[5]["reasons"])
PYTHON
)" "9 train 2023-11-15T00:00:00Z True"
exits "a part of it" 0 scheduler history --json --from 2023-11-14T06:00:00Z --until 2023-11-15T06:00:00Z --last 2
is "the newest two" "$(value '[d["decided_at"] for d in it]')" "['2023-11-14T18:00:00Z', '2023-11-15T00:00:00Z']"
exits "JSON and CSV at once" 2 scheduler history --json --csv
exits "a time that is none" 2 scheduler history --from yesterday
exits "a pipeline without decisions" 0 scheduler history --as other --json
is "has no history" "$(cat "$OUT")" "[]"

exits "replay of the policy that was in force" 0 scheduler replay --policy threshold:400 --json
is "does what was done" "$(value 'it["replayed"] == {**it["stored"]}')" True
is "a day's wait" "$(value '(it["stored"]["trainings"], it["stored"]["mean_wait_h"], it["decisions"])')" "(2, 12.0, 9)"
exits "replay of now" 0 scheduler replay --policy now --json
is "starts as the need is found, at 445 g/kWh, and loses no accuracy by waiting" \
	"$(value '(it["replayed"]["trainings"], it["replayed"]["mean_wait_h"], it["replayed"]["mean_gco2_per_kwh"], it["replayed"]["lost_point_h"])')" \
	"(2, 0.0, 445.0, 0.0)"
exits "replay of a lower threshold" 0 scheduler replay --policy threshold:100 --json
is "still waits at the end, and has lost more accuracy" \
	"$(value '(it["replayed"]["trainings"], it["replayed"]["lost_point_h"] > it["stored"]["lost_point_h"] > 0)')" "(1, True)"
exits "replay as a table" 0 scheduler replay --policy threshold:500
like "in plain words" "$(cat "$OUT")" 'accuracy lost while waiting, points x h +[0-9.]+ +0\.00$'
exits "a policy that is not known" 2 scheduler replay --policy whenever
exits "no policy" 2 scheduler replay
is "nothing of this was stored" "$(sql "SELECT count(*) FROM green_ml.decision")" 9
plan_done
