#!/usr/bin/env bash
# A tick that has a training submitted to an Argo server is killed (SIGKILL) as it enters its Nth system call, for every N,
# and run again: the server has made one workflow, that of the only need.
#
#   KILL_POINTS=0     how many system calls to try, spread evenly; 0: all of them ("make torture")
#   KILL_WORKERS=2    sweeps at a time
. "$(dirname "$0")/../integration/lib.sh"
POINTS=${KILL_POINTS:-0} WORKERS=${KILL_WORKERS:-2}
"$BIN/killat" 1 true || [ $? = 137 ] || skip_all "no process may be traced here"
python3 -c 'import http.server' 2>/dev/null || skip_all 'there is no python3'

postgres_start autovacuum=off max_connections=100 synchronous_commit=on
export LOG_LEVEL=error DATA_ROOT=$TMP PIPELINE_SPEC=$ROOT/pipeline/specs/insurance.json
green_ml_database t_submit --pipeline "$PIPELINE_SPEC" >/dev/null
"$BIN/generate" --rows 9000 --drift sudden --drift-from 3000 --drift-size 0.5 --output "$TMP/rows.csv"
load() { # START ROWS
	as loader "$BIN/data-fetch" --csv "$TMP/rows.csv" --start-row "$1" --n-rows "$2" >/dev/null
	as preprocessor "$BIN/preprocessing" >/dev/null
}
load 0 3000
as trainer "$BIN/model-training" --threads 2 >/dev/null
load 3000 6000
: >"$TMP/submitted"
background argo python3 "$ROOT/tests/integration/argo.py" "$TMP/port" "$TMP/submitted"
wait_for 10 test -s "$TMP/port"
HOST_URL=http://127.0.0.1:$(cat "$TMP/port")

copy() { # TO
	PGOPTIONS='-c client_min_messages=warning' PGDATABASE=postgres sql "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)"
	PGDATABASE=postgres sql "CREATE DATABASE \"$1\" TEMPLATE t_submit"
}
# A namespace of its own is a server of its own.
tick() { # DATABASE NAMESPACE MINUTE [TRACER...]
	PGDATABASE=$1 PGUSER=green_ml_scheduler BEARER_TOKEN=token timeout -k 5 60 "${@:4}" "$BIN/scheduler" run --host "$HOST_URL" \
		--argo-namespace "$2" --carbon list:2026-03-01T00:00:00Z/P1D:200 --policy threshold:400 \
		--max-accuracy-decrease 0.9 --low-accuracy-decrease 0 --now "2026-03-01T09:$3:00Z"
}

copy counted
calls=$(tick counted counted 00 "$BIN/killat" 0 | tail -n 1)
is 'an undisturbed tick has one training submitted' "$(cat "$TMP/submitted")" 'counted train-and-deploy-insurance-1-1'
tick counted counted 15 >/dev/null
is 'and the next one none' "$(wc -l <"$TMP/submitted")" 1

sweep() { # DATABASE FIRST STRIDE COMPLAINTS
	local point status made state
	for ((point = $2; point <= calls; point += $3)); do
		copy "$1"
		status=0
		tick "$1" "p$point" 00 "$BIN/killat" "$point" >/dev/null 2>"$TMP/$1.killed" || status=$?
		[ "$status" = 137 ] || [ "$status" = 0 ] || echo "point $point: exit code $status, $(tail -n 1 "$TMP/$1.killed")" >>"$4"
		tick "$1" "p$point" 15 >/dev/null 2>"$TMP/$1.again" || echo "point $point: the rerun: $(tail -n 1 "$TMP/$1.again")" >>"$4"
		tick "$1" "p$point" 30 >/dev/null 2>"$TMP/$1.again" || echo "point $point: the third: $(tail -n 1 "$TMP/$1.again")" >>"$4"
		made=$(grep "^p$point " "$TMP/submitted" || :)
		state=$(PGDATABASE=$1 sql "SELECT string_agg(state || ' ' || attempt, ', ') FROM green_ml.retrain")
		# A need that was not committed has used up its number.
		[[ "$made, $state" =~ ^p$point\ train-and-deploy-insurance-[12]-1,\ accepted\ 1$ ]] || echo "point $point: made \"$made\", the need is $state" >>"$4"
	done
}
stride=1
[ "$POINTS" = 0 ] || stride=$(((calls + POINTS - 1) / POINTS))
: >"$TMP/complaints"
pids=()
for ((worker = 0; worker < WORKERS; worker++)); do
	sweep "work$worker" $((1 + worker * stride)) $((WORKERS * stride)) "$TMP/complaints" &
	pids+=($!)
done
wait "${pids[@]}"
is "killed at $(((calls + stride - 1) / stride)) of its $calls system calls, the rerun gives the same single submission" \
	"$(head -n 5 "$TMP/complaints")" ''
plan_done
