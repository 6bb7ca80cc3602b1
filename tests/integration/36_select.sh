#!/usr/bin/env bash
# model-training select: the columns that matter are found among those that do not, and what is printed is a spec that works.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$TMP DB_CONNECT_TRIES=1
cd "$TMP"
# The label depends on two integers, a real and a text; three columns are noise, one is constant, one is a text of its own in
# every row, one has half of its numbers missing.
awk 'BEGIN { srand(2); split("red green blue", colour, " "); print "key,n1,noise1,size,n2,noise2,colour,noise3,same,note,gaps,\"the kind\""
	for (i = 1; i <= 5000; i++) { a = int(rand() * 9); b = int(rand() * 9); s = rand() * 2 - 1; c = 1 + int(rand() * 3)
		k = (a > b) + (s > 0) + 2 * (c == 2) + (rand() < 0.1)
		printf "r%d,%d,%d,%.4f,%d,%.3f,%s,%d,7,note %d,%s,kind %d\n", i, a, int(rand() * 9), s, b, rand(),
			rand() < 0.02 ? "" : colour[c], int(rand() * 2), i, i % 2 ? i % 5 : "NA", k } }' >rows.csv
sel() {
	"$BIN/model-training" select --trees 40 "$@"
}
chosen() { jq -r '[.features[].column] | sort | join(" ")' "$OUT"; }

exits "select needs a file" 2 sel --label x
exits "and a label" 2 sel --csv rows.csv
exits "a file that is not there" 1 sel --csv none.csv --label "the kind" --id key
exits "a column that is not there" 3 sel --csv rows.csv --label nothing --id key
exits "the candidates of a file" 0 sel --csv rows.csv --label "the kind" --id key --name kinds
cp "$OUT" kinds.json
is "those that matter are chosen" "$(chosen)" "colour n1 n2 size"
is "with their types, an empty text as one of them" "$(jq -c '[.features[] | select(.column != "n1" and .column != "n2")] | sort_by(.column)' "$OUT")" \
	'[{"column":"colour","type":"category","missing":[]},{"column":"size","type":"real"}]'
is "in a spec for this file" "$(jq -c '[.name, .id, .label]' "$OUT")" '["kinds","key",{"column":"the kind","type":"category"}]'
like "the ranking is on stderr" "$(cat "$ERR")" '\* n[12] +integer +0\.[0-9]+'
like "noise is not chosen" "$(cat "$ERR")" '  noise1 +integer '
like "texts of their own are left out" "$(cat "$ERR")" 'note +category +nearly every row has a text of its own'
like "and numbers that are often missing" "$(cat "$ERR")" 'gaps +integer +too many values are missing \(50'
exits "as JSON" 0 sel --csv rows.csv --label "the kind" --id key --name kinds --json --threads 1
is "with the same spec, for any number of threads" "$(jq -cS .spec "$OUT")" "$(jq -cS . kinds.json)"
is "and the ranking" "$(jq -c '[(.ranking | length), .ranking[0].chosen, (.ranking[0].importance > 0.05), (.oob_accuracy > 0.6)]' "$OUT")" "[10,true,true,true]"
exits "some candidates" 0 sel --csv rows.csv --label "the kind" --id key --columns n1,noise1,n2 --most 1
is "the best of them" "$(jq '.features | length' "$OUT") $(chosen | grep -c '^n[12]$')" "1 1"
exits "one that is the label" 2 sel --csv rows.csv --label "the kind" --id key --columns n1,"the kind"
exits "a name that is none" 2 sel --csv rows.csv --label "the kind" --id key --name No_Name
awk -F, -v OFS=, '{ print $1, $2 }' rows.csv >short.csv
exits "a label that every row has" 3 sel --csv rows.csv --label same --id key
exits "no column but id and label" 3 sel --csv short.csv --label n1 --id key
printf 'key,a,y\n1,2\n' >broken.csv
exits "a broken file" 3 sel --csv broken.csv --label y --id key

# --- the spec works -----------------------------------------------------------------------------------------------------
postgres_start
green_ml_database selected --pipeline kinds.json >"$OUT"
as loader "$BIN/data-fetch" --pipeline kinds.json --csv rows.csv >/dev/null 2>&1
as preprocessor "$BIN/preprocessing" --pipeline kinds.json >/dev/null 2>&1
exits "migrate takes it, and a training" 0 as trainer "$BIN/model-training" --pipeline kinds.json --json
is "that is good" "$(jq '.promoted and .accuracy > 0.7' "$OUT")" true
exits "the rows of a source" 0 as trainer sel --source kinds --label "the kind" --id key --name kinds
is "give the same columns" "$(chosen)" "colour n1 n2 size"
exits "a source that is not there" 2 as trainer sel --source none --label "the kind" --id key
exits "another id" 2 as trainer sel --source kinds --label "the kind" --id n1
plan_done
