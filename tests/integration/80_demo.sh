#!/usr/bin/env bash
# The demo, as make demo runs it: it ends well, its table has every week of both scenarios, and nothing is left behind.
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

export TMPDIR=$TMP # whatever the demo leaves lies here
export DEMO_RESULT=$TMP/result
exits "the demo ends well" 0 timeout -k 10 280 metrics/demo --keep
cp "$OUT" "$TMP/said"
[ "$STATUS" = 0 ] || tail -n 20 "$ERR" | sed 's/^/# /'
is "weeks.csv has the columns others rely on" "$(head -n 1 "$DEMO_RESULT/weeks.csv")" \
	"scenario,week,rows,gco2_per_kwh,verdict,rule,drop,model_id,accuracy_new,accuracy_holdout,cpu_s,postgres_cpu_s,gco2,energy_j,embodied_gco2,training_cpu_s,tick_cpu_s,tick_gco2,idle_tick_cpu_s,idle_tick_j"
is "both scenarios have seven weeks" "$(tail -n +2 "$DEMO_RESULT/weeks.csv" | cut -d, -f1,2 | tr '\n' ' ')" \
	"weekly,1 weekly,2 weekly,3 weekly,4 weekly,5 weekly,6 weekly,7 scheduler,1 scheduler,2 scheduler,3 scheduler,4 scheduler,5 scheduler,6 scheduler,7 "
is "the weeks have the first version's intensities" "$(grep '^scheduler' "$DEMO_RESULT/weeks.csv" | cut -d, -f4 | tr '\n' ' ')" \
	"282 445 552 615 404 224 448 "
is "every week scenario trains every week" "$(awk -F, '$1 == "weekly" && $8 != ""' "$DEMO_RESULT/weeks.csv" | wc -l)" 7
is "joules are 3.54 W per CPU second, and a little for memory" "$(awk -F, 'NR > 1 {
	more = $14 - ($11 + $12) * 3.54; if (more < -0.005 || more > 0.5) print $0 }' "$DEMO_RESULT/weeks.csv")" ""
is "grams are joules x 1.185 / 3.6e6 x intensity" "$(awk -F, 'NR > 1 {
	want = $14 * 1.185 / 3.6e6 * $4; if (want - $13 > 1e-6 || $13 - want > 1e-6) print $0 }' "$DEMO_RESULT/weeks.csv")" ""
like "an answer came over HTTP" "$(cat "$TMP/said")" 'POST /predict .* -> \{"prediction":"[0-9]'
like "the totals name both factors" "$(cat "$TMP/said")" '"Every week" emitted .* by fewer CPU-seconds, x[0-9.]+ by cleaner hours'
like "the picture is an SVG" "$(head -c 100 "$DEMO_RESULT/weeks.svg")" '^<svg xmlns='
ok "the picture is well-formed XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$DEMO_RESULT/weeks.svg"

# The kept database: the table can be made again from it, and the commands that are printed work.
eval "$(grep '^  export PGHOST=' "$TMP/said")"
is "the kept database gives the same table" "$(psql -XAtq --csv -P tuples_only=off -f metrics/weeks.sql)" "$(cat "$DEMO_RESULT/weeks.csv")"
is "its postgres counts the cost of every run" "$(psql -XAtq -c "SELECT count(*) FROM green_ml.run WHERE cpu_s IS NULL OR postgres_cpu_s IS NULL")" 0
eval "$(grep '^  kill -INT' "$TMP/said")"
unset PGHOST PGUSER PGDATABASE
is "no folder of the demo is left" "$(find "$TMP" -mindepth 1 -maxdepth 1 -name 'green-ml-*')" ""

# Ctrl-C: everything goes.
env --default-signal=INT setsid metrics/demo >"$TMP/demo.out" 2>&1 &
demo=$!
wait_for 60 grep -q "week 2" "$TMP/demo.out"
kill -INT -- "-$demo"
run wait "$demo"
is "interrupted, it says so by its exit code" "$STATUS" 130
is "interrupted, it leaves no folder" "$(find "$TMP" -mindepth 1 -maxdepth 1 -name 'green-ml-*')" ""
processes() {
	local file line
	for file in /proc/[0-9]*/cmdline; do
		line=$({ tr '\0' ' ' <"$file"; } 2>/dev/null) || continue # it may have gone meanwhile
		[[ $line != *"$TMP/green-ml-"* ]] || echo "$line"
	done
}
is "nor a process" "$(processes)" ""
plan_done
