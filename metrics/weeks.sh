# shellcheck shell=bash
# The seven weeks that demo, experiment and tests/bench/weeks share; to be sourced. Week 1 brings WEEKS_FIRST_ROWS rows, each later
# one WEEKS_ROWS; the relation between features and label drifts after the first week's rows. BIN: the programs.
#
#   weeks_generate FILE     all their rows
#   weeks_rows WEEK         how many rows the week brings
#   weeks_start WEEK        how many rows came before
#   weeks_time WEEK         its simulated time, one week after another
#
# WEEKS: another number of weeks. WEEKS_FIRST_TIME: another time of the first.
WEEKS=${WEEKS:-7}
WEEKS_FIRST_TIME=${WEEKS_FIRST_TIME:-2023-11-14T09:00:00Z}
WEEKS_INTENSITIES=282,445,552,615,404,224,448 # gCO2/kWh, the first version's seven readings
WEEKS_FIRST_ROWS=100000 WEEKS_ROWS=20000 WEEKS_ALL_ROWS=$((100000 + (WEEKS - 1) * 20000))
WEEKS_SPEC=pipeline/specs/insurance.json

weeks_generate() {
	"$BIN/generate" --rows "$WEEKS_ALL_ROWS" --drift gradual --drift-from "$WEEKS_FIRST_ROWS" --drift-over 120000 \
		--drift-size 0.3 --output "$1"
}

weeks_rows() {
	[ "$1" = 1 ] && echo "$WEEKS_FIRST_ROWS" || echo "$WEEKS_ROWS"
}

weeks_start() {
	[ "$1" = 1 ] && echo 0 || echo $((WEEKS_FIRST_ROWS + ($1 - 2) * WEEKS_ROWS))
}

weeks_time() {
	date -u -d "$WEEKS_FIRST_TIME + $((($1 - 1) * 7)) days" +%Y-%m-%dT%H:%M:%SZ
}
