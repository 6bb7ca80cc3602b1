# shellcheck shell=bash
# The beginning of every tests/integration/NN_name.sh:
#
#   #!/usr/bin/env bash
#   . "$(dirname "$0")/lib.sh"
#   ...
#   plan_done
#
#   ok DESC COMMAND...           the command succeeds
#   not_ok DESC COMMAND...       the command fails
#   is DESC GOT WANT             two texts are equal
#   like DESC TEXT REGEX         an extended regular expression matches somewhere in the text
#   unlike DESC TEXT REGEX       it does not
#   exits DESC CODE COMMAND...   the exit code; leaves $STATUS and the files $OUT and $ERR
#   skip DESC REASON             a test that cannot run here
#   skip_all REASON              none of them can: ends the script; counts as $planned tests where that is set
#   plan_done                    print the plan; the last line of the script
#   run COMMAND...               like exits without a test: $STATUS, $OUT, $ERR; never fails
#   background NAME [as ROLE] PROGRAM...
#                                start it; $PID, output in $TMP/NAME.out and .err; it is stopped at the end
#   wait_for SECONDS COMMAND...  until the command succeeds; fails when the time is over
#   free_port                    print a TCP port of 127.0.0.1 that nobody listens on
#
# and those of postgres.sh. ROOT is the clone, BIN its binaries, TMP an empty folder that goes at the end. A command that fails outside of a test ends the script, which counts as a
# failure. Scripts [0-4]* are the quick ones of "make check", [5-9]* belong to "make test" only.
set -eu -E

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${BIN:-$ROOT/build/release/bin}
case $BIN in /*) ;; *) BIN=$PWD/$BIN ;; esac
export BIN
# Nothing of the caller's own settings may reach a test.
for name in $(compgen -e); do
	case $name in
	PG* | DB_* | GREEN_ML_* | CSV_PATH | N_ROWS | START_ROW | FAKE_COMPUTATION | MODEL_FILE_PATH | API_* | HOST | \
		BEARER_TOKEN* | ELECTRICITY_MAPS_TOKEN* | MAX_ACCURACY_DECREASE | LOW_ACCURACY_DECREASE | PIPELINE_* | \
		CARBON_INTENSITY_THRESHOLD | DATA_ROOT | OUTPUT_DIR | DEFAULT_PIPELINE | NOTIFY_URL | ARGO_* | *_proxy | *_PROXY)
		unset "$name"
		;;
	esac
done
export LC_ALL=C TZ=UTC

# shellcheck source=tests/integration/postgres.sh
. "$ROOT/tests/integration/postgres.sh"

TMP=$(mktemp -d "${TMPDIR:-/tmp}/green-ml-test.XXXXXX")
at_exit rm -rf "$TMP"
OUT=$TMP/out ERR=$TMP/err STATUS=0 PID=
tests_run=0 tests_failed=0

trap 'printf "# %s:%s: \"%s\" failed with status %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" "$?" >&2' ERR

# What a test prints about itself: each line a comment, never more than a screen.
explain() {
	printf '%s\n' "$@" | head -n 40 | sed 's/^/# /'
}

result() { # PASSED(0|1) DESC
	tests_run=$((tests_run + 1))
	if [ "$1" = 1 ]; then
		echo "ok $tests_run - $2"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $2"
	fi
}

run() {
	STATUS=0
	"$@" >"$OUT" 2>"$ERR" || STATUS=$?
}

run_failed() { # COMMAND...
	explain "command: $*" "status: $STATUS"
	[ ! -s "$OUT" ] || explain "stdout:" "$(tail -n 20 "$OUT")"
	[ ! -s "$ERR" ] || explain "stderr:" "$(tail -n 20 "$ERR")"
}

ok() {
	local desc=$1
	shift
	run "$@"
	if [ "$STATUS" = 0 ]; then
		result 1 "$desc"
	else
		result 0 "$desc"
		run_failed "$@"
	fi
}

not_ok() {
	local desc=$1
	shift
	run "$@"
	if [ "$STATUS" != 0 ]; then
		result 1 "$desc"
	else
		result 0 "$desc"
		run_failed "$@"
	fi
}

exits() {
	local desc=$1 code=$2
	shift 2
	run "$@"
	if [ "$STATUS" = "$code" ]; then
		result 1 "$desc"
	else
		result 0 "$desc"
		explain "wanted status: $code"
		run_failed "$@"
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		result 1 "$1"
	else
		result 0 "$1"
		explain "got:  $2" "want: $3"
	fi
}

like() {
	if grep -Eq -e "$3" <<<"$2"; then
		result 1 "$1"
	else
		result 0 "$1"
		explain "got:   $2" "match: $3"
	fi
}

unlike() {
	if grep -Eq -e "$3" <<<"$2"; then
		result 0 "$1"
		explain "got:      $2" "no match: $3"
	else
		result 1 "$1"
	fi
}

skip() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP ${planned:+$planned tests: }$1"
	exit 0
}

plan_done() {
	[ -z "${planned:-}" ] || [ "$tests_failed" != 0 ] || is 'as many tests as planned' "$((tests_run + 1))" "$planned"
	echo "1..$tests_run"
	[ "$tests_failed" = 0 ] || exit 1
	exit 0
}

background() {
	local name=$1
	shift
	[ "$1" != as ] || set -- env PGUSER="green_ml_$2" "${@:3}"
	setpriv --pdeathsig TERM "$@" >"$TMP/$name.out" 2>"$TMP/$name.err" </dev/null &
	PID=$!
	at_exit background_stop "$PID"
}

# TERM, and KILL where five seconds do not suffice.
background_stop() { # PID
	local i
	kill "$1" 2>/dev/null || return 0
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -s KILL "$1" 2>/dev/null || :
}

wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

free_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}
