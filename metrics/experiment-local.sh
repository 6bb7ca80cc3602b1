# shellcheck shell=bash
# The road "local" of metrics/experiment, which sources this: every run is a metrics/demo with a database of its own.

experiment_start() {
	export BIN=${BIN:-build/release/bin}
	[ -x "$BIN/scheduler" ] || wrong "there are no programs in $BIN: run \"make\", or say BIN="
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
}

experiment_run() { # FAKE_SCALE REPEAT
	local scale=$1
	[ "$scale" != 0 ] || scale=
	DEMO_RESULT=$work/result DEMO_FAKE_SCALE=$scale DEMO_CARBON=$carbon metrics/demo >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" >&2
		return 1
	}
	weeks_csv=$work/result/weeks.csv
}

experiment_more() {
	:
}
