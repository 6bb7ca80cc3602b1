#!/usr/bin/env bash
# Two of each program at once, again and again: both end well or say "try again", and the work is done once.
#
#   TWICE_ROUNDS=20   how often
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/torture/steps.sh"
ROUNDS=${TWICE_ROUNDS:-20}

twice() { # STEP
	local round pids status complaints=$TMP/$1.complaints pid
	expect "$1"
	: >"$complaints"
	for ((round = 1; round <= ROUNDS; round++)); do
		copy "t_${1//-/_}" work
		pids=()
		for _ in 1 2; do
			PGDATABASE=work step "$1" timeout -k 5 60 >/dev/null 2>>"$TMP/work.log" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			status=0
			wait "$pid" || status=$?
			[ "$status" = 0 ] || [ "$status" = 75 ] || echo "round $round: exit code $status, $(tail -n 1 "$TMP/work.log")" >>"$complaints"
		done
		rerun "$1" work || echo "round $round: the rerun failed: $(tail -n 1 "$TMP/work.rerun")" >>"$complaints"
		difference "$1" work | sed "s/^/round $round: /" >>"$complaints"
	done
	is "$1: two at once, $ROUNDS times: the result of one" "$(head -n 5 "$complaints")" ""
}

for name in $STEPS; do
	twice "$name"
done
plan_done
