# shellcheck shell=bash
# To be sourced after lib.sh: a private PostgreSQL, the steps of a small run, and for each the database it starts from.
SPEC=$ROOT/pipeline/specs/insurance.json
STEPS="data-fetch data-fetch-known preprocessing model-training training-shard training-merge scheduler"
"$BIN/killat" 1 true || [ $? = 137 ] || skip_all "no process may be traced here"

# What killed or cut off is compared by what was committed: nothing of that may be lost in a crash of the server.
postgres_start autovacuum=off max_connections=100 synchronous_commit=on
"$BIN/generate" --rows 900 --output "$TMP/rows.csv"
export LOG_LEVEL=error GREEN_ML_NOW=2023-11-14T09:00:00Z DATA_ROOT=$TMP

# The steps; each is run against a copy of the database its predecessors have left.
step() { # NAME [TRACER...]
	local name=$1
	shift
	case $name in
	data-fetch) as loader "$@" "$BIN/data-fetch" --pipeline "$SPEC" --csv "$TMP/rows.csv" --n-rows 600 ;;
	data-fetch-known) as loader "$@" "$BIN/data-fetch" --pipeline "$SPEC" --csv "$TMP/rows.csv" --start-row 300 ;;
	preprocessing) as preprocessor "$@" "$BIN/preprocessing" --pipeline "$SPEC" ;;
	model-training) as trainer "$@" "$BIN/model-training" --pipeline "$SPEC" --threads 2 ;;
	training-plan) as trainer "$@" "$BIN/model-training" --pipeline "$SPEC" --plan ;;
	training-shard | training-other) # the plan of a step before is the only one
		as trainer "$@" "$BIN/model-training" --pipeline "$SPEC" --from-plan 1 --threads 2 \
			--shard "$([ "$name" = training-shard ] && echo 1 || echo 2)/2" ;;
	training-merge) as trainer "$@" "$BIN/model-training" --pipeline "$SPEC" --from-plan 1 --merge --threads 2 ;;
	scheduler) as scheduler "$@" "$BIN/scheduler" run --pipeline "$SPEC" --preset seed --carbon list:2023-11-14T00:00:00Z/P1D:282 \
		--via command --command "env PGUSER=green_ml_trainer $BIN/model-training --pipeline $SPEC --threads 2 >/dev/null" ;;
	esac
}

# What a step starts from: the database t_<step>.
green_ml_database t_data_fetch --pipeline "$SPEC" >/dev/null
copy() { # FROM TO
	PGOPTIONS='-c client_min_messages=warning' PGDATABASE=postgres sql "DROP DATABASE IF EXISTS \"$2\" WITH (FORCE)"
	PGDATABASE=postgres sql "CREATE DATABASE \"$2\" TEMPLATE \"$1\""
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
advance t_model_training t_training_shard training-plan training-other
advance t_training_shard t_training_merge training-shard
copy t_model_training t_scheduler

canonical() { # DATABASE
	PGDATABASE=$1 psql -XAtq -v ON_ERROR_STOP=1 -f "$ROOT/tests/canonical.sql"
}

# Runs the step again as its caller would: a workflow step on exit code 75, a tick of the scheduler every now and then, until
# the need that was there is closed (an attempt that died with the tick counts as failed and is repeated an hour later).
rerun() { # STEP DATABASE
	local try status hours
	for try in 1 2 3; do
		hours=$(((try - 1) * 2))
		status=0
		GREEN_ML_NOW=2023-11-14T$(printf %02d $((9 + hours))):00:00Z PGDATABASE=$2 step "$1" timeout -k 5 60 >/dev/null 2>"$TMP/$2.rerun" ||
			status=$?
		if [ "$1" = scheduler ]; then
			[ "$(PGDATABASE=$2 sql "SELECT count(*) FROM green_ml.retrain WHERE state = 'succeeded'")" = 0 ] || return 0
		elif [ "$status" != 75 ]; then
			return "$status"
		fi
	done
	return "$status"
}

# The facts that an undisturbed run leaves, in $TMP/STEP.expected. It is run twice: a repeat must change nothing.
expect() { # STEP
	advance "t_${1//-/_}" expected "$1" "$1"
	canonical expected >"$TMP/$1.expected"
}

# How many system calls an undisturbed run makes.
count_calls() { # STEP
	copy "t_${1//-/_}" counted
	PGDATABASE=counted step "$1" "$BIN/killat" 0 | tail -n 1
}

# What differs from the undisturbed run, as one line; nothing when nothing does.
difference() { # STEP DATABASE
	canonical "$2" >"$TMP/$2.canonical"
	diff "$TMP/$1.expected" "$TMP/$2.canonical" | grep '^[<>]' | head -n 2 | tr '\n' ' '
}
