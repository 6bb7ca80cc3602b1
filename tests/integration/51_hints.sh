#!/usr/bin/env bash
# Input drift and feedback samples: told beside the accuracy, and able to open a need that waits where the spec says so.
. "$(dirname "$0")/lib.sh"

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database hints --pipeline "$spec" >/dev/null
export DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register PIPELINE_SPEC=$spec
field() { # JSON-KEY, of the last run's stdout
	python3 -c 'import json, sys
value = json.loads(open(sys.argv[1]).readline())[sys.argv[2]]
print("null" if value is None else value)' "$OUT" "$1"
}
load() { # START ROWS
	START_ROW=$1 N_ROWS=$2 as loader "$BIN/data-fetch" --csv "$TMP/rows.csv" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" >/dev/null 2>&1
}
scheduler() { # SPEC ARGUMENT...
	as scheduler "$BIN/scheduler" "${@:2}" --pipeline "$1" --carbon list:2026-01-01T00:00:00Z/P3650D:300 --via command \
		--command false --policy threshold:100 --json
}
with() { # RETRAIN-KEYS: the spec with them
	python3 -c 'import json, sys
spec = json.load(open(sys.argv[1]))
spec.setdefault("retrain", {}).update(json.loads(sys.argv[2]))
json.dump(spec, open(sys.argv[3], "w"))' "$spec" "$1" "$TMP/with.json"
	echo "$TMP/with.json"
}

"$BIN/generate" --rows 14000 --output "$TMP/rows.csv" 2>/dev/null
load 0 8000
as trainer "$BIN/model-training" --threads 2 >/dev/null 2>&1
is "the plan has a profile of each feature" "$(sql "SELECT jsonb_array_length(profile), (SELECT sum(r::int) FROM
	jsonb_array_elements_text(profile -> 0 -> 'rows') AS r) > 6000 FROM green_ml.training_plan")" "5|t"

# --- inputs that have not moved, and some that have: the second load has one column set to a constant
load 8000 3000
exits "a look at rows as before" 0 scheduler "$spec" run
is "finds no drop" "$(field verdict) $(field rule) $(field look)" "skip no_drop 1"
is "and no column that moved beyond its noise by 0.05" "$(sql "SELECT (input_drift ->> 'psi')::float - (input_drift ->> 'psi_noise')::float < 0.05,
	(SELECT count(*) FROM jsonb_object_keys(input_drift -> 'columns')) FROM green_ml.evaluation")" "t|5"
python3 - "$TMP/rows.csv" <<'PYTHON'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
column = rows[0].index("ps_ind_03")
for row in rows[11001:]:
    row[column] = "11"
csv.writer(open(sys.argv[1], "w"), lineterminator="\n").writerows(rows)
PYTHON
load 11000 3000
exits "a look at rows of which a column has moved" 0 scheduler "$spec" run --low-accuracy-decrease 0.9 --max-accuracy-decrease 0.9
is "tells it, no more" "$(field verdict) $(field rule)" "skip no_drop"
like "with its name" "$(cat "$OUT")" 'column \\"ps_ind_03\\" has moved most: psi [1-9].*told only'
is "only the new load was scored" "$(sql "SELECT array_length(load_k, 1), all_k = load_k[1] + load_k[2], recent_k = all_k
	FROM green_ml.evaluation WHERE look = 2")" "2|t|t"
spec_drift=$(with '{"drift_psi": 0.2, "low_accuracy_decrease": 0.9, "max_accuracy_decrease": 0.9}')
exits "the quiet tick of a spec that says drift_psi" 0 scheduler "$spec_drift" run --tick-min 5000
is "opens a need that waits for a clean grid" "$(field verdict) $(field rule) $(field rung)" "wait input_drift threshold"
is "is stored" "$(sql "SELECT state, sent_at_once FROM green_ml.retrain")" "waiting|f"
exits "without it" 0 scheduler "$spec" run --low-accuracy-decrease 0.9 --max-accuracy-decrease 0.9
is "the need is cancelled" "$(field verdict) $(sql "SELECT state FROM green_ml.retrain")" "skip cancelled"

# --- a feedback sample
sql "SELECT green_ml.rotate_predictions(1)" >/dev/null
# Declared and over three minutes ago: 2,000 predictions, every third of them right.
sql "INSERT INTO green_ml.feedback_sample (pipeline_id, from_at, until_at, declared_at) VALUES
	(1, now() - interval '10 minutes', now() - interval '5 minutes', now() - interval '10 minutes')" >/dev/null
sql "INSERT INTO green_ml.prediction SELECT gen_random_uuid(), now() - interval '9 minutes', 1, 1, 'test', '0',
	CASE WHEN i % 3 = 0 THEN '0' ELSE '1' END, now() FROM generate_series(1, 2000) AS i" >/dev/null
exits "a complete sample" 0 scheduler "$spec" explain --low-accuracy-decrease 0.9 --max-accuracy-decrease 0.9
like "is told" "$(cat "$OUT")" 'feedback sample 1: 33\.3. % of 2000 predictions were right .*told only'
is "no more" "$(field verdict)" skip
spec_feedback=$(with '{"feedback": true}')
# Three ticks to the deadline: more of them would cost more than so small a training can save.
exits "where the spec lets it" 0 scheduler "$spec_feedback" run --low-accuracy-decrease 0.3 --max-accuracy-decrease 0.9 --tick-min 5000
is "it opens a need that waits" "$(field verdict) $(field rule)" "wait feedback_drop"
is "and nothing was submitted by either" "$(sql "SELECT count(*) FROM green_ml.decision WHERE verdict = 'train'")" 0
plan_done
