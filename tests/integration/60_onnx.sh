#!/usr/bin/env bash
# The ONNX export against onnxruntime: labels identical, probabilities equal to 1e-6, on rows of five kinds of data.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DATA_ROOT=$TMP
command -v python3 >/dev/null || skip_all "python3 is not installed"
VENV=${BUILD:-$ROOT/build}/venv-onnx
if ! "$VENV/bin/python" -c 'import onnxruntime' 2>/dev/null; then
	{ python3 -m venv "$VENV" && timeout 150 "$VENV/bin/pip" install --disable-pip-version-check -q \
		-r "$ROOT/tests/integration/requirements-onnx.txt"; } >"$OUT" 2>"$ERR" ||
		skip_all "onnxruntime could not be installed: $(tail -n 1 "$ERR")"
fi
cd "$TMP"
ROWS=25000

spec() { # NAME LABEL FEATURES_JSON
	jq -n --arg name "$1" --arg column "$2" --argjson features "$3" --argjson forest '{"trees": 40}' '{name: $name, id: "id",
		label: {column: $column, type: "category"}, features: $features, missing: [], forest: $forest}' >"$1.json"
}
# Trains NAME on the first rows of NAME.csv and compares on NAME.rows: the features apart by tabs.
compare() { # NAME TRAIN_ROWS
	as owner "$ROOT/database/migrate" --pipeline "$1.json" >/dev/null
	as loader "$BIN/data-fetch" --pipeline "$1.json" --csv "$1.csv" --n-rows "$2" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" --pipeline "$1.json" >/dev/null 2>&1
	exits "$1 is trained" 0 as trainer "$BIN/model-training" --pipeline "$1.json" --model-file "$1.model" --json
	exits "and exported" 0 as trainer "$BIN/model-training" --pipeline "$1.json" --export "$1.onnx"
	"$BIN/forest_probe" "$1.model" <"$1.rows" >"$1.answers"
	exits "onnxruntime takes it" 0 "$VENV/bin/python" "$ROOT/tests/integration/onnx_compare.py" "$1.onnx" \
		"$(jq -r '[.features[].column] | join(",")' "$1.json")" "$1.rows" "$1.answers"
	is "and answers as the forest does, in all classes" "$(cat "$OUT")" "$(wc -l <"$1.rows") 0 within $(cut -f1 "$1.answers" | sort -u | wc -l)"
	ok "which are not one and the same" test "$(cut -f1 "$1.answers" | sort -u | wc -l)" -gt 1
}
rows() { # NAME SKIP: those of the CSV behind it, ROWS at most
	tail -n +$(($2 + 2)) "$1.csv" | head -n $ROWS | awk -F, -v names="$(head -n 1 "$1.csv")" -v OFS='\t' \
		-v wanted="$(jq -r '[.features[].column] | join(",")' "$1.json")" 'BEGIN { n = split(wanted, w); m = split(names, h)
			for (i = 1; i <= m; i++) at[h[i]] = i }
		{ for (i = 1; i <= n; i++) printf "%s%s", $at[w[i]], i < n ? OFS : "\n" }' >"$1.rows"
}

postgres_start
green_ml_database onnx >/dev/null

# --- few distinct values, four integer labels; numbers beyond those of the training too ------------------------------------
"$BIN/generate" --rows $((30000 + ROWS)) --output insurance.csv
spec insurance ps_ind_02_cat '[{"column": "ps_ind_01", "type": "integer"}, {"column": "ps_ind_03", "type": "integer"},
	{"column": "ps_ind_15", "type": "integer"}, {"column": "ps_car_01_cat", "type": "integer"},
	{"column": "ps_car_06_cat", "type": "integer"}]'
rows insurance 30000
awk -F'\t' -v OFS='\t' 'NR % 50 == 0 { $1 = "2147483647" } NR % 50 == 1 { $2 = "-2147483648" } { print }' insurance.rows >more
mv more insurance.rows
compare insurance 30000
is "integer labels are integers" "$("$VENV/bin/python" -c "import onnxruntime as o
print(*[i.type for i in o.InferenceSession('insurance.onnx').get_outputs()])")" "tensor(int64) tensor(float)"

# --- 57 columns, integer and real, two labels --------------------------------------------------------------------------------
cp insurance.csv wide.csv
spec wide target "$(head -n 200 wide.csv | jq -Rn '[inputs | split(",")] | .[0] as $names | .[1:] as $rows
	| [range(2; $names | length) | . as $i | {column: $names[$i], type: (if any($rows[]; .[$i] | contains(".")) then "real" else
	"integer" end)}]')"
awk -F, -v OFS=, 'NR > 1 { $2 = ($23 + $37 + $3 / 10 + NR % 7 / 20 > 1.3) } { print }' insurance.csv >wide.csv
rows wide 20000
compare wide 20000

# --- continuous, five text labels ------------------------------------------------------------------------------------------
awk -v n=$((12000 + ROWS)) 'BEGIN { srand(5); print "id,a,b,c,d,e,f,kind"; for (i = 1; i <= n; i++) {
	for (j = 1; j <= 6; j++) x[j] = sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand()) * (j == 6 ? 1e-30 : j * 10)
	k = int(3 + (x[1] + x[2] / 2 + x[3] / 9) / 12); k = k < 1 ? 1 : k > 5 ? 5 : k
	printf "%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,kind \"%d\" é\n", i, x[1], x[2], x[3], x[4], x[5], x[6], k } }' |
	sed 's/kind "\([0-9]\)" é/"kind ""\1"" é"/' >continuous.csv
spec continuous kind '[{"column": "a", "type": "real"}, {"column": "b", "type": "real"}, {"column": "c", "type": "real"},
	{"column": "d", "type": "real"}, {"column": "e", "type": "real"}, {"column": "f", "type": "real"}]'
rows continuous 12000
compare continuous 12000

# --- a few texts, seen and unseen, with columns of the names of both outputs -------------------------------------------------------
awk 'BEGIN { srand(7); split("Köln,Bad Tölz,x,0", town, ","); print "id,label,colour,probabilities,kind"
	for (i = 1; i <= 900; i++) { t = 1 + int(rand() * 4); c = int(rand() * 6); n = int(rand() * 30) - 9
	print i "," town[t] ",c" c "," n "," (rand() < 0.1 ? "odd" : t > 2 && n > 3 ? "late" : c % 2 ? "early" : "on time") } }' >words.csv
spec words kind '[{"column": "label", "type": "category"}, {"column": "colour", "type": "category"},
	{"column": "probabilities", "type": "integer"}]'
rows words 600
awk -F'\t' -v OFS='\t' 'NR % 5 == 0 { $2 = "c9" } NR % 7 == 0 { $1 = "" } NR % 11 == 0 { $1 = "köln" } { print }' words.rows >more
mv more words.rows
compare words 600
is "texts are texts, numbers are numbers, and the outputs have other names" "$("$VENV/bin/python" -c "import onnxruntime as o
s = o.InferenceSession('words.onnx')
print(*[f'{i.name}:{i.type}' for i in s.get_inputs()], len({i.name for i in s.get_inputs() + s.get_outputs()}))")" \
	"label:tensor(string) colour:tensor(string) probabilities:tensor(int64) 5"

# --- many texts; sixteen text labels ------------------------------------------------------------------------------------------
CSV=$ROOT/build/data/flights.csv
if [ -e "$CSV" ]; then
	sed '1s/origin/label/' "$CSV" | awk 'NR == 1 || NR % 6 == 0' >carrier.csv
	spec carrier carrier '[{"column": "label", "type": "category"}, {"column": "dest", "type": "category"},
		{"column": "month", "type": "integer"}, {"column": "hour", "type": "integer"}, {"column": "distance", "type": "integer"}]'
	rows carrier 25000
	awk -F'\t' -v OFS='\t' 'NR % 20 == 0 { $2 = "nowhere" } NR % 30 == 0 { $1 = "" } { print }' carrier.rows >more
	mv more carrier.rows
	compare carrier 25000
else
	skip "flights" "build/data/flights.csv is not there: run \"make data-flights\""
fi

# --- ties go to the first class, of two and of three; 100 trees, so that a share of a tree is no dyadic number -------------------
for classes in '"no", "yes"' '"a", "b", "c"'; do
	name=tie-$(tr -dc a-z <<<"$classes")
	jq -n --argjson classes "[$classes]" '($classes | length) as $n | {label: "y", classes: $classes, features: [{name: "a",
		type: "integer", thresholds: [5]}], distributions: [[range($n) | if . >= $n - 2 then 0.5 else 0 end],
		[range($n) | if . == $n - 1 then 0.5000001 elif . == $n - 2 then 0.4999999 else 0 end]],
		trees: [range(100) | [["split", 0, 0], ["leaf", 0], ["leaf", (if . == 0 then 1 else 0 end)]]]}' >"$name.json"
	python3 "$ROOT/tests/integration/model.py" "$name.json" >"$name.model"
	"$BIN/forest_probe" --onnx "$name.model" >"$name.onnx"
	printf '5\n6\n' >"$name.rows"
	"$BIN/forest_probe" "$name.model" <"$name.rows" >"$name.answers"
	exits "$name: a model of its own" 0 "$VENV/bin/python" "$ROOT/tests/integration/onnx_compare.py" "$name.onnx" a "$name.rows" "$name.answers"
	is "a tie, and a hair more than a tie" "$(cat "$OUT"), $(cut -f1 "$name.answers" | paste -sd ' ')" \
		"2 0 within 2, $(jq -r '.[-2:] | join(" ")' <<<"[$classes]")"
done
plan_done
