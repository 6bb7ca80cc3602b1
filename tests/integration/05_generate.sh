#!/usr/bin/env bash
# generate: the bytes it promises (tests/cases/generate), windows of one table, wrong options, writes that fail.
. "$(dirname "$0")/lib.sh"
CASES=$ROOT/tests/cases/generate
GENERATE=$BIN/generate

while IFS=$'\t' read -r options sum; do
	# shellcheck disable=SC2086
	run "$GENERATE" $options
	is "bytes of $options" "$STATUS $(sha256sum <"$OUT" | cut -d ' ' -f 1)" "0 $sum"
done <"$CASES/sums.tsv"

"$GENERATE" --rows 3 --output "$TMP/first-rows.csv"
ok "the first three rows" cmp "$TMP/first-rows.csv" "$CASES/first-rows.csv"

run "$GENERATE" --rows 0
is "--rows 0 is the header only" "$(cat "$OUT")" "$(head -n 1 "$CASES/first-rows.csv")"
run "$GENERATE" --rows 1
is "59 columns" "$(tail -n 1 "$OUT" | tr -cd , | wc -c)" 58

# Where a table is cut makes no difference, at the point where drift begins neither.
for drift in "" "--drift sudden --drift-from 450" "--drift gradual --drift-from 300 --drift-over 500 --drift-size 0.8"; do
	# shellcheck disable=SC2086
	"$GENERATE" --rows 1000 $drift --output "$TMP/whole.csv"
	# shellcheck disable=SC2086
	{
		"$GENERATE" --rows 400 $drift
		"$GENERATE" --rows 599 --start-row 400 $drift | tail -n +2
		"$GENERATE" --rows 1 --start-row 999 $drift | tail -n +2
	} >"$TMP/parts.csv"
	ok "three parts are the whole${drift:+, $drift}" cmp "$TMP/whole.csv" "$TMP/parts.csv"
done
"$GENERATE" --rows 1000 --drift sudden --drift-from 450 --drift-size 1 --output "$TMP/drift.csv"
"$GENERATE" --rows 1000 --output "$TMP/plain.csv"
ok "no row differs before drift begins" cmp <(head -n 451 "$TMP/drift.csv") <(head -n 451 "$TMP/plain.csv")
not_ok "rows differ after it" cmp "$TMP/drift.csv" "$TMP/plain.csv"
ok "only the label differs" cmp <(cut -d , -f 1-3,5- "$TMP/drift.csv") <(cut -d , -f 1-3,5- "$TMP/plain.csv")
is "ids are unique" "$(cut -d , -f 1 "$TMP/plain.csv" | sort | uniq -d)" ""

while read -r options; do
	# shellcheck disable=SC2086
	exits "refuses $options" 2 "$GENERATE" $options
	is "nothing on stdout for $options" "$(cat "$OUT")" ""
	like "says why for $options" "$(cat "$ERR")" 'level=error program=generate msg='
done <<'END'
--rows -1
--rows 1.5
--rows 1000000000001
--rows 10x
--rows
--seed -1
--drift sideways
--drift-size 1.01
--drift-size nan
--start-row x
--colour blue
--rows 1 words
END

exits "a full device" 1 "$GENERATE" --rows 1000 --output /dev/full
like "names the file and the reason" "$(cat "$ERR")" '/dev/full.*No space left on device'
exits "a full standard output" 1 bash -c '"$1" --rows 1 >/dev/full' - "$GENERATE"
like "names standard output" "$(cat "$ERR")" 'standard output.*No space left on device'
exits "a folder that is not there" 1 "$GENERATE" --rows 1 --output "$TMP/none/x.csv"
like "names the file" "$(cat "$ERR")" 'none/x.csv.*No such file'
"$GENERATE" --rows 100000 2>"$TMP/pipe.err" | head -c 1 >/dev/null && piped=${PIPESTATUS[0]}
is "a pipe that nobody reads" "$piped" 1
like "names the broken pipe" "$(cat "$TMP/pipe.err")" 'standard output.*Broken pipe'

exits "--help" 0 "$GENERATE" --help
like "lists the options" "$(cat "$OUT")" '--drift-size S'
exits "--version" 0 "$GENERATE" --version

plan_done
