#!/usr/bin/env bash
# What the scheduler is given at its worst: no champion, one that was taken away, a damaged one, no holdout; every answer of
# an Argo server; an outage; a clock that jumps. The decision says what happened, and nothing is submitted twice.
. "$(dirname "$0")/lib.sh"
python3 -c 'import http.server' 2>/dev/null || skip_all 'there is no python3'

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database faults --pipeline "$spec" >/dev/null
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
: >"$TMP/submitted"
background argo python3 "$ROOT/tests/integration/argo.py" "$TMP/port" "$TMP/submitted" "$TMP/faults"
wait_for 10 test -s "$TMP/port"
URL=http://127.0.0.1:$(cat "$TMP/port")
faults() { # LINE...
	printf '%s\n' "$@" >"$TMP/faults"
}
submitted() {
	wc -l <"$TMP/submitted"
}
# Few ticks until the deadline: more would cost more than so small a training can save.
tick() { # NOW ARGUMENT...: a reading of 50 until noon, then 600 and 200
	local now=$1
	shift
	env BEARER_TOKEN=test-token PGUSER=green_ml_scheduler "$BIN/scheduler" run --host "$URL" --argo-namespace argo --json \
		--carbon list:2026-03-28T00:00:00Z/PT12H:50,600,200,600,200,600 --policy threshold:400 --tick-min 3000 --now "$now" "$@"
}
need() { # COLUMNS of the last need
	sql "SELECT $1 FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1"
}
start_over() {
	sql "UPDATE green_ml.retrain SET state = 'cancelled' WHERE state IN ('waiting', 'intended', 'accepted')" >/dev/null
	: >"$TMP/faults"
	: >"$TMP/submitted"
}

# --- models
"$BIN/generate" --rows 30000 --drift sudden --drift-from 12000 --drift-size 0.25 --output "$TMP/rows.csv" 2>/dev/null
exits "no model and no row" 0 tick 2026-03-28T08:00:00Z
is "is nothing to do" "$(field verdict) $(field rule)" "skip not_enough_evidence"
load 0 12000
as trainer "$BIN/model-training" --threads 2 >/dev/null 2>&1
load 12000 6000
exits "rows that have drifted" 0 tick 2026-03-28T08:15:00Z
is "are a need, and the grid is clean" "$(field verdict) $(field rule) $(submitted)" "train $(field rule) 1"
like "that may wait" "$(field rule)" '^(small|probable_big)_drop$'
start_over
as_superuser() { # SQL: what no program may do
	sql "BEGIN; SET LOCAL session_replication_role = replica; $1; COMMIT" >/dev/null
}
as_superuser "CREATE TABLE kept AS SELECT * FROM green_ml.promotion; DELETE FROM green_ml.promotion"
exits "a champion that was taken away" 0 tick 2026-03-28T08:30:00Z
is "is none: the first model is trained" "$(field verdict) $(field rule) $(submitted)" "train first_model 1"
like "and it says so" "$(cat "$OUT")" 'no model serves yet'
as_superuser "INSERT INTO green_ml.promotion OVERRIDING SYSTEM VALUE SELECT * FROM kept"
start_over
as_superuser "CREATE TABLE kept_model AS SELECT model_id, bytes FROM green_ml.model; UPDATE green_ml.model SET bytes = set_byte(bytes, 500, 255 - get_byte(bytes, 500))"
load 18000 3000
exits "a champion whose bytes are damaged" 1 tick 2026-03-28T08:45:00Z
like "is not scored with" "$(cat "$ERR")" 'recorded is [0-9a-f]+: promote an intact model'
is "nothing is submitted" "$(submitted)" 0
is "the run says why" "$(sql "SELECT state, error LIKE '%intact model%' FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" "failed|t"
as_superuser "UPDATE green_ml.model m SET bytes = k.bytes FROM kept_model k WHERE k.model_id = m.model_id"
python3 - "$spec" "$TMP/bare.json" <<'PYTHON'
import json, sys
spec = json.load(open(sys.argv[1]))
spec.update(name="bare", source="insurance", holdout=0)
json.dump(spec, open(sys.argv[2], "w"))
PYTHON
PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$TMP/bare.json" >/dev/null
as preprocessor "$BIN/preprocessing" --pipeline "$TMP/bare.json" >/dev/null 2>&1
as trainer "$BIN/model-training" --pipeline "$TMP/bare.json" --threads 2 >/dev/null 2>&1
load 21000 3000
as preprocessor "$BIN/preprocessing" --pipeline "$TMP/bare.json" >/dev/null 2>&1
exits "a model without holdout rows" 0 tick 2026-03-28T09:00:00Z --pipeline "$TMP/bare.json"
is "has nothing to be compared with" "$(field verdict) $(field rule)" "skip no_reference"
like "and it says what to do" "$(cat "$OUT")" 'give the spec a holdout'

# --- every answer of an Argo server, to the submission and to the question before it; then it is well again
hour=0
for answer in 401 403 404 409 429 500 501 503 504 504-late html; do
	start_over
	case $answer in 429 | 503 | 504 | 504-late) code=75 ;; *) code=1 ;; esac
	[ "$answer" != 504-late ] || code=0
	faults "POST $answer"
	exits "a submission that is answered $answer" "$code" tick "2026-03-28T09:$(printf %02d $((hour * 2 + 1))):00Z"
	if [ "$answer" = 504-late ]; then
		is "was made all the same, and found under its name" "$(need state) $(submitted)" "accepted 1"
	else
		is "leaves the intent" "$(need 'state, attempt')" "intended|1"
		like "the decision and the event say what happened" "$(field verdict) $(sql "SELECT reason FROM green_ml.retrain_event
			ORDER BY retrain_event_id DESC LIMIT 1")" "^train could not submit|^train the answer to workflow"
		name=$(field workflow)
		case $answer in 429 | 503) code=75 ;; *) code=1 ;; esac
		[ "$answer" != 504 ] || code=75
		if [ "$answer" != 404 ]; then
			faults "GET ${answer%-late}"
			exits "and a question that is answered so" "$code" tick "2026-03-28T09:$(printf %02d $((hour * 2 + 1))):20Z"
			is "changes nothing" "$(field verdict) $(field rule) $(need state) $(submitted)" "wait unreachable intended 0"
			like "the decision says why" "$(cat "$OUT")" 'could not find out what became of retraining'
		fi
		: >"$TMP/faults"
		exits "when the server is well again" 0 tick "2026-03-28T09:$(printf %02d $((hour * 2 + 1))):40Z"
		is "it is submitted, once and under the same name" "$(need state) $(cat "$TMP/submitted")" "accepted argo $name"
	fi
	hour=$((hour + 1))
done

# --- an outage: an intent after a small drop is planned again, after a big one it is sent as it stands
start_over
faults "POST 503"
exits "a small drop in an outage" 75 tick 2026-03-28T11:50:00Z
is "is an intent" "$(need 'state, sent_at_once')" "intended|f"
: >"$TMP/faults"
exits "when it is over the grid is not clean any more" 0 tick 2026-03-28T12:05:00Z
is "so it waits" "$(field verdict) $(field rung) $(need state) $(submitted)" "wait threshold waiting 0"
deadline=$(need latest_start_at)
exits "until it is" 0 tick 2026-03-29T00:05:00Z
is "then it is sent" "$(field verdict) $(need state) $(submitted)" "train accepted 1"
is "its deadline has not moved" "$(need latest_start_at)" "$deadline"
start_over
faults "POST 503"
exits "a big drop in an outage" 75 tick 2026-03-29T00:10:00Z --max-accuracy-decrease 0 --low-accuracy-decrease 0
is "is an intent that is sent at once" "$(need 'state, sent_at_once')" "intended|t"
: >"$TMP/faults"
exits "when it is over" 0 tick 2026-03-29T12:05:00Z --max-accuracy-decrease 0 --low-accuracy-decrease 0
is "it is sent, dirty or not" "$(field verdict) $(field rule) $(submitted)" "train send_again 1"

# --- the clock: Europe/Berlin leaps from 2 to 3 o'clock at 01:00Z on 29 March 2026
start_over
export TZ=Europe/Berlin
exits "before the leap" 0 tick 2026-03-28T23:59:00Z --policy threshold:40
deadline=$(need latest_start_at)
exits "after it" 0 tick 2026-03-29T01:01:00Z --policy threshold:40
is "the need and its deadline are the same" "$(need 'state, latest_start_at')" "waiting|$deadline"
exits "a clock that falls back by three hours" 0 tick 2026-03-28T22:01:00Z --policy threshold:40
is "changes nothing" "$(need 'state, latest_start_at') $(field verdict)" "waiting|$deadline wait"
exits "one that jumps behind the deadline" 0 tick 2026-04-09T00:00:00Z --policy threshold:40
is "starts it, late and once" "$(field verdict) $(field rung) $(submitted)" "train deadline 1"
exits "and back again" 0 tick 2026-03-29T02:00:00Z --policy threshold:40
is "nothing twice" "$(field rule) $(submitted)" "in_flight 1"
is "one open need" "$(sql "SELECT count(*) FROM green_ml.retrain WHERE state IN ('waiting', 'intended', 'accepted')")" 1
is "and no time was stored in local hours" "$(sql "SELECT count(*) FROM green_ml.decision WHERE decided_at = '2026-03-29T01:01:00Z'")" 1

# --- several pipelines and a command that costs: its CPU is nobody else's
unset TZ
mkdir "$TMP/specs"
for name in busy calm; do
	python3 - "$spec" "$TMP/specs/$name.json" "$name" <<'PYTHON'
import json, sys
spec = json.load(open(sys.argv[1]))
spec.update(name=sys.argv[3], source="insurance")
json.dump(spec, open(sys.argv[2], "w"))
PYTHON
done
PGUSER=green_ml_owner "$ROOT/database/migrate" --pipeline "$TMP/specs" >/dev/null
as preprocessor "$BIN/preprocessing" --pipeline "$TMP/specs" >/dev/null 2>&1
exits "a command that costs a second, for the first of two pipelines" 1 as scheduler "$BIN/scheduler" run --pipeline "$TMP/specs" --via command \
	--command '[ "$PIPELINE_NAME" = calm ] || python3 -c "import time
while time.process_time() < 1: pass"' --carbon list:2026-03-28T00:00:00Z/P1D:100 --now 2026-03-28T08:00:00Z
is "is not in the second one's tick" "$(sql "SELECT count(*), max(cpu_s) < 0.5 FROM green_ml.run WHERE program = 'scheduler'
	AND pipeline IN ('busy', 'calm')")" "2|t"
plan_done
