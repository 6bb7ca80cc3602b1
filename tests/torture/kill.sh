#!/usr/bin/env bash
# Every program is killed (SIGKILL) as it enters its Nth system call, for every N of a small run, and then run again: the
# database must say the same (tests/canonical.sql) as after an undisturbed run.
#
#   KILL_POINTS=0     how many system calls of each program to try, spread evenly; 0: all of them ("make torture")
#   KILL_WORKERS=2    sweeps at a time
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/torture/steps.sh"
POINTS=${KILL_POINTS:-0} WORKERS=${KILL_WORKERS:-2}

# One sweep: points FIRST, FIRST + STRIDE, ... up to LAST; complaints go to a file.
sweep() { # STEP DATABASE FIRST STRIDE LAST COMPLAINTS
	local point status
	for ((point = $3; point <= $5; point += $4)); do
		copy "t_${1//-/_}" "$2"
		status=0
		PGDATABASE=$2 step "$1" timeout -k 5 60 "$BIN/killat" "$point" >/dev/null 2>"$TMP/$2.killed" || status=$?
		# The program may end by itself before call N: threads make the number vary a little.
		[ "$status" = 137 ] || [ "$status" = 0 ] || echo "point $point: exit code $status, $(tail -n 1 "$TMP/$2.killed")" >>"$6"
		status=0
		rerun "$1" "$2" || status=$?
		[ "$status" = 0 ] || echo "point $point: the rerun ended with $status, $(tail -n 1 "$TMP/$2.rerun")" >>"$6"
		difference "$1" "$2" | sed "s/^/point $point: /" >>"$6"
	done
}

torture() { # STEP
	local calls stride=1 worker pids=() complaints=$TMP/$1.complaints
	expect "$1"
	calls=$(count_calls "$1")
	[ "$POINTS" = 0 ] || stride=$(((calls + POINTS - 1) / POINTS))
	: >"$complaints"
	for ((worker = 0; worker < WORKERS; worker++)); do
		sweep "$1" "work$worker" $((1 + worker * stride)) $((WORKERS * stride)) "$calls" "$complaints" &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "$1: killed at $(((calls + stride - 1) / stride)) of its $calls system calls, the rerun gives the same result" \
		"$(head -n 5 "$complaints")" ""
}

# model-api stores nothing: killed at any system call of its start and first looks it leaves the database as it is, and the
# next one serves.
serve() { # [TRACER...]
	as api timeout -k 5 30 "$@" "$BIN/model-api" --host 127.0.0.1 --port 0 --port-file "$TMP/port" --poll-s 1 --drain-s 0
}
ready() {
	curl -sf --max-time 2 -o "$TMP/answer" -d '{"row":[2,5,11,10,4]}' -H 'Content-Type: application/json' \
		"http://127.0.0.1:$(cat "$TMP/port")/predict"
}
torture_api() { # DATABASE
	local calls=400 stride=1 point status
	[ "$POINTS" = 0 ] || stride=$(((calls + POINTS - 1) / POINTS))
	canonical "$1" >"$TMP/api.expected"
	: >"$TMP/api.complaints"
	for ((point = 1; point <= calls; point += stride)); do
		status=0
		PGDATABASE=$1 serve "$BIN/killat" "$point" >/dev/null 2>"$TMP/api.killed" || status=$?
		[ "$status" = 137 ] || echo "point $point: exit code $status, $(tail -n 1 "$TMP/api.killed")" >>"$TMP/api.complaints"
	done
	is "model-api: killed at $(((calls + stride - 1) / stride)) of its first $calls system calls" "$(head -n 5 "$TMP/api.complaints")" ""
	is "model-api: the database is as it was" "$(canonical "$1" | diff "$TMP/api.expected" -)" ""
	rm -f "$TMP/port"
	PGDATABASE=$1 PGUSER=green_ml_api background api "$BIN/model-api" --host 127.0.0.1 --port 0 --port-file "$TMP/port" --drain-s 0
	wait_for 20 test -s "$TMP/port"
	ok "model-api: the next one serves" wait_for 20 ready
}

for name in $STEPS; do
	torture "$name"
done
torture_api expected
plan_done
