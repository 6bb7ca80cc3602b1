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
	more = $14 - ($11 + $12) * 3.54; if (more < -0.005 || more > 5) print $0 }' "$DEMO_RESULT/weeks.csv")" ""
is "grams are joules x 1.185 / 3.6e6 x intensity" "$(awk -F, 'NR > 1 {
	want = $14 * 1.185 / 3.6e6 * $4; if (want - $13 > 1e-6 || $13 - want > 1e-6) print $0 }' "$DEMO_RESULT/weeks.csv")" ""
like "an answer came over HTTP" "$(cat "$TMP/said")" 'POST /predict .* -> \{"prediction":"[0-9]'
like "the totals name both factors" "$(cat "$TMP/said")" '"Every week" emitted .* by fewer CPU-seconds, x[0-9.]+ by cleaner hours'
like "the picture is an SVG" "$(head -c 100 "$DEMO_RESULT/weeks.svg")" '^<svg xmlns='
ok "the picture is well-formed XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$DEMO_RESULT/weeks.svg"

like "grams and SCI are shown" "$(cat "$TMP/said")" 'SCI of the scheduler: .* g per retraining'
like "it ends with the name of the report" "$(cat "$TMP/said")" 'The report, .*/report.html'

# --- the report ---------------------------------------------------------------------------------------------------------
REPORT=$DEMO_RESULT/report.html
ok "the report is an accessible page" python3 tests/integration/page.py "$REPORT"
is "it names nothing elsewhere" "$(grep -oE '(src|href)="[^#"][^"]*"|url\([^)]*\)|@import|<script' "$REPORT" | sed '/href="data:,"/d')" ""
for heading in 'Decisions on the carbon curve' Accuracy 'Promotions and rollbacks' 'Grams by week' 'SCI per retraining' 'Cost by step'; do
	is "it has for both pipelines: $heading" "$(grep -c "<h3>$heading</h3>" "$REPORT")" 2
done
is "no figure is missing" "$(grep -oE '\b(nan|inf|NaN|unknown)\b' "$REPORT" | head -n 3)" ""
browser=$(command -v chromium || command -v chromium-browser || :)
if [ -n "$browser" ]; then
	chromium() {
		timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
			--disable-component-update --disable-sync --user-data-dir="$TMP/browser" "$@" "file://$REPORT"
	}
	for size in 1100,1600 390,1600; do
		run chromium --enable-logging=stderr --window-size="$size" --screenshot="$TMP/shot.png"
		is "Chromium draws it, $size" "$(python3 -c 'import struct, sys
head = open(sys.argv[1], "rb").read(24)
print(head[1:4].decode(), "%d,%d" % struct.unpack(">II", head[16:24]))' "$TMP/shot.png")" "PNG $size"
		is "without a word on the console" "$(grep CONSOLE "$ERR" || :)" ""
	done
	run chromium --dump-dom
	is "every chart is in the document" "$(grep -c '<svg ' "$OUT")" 10
	# A phone's width: the page itself does not scroll sideways. The browser says so in the title.
	sed 's,</body>,<script>document.title = document.documentElement.scrollWidth <= innerWidth ? "fits" : "wide"</script></body>,' \
		"$REPORT" >"$TMP/narrow.html"
	REPORT=$TMP/narrow.html
	run chromium --window-size=390,1600 --dump-dom
	like "it fits a phone" "$(grep -o '<title>[a-z]*</title>' "$OUT" | head -n 1)" fits
	REPORT=$DEMO_RESULT/report.html
else
	skip "Chromium draws it" "chromium is not installed"
fi

# The kept database: the table can be made again from it, and the commands that are printed work.
eval "$(grep '^  export PGHOST=' "$TMP/said")"
is "the kept database gives the same table" "$(psql -XAtq --csv -P tuples_only=off -f metrics/weeks.sql)" "$(cat "$DEMO_RESULT/weeks.csv")"
ok "the report can be made again" env PGUSER=green_ml_metrics metrics/report --pipeline insurance-scheduler --output "$TMP/again.html"
is "of one pipeline" "$(grep -c '<h2' "$TMP/again.html")" 1
exits "one that is not there is an error" 1 metrics/report --pipeline nobody --output "$TMP/none.html"
not_ok "and leaves no file" test -e "$TMP/none.html"
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
