#!/usr/bin/env bash
# metrics/experiment: the sums of its summary, with the first version's own numbers, and a short run on this machine.
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

# --- the sums: CPU-s and g/kWh of the first version's seven days, and a second run whose "every week" takes a tenth more ----
head -n 15 tests/cases/experiment/first-version.csv >"$TMP/one.csv"
summary() { # FILE LINE: its number
	metrics/experiment-summary "$1" | sed -n "s/^  $2  *//p" | head -n 1
}
is "the first version's formula gives its 545 %" "$(summary "$TMP/one.csv" 'first version.*545 %)')" "545.8 %"
is "and so do grams, without ticks" "$(summary "$TMP/one.csv" '"every week" emitted more by')" "545.8 %"
is "of which by fewer joules" "$(summary "$TMP/one.csv" 'of which by fewer joules (factor)')" "3.718"
is "and by cleaner hours" "$(summary "$TMP/one.csv" 'and by cleaner hours (factor)')" "1.737"
# 671 ticks of 0.0708 J at each of the seven intensities (2970 in all) are 0.04644 g more.
is "a week of 672 ticks is charged" "$(summary "$TMP/one.csv" 'scheduler with 672 ticks a week')" "0.12554 g"
# An idle week costs as much as 671 * 0.02 * 2970 CPU-s x g/kWh; two trainings at 253 instead of 424.3 save 342.6 for each CPU-s.
is "break-even of waiting" "$(summary "$TMP/one.csv" 'break-even of waiting: a retraining of')" "116.3 CPU-s"
# 545.83 and 610.41: mean 578.1, sd 45.67, Student's t of one degree of freedom 12.706.
is "the interval over two runs" "$(summary tests/cases/experiment/first-version.csv '"every week" emitted more by')" \
	"578.1 % (95 %: 167.8 .. 988.4)"
like "fake computation is named" "$(metrics/experiment-summary "$TMP/one.csv")" 'FAKE COMPUTATION made these figures'

# --- wrong use ------------------------------------------------------------------------------------------------------------
while IFS='|' read -r arguments said; do
	# shellcheck disable=SC2086
	run metrics/experiment $arguments
	like "wrong: ${arguments:-nothing}" "$STATUS $(cat "$ERR")" "^2 .*$said"
done <<'TEXT'
|--on is local or argo
--on mars|--on is local or argo
--on local --weeks 0|--weeks is "0"
--on local --weeks 8|need --carbon
--on local --repeat|needs a value
--on local --fake much|--fake is "much"
--on local --carbon /nowhere.csv|could not read
--offline|no option
TEXT

# --- a short run ------------------------------------------------------------------------------------------------------------
command -v rsvg-convert >/dev/null || { skip "a run of two weeks" "rsvg-convert is not installed (Debian: librsvg2-bin)" && plan_done; }
printf 'start_utc,gco2_per_kwh\n2024-03-04T00:00:00Z,300\n2024-03-11T00:00:00Z,500\n2024-03-18T00:00:00Z,100\n' >"$TMP/carbon.csv"
exits "a run of two weeks with other intensities" 0 env TMPDIR="$TMP" timeout 250 metrics/experiment --on local --weeks 2 \
	--carbon "$TMP/carbon.csv" --output "$TMP/result"
is "a row for each run, scenario and week" "$(cut -d, -f2-5 "$TMP/result/experiment-local.csv" | tail -n +2 | paste -sd ' ')" \
	"0,1,weekly,1 0,1,weekly,2 0,1,scheduler,1 0,1,scheduler,2 0.02,1,weekly,1 0.02,1,weekly,2 0.02,1,scheduler,1 0.02,1,scheduler,2"
is "with the intensities given" "$(cut -d, -f7 "$TMP/result/experiment-local.csv" | tail -n +2 | paste -sd ' ')" "300 500 300 500 300 500 300 500"
ok "fake computation is in the second" awk -F, 'NR > 1 && $4 == "weekly" { cpu[$2] += $14 } END { exit !(cpu["0.02"] > cpu["0"] + 3) }' \
	"$TMP/result/experiment-local.csv"
like "the text says which command it was" "$(head -n 1 "$TMP/result/experiment-local.txt")" '^metrics/experiment --on local --weeks 2'
like "and holds both stories" "$(paste -sd ' ' "$TMP/result/experiment-local.txt")" 'No fake computation.*FAKE COMPUTATION'
ok "the picture is XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$TMP/result/experiment-local.svg"
is "and a PNG" "$(head -c 4 "$TMP/result/experiment-local.png" | tail -c 3)" PNG
is "nothing is left behind" "$(find "$TMP" -mindepth 1 -maxdepth 1 -name 'green-ml-*' -o -name 'tmp.*')" ""
plan_done
