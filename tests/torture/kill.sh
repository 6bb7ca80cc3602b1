#!/usr/bin/env bash
# Every program is killed (SIGKILL) as it enters its Nth system call, for every N of a small run, and then run again: the
# database must say the same (tests/canonical.sql) as after an undisturbed run.
#
#   KILL_POINTS=0     how many system calls of each program to try, spread evenly; 0: all of them ("make torture")
#   KILL_WORKERS=2    sweeps at a time
. "$(dirname "$0")/../integration/lib.sh"

POINTS=${KILL_POINTS:-0} WORKERS=${KILL_WORKERS:-2}
SPEC=$ROOT/pipeline/specs/insurance.json
"$BIN/killat" 1 true && skip_all "no process may be traced here" || [ $? = 137 ] || skip_all "no process may be traced here"

postgres_start autovacuum=off max_connections=100
"$BIN/generate" --rows 900 --output "$TMP/rows.csv"
export LOG_LEVEL=error GREEN_ML_NOW=2023-11-14T09:00:00Z DATA_ROOT=$TMP

# The five steps; each is run against a copy of the database its predecessors have left.
step() { # NAME [TRACER...]
	local name=$1
	shift
	case $name in
	data-fetch) as loader "$@" "$BIN/data-fetch" --pipeline "$SPEC" --csv "$TMP/rows.csv" --n-rows 600 ;;
	data-fetch-known) as loader "$@" "$BIN/data-fetch" --pipeline "$SPEC" --csv "$TMP/rows.csv" --start-row 300 ;;
	preprocessing) as preprocessor "$@" "$BIN/preprocessing" --pipeline "$SPEC" ;;
	model-training) as trainer "$@" "$BIN/model-training" --pipeline "$SPEC" --threads 2 ;;
	scheduler) as scheduler "$@" "$BIN/scheduler" run --pipeline "$SPEC" --preset seed --carbon list:2023-11-14T00:00:00Z/P1D:282 \
		--via command --command "env PGUSER=green_ml_trainer $BIN/model-training --pipeline $SPEC --threads 2" ;;
	esac
}

# What a step starts from: the name of a template database.
green_ml_database t_data_fetch --pipeline "$SPEC" >/dev/null
copy() { # FROM TO
	PGDATABASE=postgres sql "DROP DATABASE IF EXISTS \"$2\"" && PGDATABASE=postgres sql "CREATE DATABASE \"$2\" TEMPLATE \"$1\""
}
advance() { # FROM TO STEP...
	copy "$1" "$2"
	local name from=$1 to=$2
	shift 2
	for name; do
		PGDATABASE=$to step "$name" >/dev/null
	done
}
advance t_data_fetch t_preprocessing data-fetch
advance t_preprocessing t_model_training preprocessing
copy t_preprocessing t_data_fetch_known
copy t_model_training t_scheduler

canonical() { # DATABASE
	PGDATABASE=$1 psql -XAtq -v ON_ERROR_STOP=1 -f "$ROOT/tests/canonical.sql"
}

# One sweep: points FIRST, FIRST + STRIDE, ... up to LAST; complaints go to a file.
sweep() { # STEP DATABASE FIRST STRIDE LAST COMPLAINTS
	local point status try
	for ((point = $3; point <= $5; point += $4)); do
		copy "t_${1//-/_}" "$2"
		status=0
		PGDATABASE=$2 step "$1" timeout -k 5 60 "$BIN/killat" "$point" >/dev/null 2>"$TMP/$2.killed" || status=$?
		# The program may end by itself before call N: threads make the number vary a little.
		[ "$status" = 137 ] || [ "$status" = 0 ] || echo "point $point: exit code $status, $(tail -n 1 "$TMP/$2.killed")" >>"$6"
		for try in 1 2 3; do
			status=0
			PGDATABASE=$2 step "$1" timeout -k 5 60 >/dev/null 2>"$TMP/$2.rerun" || status=$?
			[ "$status" = 75 ] || break
		done
		[ "$status" = 0 ] || echo "point $point: the rerun ended with $status, $(tail -n 1 "$TMP/$2.rerun")" >>"$6"
		canonical "$2" >"$TMP/$2.canonical"
		cmp -s "$TMP/$2.canonical" "$TMP/$1.expected" ||
			{ echo "point $point: $(diff "$TMP/$1.expected" "$TMP/$2.canonical" | grep '^[<>]' | head -n 2 | tr '\n' ' ')" >>"$6"; }
	done
}

torture() { # STEP
	local name=$1 calls stride worker pids=() complaints=$TMP/$1.complaints
	advance "t_${name//-/_}" "expected" "$name" "$name" # twice: a repeat must change nothing
	canonical expected >"$TMP/$name.expected"
	copy "t_${name//-/_}" counted
	calls=$(PGDATABASE=counted step "$name" "$BIN/killat" 0 | tail -n 1)
	stride=1
	[ "$POINTS" = 0 ] || stride=$(((calls + POINTS - 1) / POINTS))
	: >"$complaints"
	for ((worker = 0; worker < WORKERS; worker++)); do
		sweep "$name" "work$worker" $((1 + worker * stride)) $((WORKERS * stride)) "$calls" "$complaints" &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "$name: killed at $(((calls + stride - 1) / stride)) of its $calls system calls, the rerun gives the same result" \
		"$(head -n 5 "$complaints")" ""
}

for name in data-fetch data-fetch-known preprocessing model-training scheduler; do
	torture "$name"
done
plan_done
