#!/usr/bin/env bash
# scheduler backtest: a trace whose result can be worked out by hand, and the published traces where they are there.
# TRACES names their folder; default: shared/carbon beside the clone.
. "$(dirname "$0")/lib.sh"

TRACES=${TRACES:-$ROOT/../shared/carbon}
cases=$ROOT/tests/cases/backtest
backtest() {
	"$BIN/scheduler" backtest "$@"
}
field() { # JSON-KEY
	python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))[sys.argv[2]]
print("null" if value is None else round(value, 6) if isinstance(value, float) else value)' "$OUT" "$1"
}

# --- by hand: days of 12 h at 100 and 12 h at 300, 40 of them; W = 12, D = 1, from hour 720 on
python3 - "$TMP" <<'PYTHON'
import datetime, sys
start = datetime.datetime(2024, 1, 1)
def trace(name, values, step_min=60):
    with open(f"{sys.argv[1]}/{name}", "w") as out:
        out.write("start_utc,gco2_per_kwh\n")
        for i, value in enumerate(values):
            moment = start + datetime.timedelta(minutes=step_min * i)
            out.write(f"{moment:%Y-%m-%dT%H:%M:%SZ},{value}\n")
days = [100 if i % 24 < 12 else 300 for i in range(960)]
trace("days.csv", days)
trace("first.csv", days[:500])
with open(f"{sys.argv[1]}/second.csv", "w") as out:
    lines = open(f"{sys.argv[1]}/days.csv").read().splitlines()
    out.write("\n".join([lines[0]] + lines[501:]) + "\n")
    open(f"{sys.argv[1]}/gap.csv", "w").write("\n".join(lines[:600] + lines[605:]) + "\n")
    open(f"{sys.argv[1]}/twice.csv", "w").write("\n".join(lines[:600] + lines[599:]) + "\n")
    open(f"{sys.argv[1]}/short.csv", "w").write("\n".join(lines[:700]) + "\n")
trace("half.csv", [100 if i % 48 < 24 else 300 for i in range(1920)], 30)
trace("tiny.csv", days[:10])
trace("flat.csv", [250] * 960)
trace("zero.csv", [0] * 960)
with open(f"{sys.argv[1]}/jobs.csv", "w") as out:
    out.write("due_utc,duration_h\n2024-02-02T10:00:00Z,4\n2024-02-01T12:00:00Z,1\n2024-02-01T20:00:00Z,2.5\n")
PYTHON
trace=$TMP/days.csv
# Jobs: hours 720 .. 960 - 12 - 1 - 1 = 946, that is 227, of which 9 whole days and 11 h: 119 fall due at 100, 108 at 300.
exits "now" 0 backtest --actual "$trace" --window-h 12 --policy now --json
is "227 jobs" "$(field jobs)" 227
is "at (119 * 100 + 108 * 300) / 227" "$(field mean_gco2_per_kwh)" 195.154185
is "save nothing and wait for nothing" "$(field saving_vs_now_pct) $(field mean_wait_h) $(field worse_than_now_pct)" "0.0 0.0 0.0"
exits "threshold:200" 0 backtest --actual "$trace" --window-h 12 --policy threshold:200 --json
is "every job runs at 100" "$(field mean_gco2_per_kwh) $(field share_of_oracle_pct)" "100.0 100.0"
is "waits 1 to 12 h where it fell due at 300: 9 * 78 / 227" "$(field mean_wait_h)" 3.092511
is "9 of them until the deadline" "$(field at_deadline_pct)" 3.964758
exits "with a reading that is an hour old" 0 backtest --actual "$trace" --window-h 12 --policy threshold:200 --reading-lag-h 1 --json
# Due at 12:00 it sees the 100 of 11:00 and starts at 300; due at 00:00 it sees 300 and starts an hour later.
is "the first dirty hour looks clean" "$(field mean_gco2_per_kwh)" 107.929515
exits "persistence knows such days" 0 backtest --actual "$trace" --window-h 12 --policy persistence --json
is "every job runs at 100" "$(field mean_gco2_per_kwh)" 100.0
exits "the oracle" 0 backtest --actual "$trace" --window-h 12 --policy oracle --json
is "does not do better" "$(field mean_gco2_per_kwh) $(field mean_wait_h) $(field share_of_oracle_pct)" "100.0 3.092511 100.0"
exits "two files make one trace" 0 backtest --actual "$TMP/second.csv" "$TMP/first.csv" --window-h 12 --policy threshold:200 --json
is "whatever their order" "$(field mean_wait_h) $(field jobs)" "3.092511 227"
exits "also each with its option" 0 backtest --actual "$TMP/first.csv" --actual "$TMP/second.csv" --window-h 12 --policy now --json
is "the same" "$(field jobs)" 227
exits "half hours" 0 backtest --actual "$TMP/half.csv" --window-h 12 --policy threshold:200 --json
is "give the same" "$(field mean_gco2_per_kwh) $(field mean_wait_h) $(field jobs)" "100.0 3.092511 227"
exits "jobs of their own" 0 backtest --actual "$trace" --window-h 12 --policy oracle --jobs "$TMP/jobs.csv" --json
# 12:00 + 12 h for 1 h: 100. 20:00 waits 4 h: 100. 10:00 for 4 h: (2 * 100 + 2 * 300) / 4 = 200 at once, at 22:00 200 too.
is "three jobs at 100, 100 and 200" "$(field jobs) $(field mean_gco2_per_kwh) $(field mean_wait_h)" "3 133.333333 5.333333"
exits "forecast" 0 backtest --actual "$trace" --window-h 12 --json
is "is the default, and learns such days" "$(field policy) $(field mean_gco2_per_kwh)" "forecast 100.0"
exits "forecast where waiting is worth days" 0 backtest --actual "$trace" --window-h 48 --duration-h 4 --json
is "takes a start of the first night" "$(field mean_gco2_per_kwh) $(field worse_than_now_pct)" "100.0 0.0"
exits "a flat grid" 0 backtest --actual "$TMP/flat.csv" --policy level --json
is "has nothing to save: a tie goes to the earliest" "$(field saving_vs_now_pct) $(field mean_wait_h) $(field share_of_oracle_pct)" "0.0 0.0 null"
exits "a grid without emissions" 0 backtest --actual "$TMP/zero.csv" --policy level --json
is "has no share to save" "$(field saving_vs_now_pct)" null
exits "as text" 0 backtest --actual "$trace" --window-h 12 --policy threshold:200
like "with the saving" "$(cat "$OUT")" 'saves 48\.76 %'

# --- bad input
exits "no trace" 2 backtest
like "asks for it" "$(cat "$ERR")" 'with --actual'
exits "no such file" 2 backtest --actual "$TMP/none.csv"
exits "an unknown policy" 2 backtest --actual "$trace" --policy best
like "lists those there are" "$(cat "$ERR")" 'persistence.*gate20-mix.*oracle'
exits "a threshold that is none" 2 backtest --actual "$trace" --policy threshold:-1
exits "a gap" 3 backtest --actual "$TMP/gap.csv"
like "is named" "$(cat "$ERR")" 'no value for 2024-01-26T00:00:00Z'
exits "an hour twice" 3 backtest --actual "$TMP/twice.csv"
like "its line is named" "$(cat "$ERR")" 'line 601'
exits "the same file twice" 3 backtest --actual "$trace" "$trace"
like "names the moment" "$(cat "$ERR")" 'two of the carbon traces hold a value for 2024-01-01T00:00:00Z'
exits "a trace shorter than what is looked back on" 3 backtest --actual "$TMP/short.csv"
exits "a trace for a forecast" 3 backtest --actual "$trace" --forecast "$trace"
like "names the header it wants" "$(cat "$ERR")" 'issued_utc,start_utc,gco2_per_kwh'
exits "jobs outside of the trace" 3 backtest --actual "$TMP/first.csv" --jobs "$TMP/jobs.csv"
exits "a file outside of DATA_ROOT" 2 env DATA_ROOT="$ROOT/tests" "$BIN/scheduler" backtest --actual "$trace"

# --- "Let's Wait Awhile": 100 by day (00:00 to 12:00), 300 by night
printf 'start_step,duration_steps\n18,4\n28,4\n' >"$TMP/steps.csv"
exits "nightly" 0 backtest --method lets-wait-awhile --scenario nightly --window-h 2 --actual "$TMP/half.csv" --json
# 01:00 is clean already; the first of 40 nights would begin before the trace and counts as nothing: 39 / 40.
is "as published, with the first night left out" "$(field mean_gco2_per_kwh) $(field saving_vs_baseline_pct)" "97.5 2.5"
exits "ml" 0 backtest --method lets-wait-awhile --scenario ml --constraint next_workday --jobs "$TMP/steps.csv" --actual "$trace" --json
# 2024-01-01 is a Monday. 09:00 for 2 h ends in time; 14:00 too: both as they are, 100 and 300.
is "jobs that end within working hours do not move" "$(field mean_gco2_per_kwh) $(field saving_vs_baseline_pct)" "200.0 0.0"
exits "ml twice a week" 0 backtest --method lets-wait-awhile --constraint semi_weekly --jobs "$TMP/steps.csv" --actual "$trace" --json
is "14:00 moves to the next day" "$(field mean_gco2_per_kwh) $(field saving_vs_baseline_pct)" "100.0 50.0"
exits "ml without jobs" 2 backtest --method lets-wait-awhile --actual "$trace"
exits "ml with jobs behind the trace" 3 backtest --method lets-wait-awhile --jobs "$TMP/steps.csv" --actual "$TMP/tiny.csv"

# --- the reference: tests/cases/backtest/german_half_year.csv
if [ -r "$TRACES/de_2021h2_direct_actual.csv" ]; then
	cells=$(BIN=$BIN "$cases/compare" "$cases/german_half_year.csv" --actual "$TRACES/de_2021h2_direct_actual.csv" \
		--forecast "$TRACES/de_2021h2_direct_dayahead.csv") || :
	is "every cell of July to December 2021" "$cells" "178 cells, 0 differ"
	is "the default policy is as good as the best of each cell" "$(BIN=$BIN "$cases/default_policy" "$TRACES")" reached
else
	skip "the default policy is as good as the best of each cell" "no traces in $TRACES: set TRACES"
	skip "every cell of July to December 2021" "no traces in $TRACES: set TRACES"
fi
plan_done
