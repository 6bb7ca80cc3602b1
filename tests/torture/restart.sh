#!/usr/bin/env bash
# PostgreSQL is stopped as in a crash (immediate) and started again in the middle of every step, at several of its system
# calls: the step ends well by itself or says "try again" (75), and the rerun gives the result of an undisturbed run.
#
#   RESTART_POINTS=25   how many system calls of each program to try, spread evenly
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/torture/steps.sh"
POINTS=${RESTART_POINTS:-25}

# Runs the step up to system call N, has PostgreSQL crash and recover there, and lets it go on.
disturbed() { # STEP DATABASE N
	local pid status=0
	rm -f "$TMP/stopped" "$TMP/go"
	PGDATABASE=$2 DB_CONNECT_TRIES=2 KILLAT_RUN="touch $TMP/stopped; while [ ! -e $TMP/go ]; do sleep 0.02; done" \
		step "$1" timeout -k 5 60 "$BIN/killat" "$3" >/dev/null 2>"$TMP/$2.killed" &
	pid=$!
	wait_for 20 test -e "$TMP/stopped"
	postgres_stop QUIT
	postgres_start autovacuum=off max_connections=100 synchronous_commit=on
	touch "$TMP/go"
	wait "$pid" || status=$?
	return "$status"
}

restart() { # STEP
	local calls point stride complaints=$TMP/$1.complaints status tried=0
	expect "$1"
	calls=$(count_calls "$1")
	stride=$(((calls + POINTS - 1) / POINTS))
	: >"$complaints"
	# Not the very last calls: threads make their number vary a little.
	for ((point = stride / 2 + 1; point < calls - 10; point += stride)); do
		tried=$((tried + 1))
		copy "t_${1//-/_}" work
		# PostgreSQL 15 copies a sequence's page together with its unlogged reserve, which a crash before the next checkpoint
		# then hands out twice: an artefact of the copy, not of the programs.
		sql CHECKPOINT
		status=0
		disturbed "$1" work "$point" || status=$?
		[ "$status" = 0 ] || [ "$status" = 75 ] || echo "call $point: exit code $status, $(tail -n 1 "$TMP/work.killed")" >>"$complaints"
		status=0
		rerun "$1" work || status=$?
		[ "$status" = 0 ] || echo "call $point: the rerun ended with $status, $(tail -n 1 "$TMP/work.rerun")" >>"$complaints"
		difference "$1" work | sed "s/^/call $point: /" >>"$complaints"
	done
	is "$1: PostgreSQL crashed at $tried of its $calls system calls, the rerun gives the same result" \
		"$(head -n 5 "$complaints")" ""
}

for name in $STEPS; do
	restart "$name"
done
plan_done
