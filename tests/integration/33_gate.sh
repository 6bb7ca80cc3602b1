#!/usr/bin/env bash
# What the gate counts on real rows: the champions of before, the recent window, marks that were kept beside loads that came
# later, texts and labels that came later. Every count is compared with that of all holdout rows asked anew (forest_probe).
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$TMP DB_CONNECT_TRIES=1
cd "$TMP"

postgres_start
green_ml_database gate >/dev/null
spec() { # NAME FEATURES_JSON MORE_JSON
	jq -n --arg name "$1" --argjson features "$2" --argjson more "$3" '{name: $name, id: "id", label: {column: "y", type:
		"category"}, features: $features, missing: [], forest: {trees: 10, min_samples_leaf: 1, max_features: ($features | length)}} + $more' >"$1.json"
	as owner "$ROOT/database/migrate" --pipeline "$1.json" >/dev/null 2>&1
}
load() { # NAME CSV
	as loader "$BIN/data-fetch" --pipeline "$1.json" --csv "$2" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --pipeline "$1.json" >/dev/null 2>&1
}
train() { # NAME [FOREST_JSON]
	jq --argjson forest "${2:-null}" 'if $forest then .forest += $forest else . end' "$1.json" >variant.json
	as trainer "$BIN/model-training" --pipeline variant.json --threads 1 --json
}
field() { jq -r ".$1" "$OUT"; } # of the last result
promote() { as trainer "$BIN/model-training" promote "$2" --pipeline "$1.json" >/dev/null 2>&1; } # NAME MODEL
numbers() { sql "SELECT numbers $1 FROM green_ml.gate ORDER BY plan_id DESC LIMIT 1"; } # PATH: of the last gate
# right.MODEL: a line with 0 or 1 for each holdout row, in the order of loads and rows.
ask() { # NAME MODEL
	local columns
	columns=$(jq -r '[.features[].column | "r." + .] | join(", ")' "$1.json")
	local rows="FROM green_ml_data.$1 r JOIN green_ml_data.$1_prep p USING (_load_id, _row) WHERE p._holdout ORDER BY _load_id, _row"
	psql -XAtq -F $'\t' -c "SELECT $columns $rows" >rows
	sql "SELECT r.y $rows" >labels
	as trainer "$BIN/model-training" export model "$2" --pipeline "$1.json"
	"$BIN/forest_probe" model <rows | cut -f 1 | paste -d '\t' - labels | awk -F '\t' '{ print $1 == $2 ? 1 : 0 }' >"right.$2"
}
# The last gate's champions, newest first: MODEL:RIGHT/ROWS ...
noted() {
	numbers "-> 'champions'" | jq -r '[.[] | "\(.model_id):\(.right)/\(.rows)"] | join(" ")'
}
asked() { # NAME MODEL...: the same from all rows
	local name=$1 model
	shift
	for model in "$@"; do
		ask "$name" "$model"
		echo "$model:$(grep -c 1 "right.$model")/$(wc -l <"right.$model")"
	done | paste -sd ' '
}
# b/c of N: how many of the last N rows only the first or only the second model predicts right.
window() { # CHAMPION CHALLENGER N
	paste "right.$1" "right.$2" | tail -n "$3" | awk -v n="$3" '{ b += $1 > $2; c += $1 < $2 } END { print b + 0 "/" c + 0 " of " n }'
}
noted_window() { # all|recent
	numbers "-> '$1'" | jq -r '"\(.b)/\(.c) of \(.n)"'
}

# --- the champions of before --------------------------------------------------------------------------------------------
awk 'BEGIN { srand(1); print "id,a,b,y"; for (i = 1; i <= 5000; i++) { a = int(rand() * 9); b = int(rand() * 9)
	print i "," a "," b "," ((a > b) != (rand() < 0.1) ? "more" : "less") } }' >numbers.csv
part() { sed -n "1p;$(($2 + 2)),$(($3 + 1))p" "$1"; } # CSV FROM TO
spec numbers '[{"column": "a", "type": "integer"}, {"column": "b", "type": "integer"}]' '{"gate": {"max_accuracy_drop": 0.01}}'
part numbers.csv 0 3000 >part.csv
load numbers part.csv
stump='{"trees": 1, "max_depth": 1}' middling='{"trees": 1, "max_depth": 3}'
exits "a forest" 0 train numbers
exits "a stump" 0 train numbers "$stump"
is "is worse" "$(field gate_reason)" worse_than_champion
is "by all rows" "$(noted)" "$(asked numbers 1)"
promote numbers 2
part numbers.csv 3000 4000 >part.csv
load numbers part.csv
exits "a small tree after another load" 0 train numbers "$middling"
is "is better than the stump, which is the champion, but the forest was so before" "$(field gate_reason)" below_earlier_champions
is "both are known by the rows of both loads" "$(noted)" "$(asked numbers 2 1)"
ask numbers 3
is "what the gate compares is too" "$(noted_window all)" "$(window 2 3 "$(wc -l <right.3)")"
is "the best of them counts, less twice the drop" "$(numbers "" | jq -r '"\(.best_earlier) \(.least_by_earlier)"' |
	awk '{ printf "%.6f %.6f", $1, $2 }')" "$(awk '{ k += $1 } END { printf "%.6f %.6f", k / NR, k / NR - 0.02 }' right.1)"
promote numbers 3
part numbers.csv 4000 5000 >part.csv
load numbers part.csv
exits "a forest after a third load" 0 train numbers
is "is better" "$(field promoted) $(field gate_reason)" "true not_worse"
is "three are known by the rows of three loads" "$(noted)" "$(asked numbers 3 2 1)"
for seed in 1 2 3 4 5 6 7 8 9 10; do
	train numbers "$(jq -c ". + {seed: $seed}" <<<"$stump")" >/dev/null 2>&1
	promote numbers $((4 + seed))
done
exits "a small tree after ten stumps" 0 train numbers "$(jq -c '. + {seed: 2}' <<<"$middling")"
is "is not compared with what served before them" "$(field promoted) $(field gate_reason)" "true not_worse"
is "but with all of them" "$(noted)" "$(asked numbers 14 13 12 11 10 9 8 7 6 5)"

# --- the recent window --------------------------------------------------------------------------------------------------
awk 'BEGIN { srand(2); print "id,a,b,t,y"; for (i = 1; i <= 4150; i++) { a = int(rand() * 9); b = int(rand() * 9); t = i > 4000
	print i "," a "," b "," t "," ((a > 4) != t ? "more" : "less") } }' >recent.csv
spec recent '[{"column": "a", "type": "integer"}, {"column": "b", "type": "integer"}, {"column": "t", "type": "integer"}]' \
	'{"gate": {"max_accuracy_drop": 0.1, "recent_rows": 20}}'
load recent recent.csv
exits "a forest" 0 train recent
champion=$(field model_id)
exits "a stump that does not see what is new in the last rows" 0 train recent "$stump"
is "is not worse by all of them, but by the recent ones" "$(field gate_reason) $(numbers "-> 'all' -> 'passed'")" \
	"worse_than_champion_recently true"
challenger=$(field model_id)
ask recent "$champion"
ask recent "$challenger"
is "the recent rows are the last ones" "$(noted_window recent)" "$(window "$champion" "$challenger" 20)"
is "beside all" "$(noted_window all)" "$(window "$champion" "$challenger" "$(wc -l <"right.$champion")")"

# --- texts and labels that came later -----------------------------------------------------------------------------------
awk 'BEGIN { srand(3); print "id,town,n,y"; for (i = 1; i <= 6000; i++) { part = int((i - 1) / 2000); t = int(rand() * (4 + part * 3))
	n = int(rand() * 5); y = (t * 7 + part) % 4 > 1 ? "in" : n > 3 - part ? "out" : part == 2 && n == 0 ? "new" : "on"
	print i ",town " (97 - t * 13 % 31) "," n "," (rand() < 0.9 ? y : "on") } }' >words.csv
spec words '[{"column": "town", "type": "category"}, {"column": "n", "type": "integer"}]' '{}'
first=$((challenger + 1))
for part in 0 1 2; do
	part words.csv $((part * 2000)) $((part * 2000 + 2000)) >part.csv
	load words part.csv
	exits "a forest after load $((part + 1))" 0 train words
	[ $part = 0 ] || is "the champions are asked about all rows in their own words" "$(noted)" \
		"$(asked words $(seq $((first + part - 1)) -1 "$first"))"
	promote words $((first + part))
done
is "of which later ones have more" "$(sql "SELECT count(DISTINCT value) FROM green_ml.dictionary WHERE position = 0 AND feature_set_id =
	(SELECT feature_set_id FROM green_ml.champion WHERE pipeline = 'words')")" 4
plan_done
