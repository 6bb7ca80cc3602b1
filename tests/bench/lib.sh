# shellcheck shell=bash
# What the benchmarks share; to be sourced. Nothing here is a test: the figures are this machine's.
#
#   bench_start [SETTING]...       a private PostgreSQL, and the folder $WORK
#   measure FILE COMMAND...        run it; adds a line to the file: wall seconds, CPU seconds of the command and all it
#                                  started, CPU seconds of the whole PostgreSQL meanwhile
#   median FILE COLUMN             of a column of such a file
#   calc EXPRESSION [FORMAT]       awk's arithmetic
set -eu -E

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
BIN=$(cd "${BIN:-build/release/bin}" && pwd)
for name in $(compgen -e); do
	case $name in PG* | DB_* | GREEN_ML_* | PIPELINE_* | OUTPUT_DIR | ARGO_* | CSV_PATH | N_ROWS | START_ROW | DATA_ROOT | \
		FAKE_COMPUTATION* | *_proxy | *_PROXY) unset "$name" ;; esac
done
export LC_ALL=C TZ=UTC LOG_LEVEL=${LOG_LEVEL:-warning}
# shellcheck source=tests/integration/postgres.sh
. tests/integration/postgres.sh
trap 'printf "%s:%s: \"%s\" failed\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR

bench_start() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/green-ml-bench.XXXXXX")
	at_exit rm -rf "$WORK"
	postgres_start "$@"
}

# In ticks of a hundredth of a second, of the server and its processes, those that have ended too.
cluster_cpu_s() {
	local pid
	for pid in "$POSTGRES_PID" $(cat "/proc/$POSTGRES_PID/task/$POSTGRES_PID/children"); do
		sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null || : # the name in brackets may hold blanks
	done | awk -v tick="$(getconf CLK_TCK)" '{ s += $12 + $13; if (NR == 1) s += $14 + $15 } END { printf "%.2f\n", s / tick }'
}

measure() {
	local file=$1 TIMEFORMAT='%3R %3U %3S' server
	shift
	server=$(cluster_cpu_s)
	{ time "$@" >"$WORK/out" 2>"$WORK/err"; } 2>"$WORK/time" || {
		cat "$WORK/out" "$WORK/err" >&2
		return 1
	}
	sleep 0.2 # its backends have ended by then
	echo "$(awk '{ printf "%.3f %.3f", $1, $2 + $3 }' "$WORK/time") $(calc "$(cluster_cpu_s) - $server" %.2f)" >>"$file"
}

median() {
	sort -g -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

calc() {
	awk "BEGIN { printf \"${2:-%.3f}\\n\", $1 }"
}
