#!/usr/bin/env bash
# preprocessing: raw rows become feature rows and cells, each once; what it must not do when two run, when it is killed, and
# when the columns change.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register DB_CONNECT_TRIES=1
mkdir "$TMP/specs"

# a: own missing text; b: real; the fourth feature's name needs quoting everywhere. holdout 0.25: a row is in it when the
# first hexadecimal digit of sha256(source, 0x00, id) is 0..3.
cat >"$TMP/specs/toy.json" <<'JSON'
{"name": "toy", "id": "key", "label": {"column": "y", "type": "category"}, "holdout": 0.25,
 "features": [{"column": "a", "type": "integer", "missing": ["-1"]}, {"column": "b", "type": "real"},
	      {"column": "c", "type": "category"}, {"column": "Odd \"näme'", "type": "category", "missing": []}]}
JSON
# The same rows, a continuous column, a number as label.
cat >"$TMP/specs/smooth.json" <<'JSON'
{"name": "smooth", "source": "toy", "id": "key", "label": {"column": "a", "type": "integer", "missing": ["-1"]}, "holdout": 0.25,
 "features": [{"column": "x", "type": "real"}]}
JSON

# key, y, a, b, c, odd, x: with missing values, texts that CSV and SQL have to quote, and the same row every time.
rows() { # FIRST COUNT
	awk -v first="$1" -v count="$2" 'BEGIN {
		srand(first)
		split("red,green,it'"'"'s,\"a,\",b\\\\n,é", c, ",")
		for (row = first; row < first + count; row++) {
			b = int(rand() * 2) / 4 - 0.5
			printf "k%d,%s,%s,%s,%s,%s,%.6f\n", row, rand() < 0.02 ? "NA" : rand() < 0.3 ? "yes" : "no",
				rand() < 0.03 ? -1 : row % 9 == 0 ? "+4" : int(rand() * 3), rand() < 0.01 ? "" : b,
				rand() < 0.01 ? "null" : row == first + 700 ? "late" first : c[1 + int(rand() * 3)],
				rand() < 0.1 ? "" : c[5 + int(rand() * 2)], rand()
		}
	}'
}

# Stores a CSV as data-fetch would; prints the load's id.
load() { # FILE [SECONDS]: begun so long from now
	local id
	id=$(as loader sql "WITH r AS (INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), 'test')
			RETURNING run_id)
		INSERT INTO green_ml.load (source_id, location, start_row, n_rows, run_id, started_at)
		SELECT source_id, '$1', 0, 0, run_id, clock_timestamp() + interval '${2:-0} s' FROM green_ml.source, r
		WHERE name = 'toy' RETURNING load_id")
	awk -v id="$id" '{ print id "," NR "," $0 }' "$1" | sed 's/\\/\\\\/g; s/,/\t/g' | as loader psql -Xq -v ON_ERROR_STOP=1 \
		-c "\\copy green_ml_data.toy (_load_id, _row, _id, y, a, b, c, \"Odd \"\"näme'\", x) FROM STDIN (NULL '')"
	as loader sql "UPDATE green_ml.load SET state = 'done', sha256 = sha256('$id'), rows = $(wc -l <"$1") WHERE load_id = $id"
	echo "$id"
}

# What must come out, computed here: load, row, label, a, b, c, odd in words, for rows without a missing value.
expected() { # LOAD FILE
	awk -F, -v id="$1" '$2 != "NA" && $3 != -1 && $4 != "" && $5 != "null" {
		sub(/^\+/, "", $3); print id "|" NR "|" $2 "|" $3 "|" $4 + 0 "|" $5 "|" $6 }' "$2"
}
stored() { # LOAD
	sql "SELECT p._load_id, p._row, y.value, p.a, p.b, c.value, o.value FROM green_ml_data.toy_prep p
		JOIN green_ml.feature_set f ON f.prep_table = 'toy_prep'
		JOIN green_ml.dictionary y ON y.feature_set_id = f.feature_set_id AND y.position = 0 AND y.code = p._label
		JOIN green_ml.dictionary c ON c.feature_set_id = f.feature_set_id AND c.position = 3 AND c.code = p.c
		JOIN green_ml.dictionary o ON o.feature_set_id = f.feature_set_id AND o.position = 4 AND o.code = p.\"Odd \"\"näme'\"
		WHERE p._load_id = $1 ORDER BY p._row"
}
first_seen() { # FIELD FILE...: texts of complete rows
	awk -F, -v field="$1" '$2 != "NA" && $3 != -1 && $4 != "" && $5 != "null" && !seen[$field]++ { print $field }' "${@:2}"
}
line() { # PIPELINE LOAD FILE: what is printed about it, without the cells
	awk -F, -v what="$1: load $2:" '{ y += $2 == "NA"; a += $3 == -1; b += $4 == ""; c += $5 == "null"
			dropped += $2 == "NA" || $3 == -1 || $4 == "" || $5 == "null" }
		END { printf "%s %d rows, %d dropped (y %d, a %d, b %d, c %d)", what, NR - dropped, dropped, y, a, b, c }' "$3"
}
# The stored cells, those of the loads and those that a training on all loads reads, against the view on the raw rows.
cells_are_right() { # DESC
	local id by="_holdout, _label, a, b, c, \"Odd \"\"näme'\"" loads rest
	id=$(sql "SELECT feature_set_id FROM green_ml.feature_set WHERE prep_table = 'toy_prep'")
	loads=$(sql "SELECT array_agg(load_id) FROM green_ml.preprocessing WHERE feature_set_id = $id")
	rest=$(sql "SELECT array_agg(load_id) || 0 FROM green_ml.preprocessing WHERE feature_set_id = $id AND NOT in_base")
	sql "SELECT $by, count(*) FROM green_ml_data.toy_prep GROUP BY $by" | sort >"$TMP/rows"
	as trainer "$BIN/db_probe" cells "$id" "$loads" all | sum_cells >"$TMP/cells"
	ok "$1" cmp "$TMP/cells" "$TMP/rows"
	{ as trainer "$BIN/db_probe" cells "$id" "$rest" train && as trainer "$BIN/db_probe" cells "$id" "$loads" holdout; } |
		sum_cells >"$TMP/cells"
	ok "$1, compacted or not" cmp "$TMP/cells" "$TMP/rows"
}
sum_cells() {
	awk -F'|' '{ key = $2; for (i = 3; i < NF; i++) key = key "|" $i; n[key] += $NF } END { for (key in n) print key "|" n[key] }' |
		sort
}
preprocess() {
	as preprocessor "$BIN/preprocessing" "$@"
}

# --- the command line --------------------------------------------------------------------------------------------
exits "--help" 0 "$BIN/preprocessing" --help
exits "--version" 0 "$BIN/preprocessing" --version
exits "an unknown option" 2 "$BIN/preprocessing" --no-such-option
exits "no spec" 2 "$BIN/preprocessing"
exits "no server yet: try again" 75 env PGHOST="$TMP" "$BIN/preprocessing" --pipeline "$TMP/specs"

postgres_start
green_ml_database rows --pipeline "$TMP/specs" >/dev/null
exits "a pipeline that is not registered" 2 preprocess --pipeline "$ROOT/pipeline/specs/insurance.json"
like "the message says what to do" "$(cat "$ERR")" 'run database/migrate --pipeline'
exits "no load yet" 0 preprocess --pipeline "$TMP/specs"
is "is nothing to do" "$(paste -sd ' ' "$OUT")" "smooth: nothing to do toy: nothing to do"

# --- one load ----------------------------------------------------------------------------------------------------
rows 0 2000 >"$TMP/1.csv"
one=$(load "$TMP/1.csv")
mkdir "$TMP/outputs"
exits "the first load" 0 env OUTPUT_DIR="$TMP/outputs" PGUSER=green_ml_preprocessor "$BIN/preprocessing" \
	--pipeline "$TMP/specs/toy.json"
printed=$(cat "$OUT")
is "rows, dropped and missing values by column" "$(sed 's/, [0-9]* cells$//' "$OUT")" "$(line toy "$one" "$TMP/1.csv")"
is "the outputs" "$(cat "$TMP/outputs/rows") $(cat "$TMP/outputs/rejected") $(cat "$TMP/outputs/load_id")" \
	"$(awk '{ print $4, $6 }' <<<"$printed") $one"
expected "$one" "$TMP/1.csv" >"$TMP/want"
stored "$one" >"$TMP/got"
ok "every feature row, value by value" cmp "$TMP/got" "$TMP/want"
is "labels are coded as they were first seen" "$(sql "SELECT value FROM green_ml.dictionary JOIN green_ml.feature_set USING
	(feature_set_id) WHERE prep_table = 'toy_prep' AND position = 0 ORDER BY code")" "$(first_seen 2 "$TMP/1.csv")"
is "categories too" "$(sql "SELECT value FROM green_ml.dictionary JOIN green_ml.feature_set USING
	(feature_set_id) WHERE prep_table = 'toy_prep' AND position = 3 ORDER BY code")" "$(first_seen 5 "$TMP/1.csv")"
wrong=0
while IFS='|' read -r id holdout; do
	case $(printf 'toy\0%s' "$id" | sha256sum) in [0-3]*) want=t ;; *) want=f ;; esac
	[ "$holdout" = $want ] || wrong=$((wrong + 1))
done < <(sql "SELECT r._id, p._holdout FROM green_ml_data.toy_prep p JOIN green_ml_data.toy r USING (_load_id, _row)
	ORDER BY _row LIMIT 60")
is "the split, by sha256sum" $wrong 0
cells_are_right "the cells say what the rows say"
is "their number is printed" "${printed##*, }" "$(sql 'SELECT sum(_cells) FROM green_ml_data.toy_cell WHERE NOT _holdout') cells"
is "the run is closed, with what it cost" "$(sql "SELECT state, cpu_s > 0, postgres_cpu_s > 0 FROM green_ml.run
	WHERE run_id = (SELECT run_id FROM green_ml.preprocessing)")" "done|t|t"
run preprocess --pipeline "$TMP/specs/toy.json" --json
is "again: nothing to do" "$STATUS $(grep -c '"rows":0.*"loads":\[\]' "$OUT")" "0 1"
is "and nothing done" "$(sql 'SELECT count(*) FROM green_ml_data.toy_prep')" "$(wc -l <"$TMP/want")"
run preprocess --pipeline "$TMP/specs/smooth.json"
is "a continuous column is stored too" "$(sql "SELECT sum(_rows) = (SELECT count(*) FROM green_ml_data.smooth_prep),
	sum(_cells) > sum(_rows) / 2 FROM green_ml_data.smooth_cell")" "t|t"

# --- more loads --------------------------------------------------------------------------------------------------
: >"$TMP/2.csv"
two=$(load "$TMP/2.csv")
rows 2000 1000 >"$TMP/3.csv"
three=$(load "$TMP/3.csv" 2) # two seconds ahead: data-fetch would have checked it against the registered types
exits "a load that is not there" 2 preprocess --pipeline "$TMP/specs/toy.json" --load 99
sql "INSERT INTO green_ml.load (source_id, location, start_row, n_rows, run_id) SELECT 1, 'x', 0, 0, min(run_id) FROM green_ml.run"
exits "a load that is not finished" 2 preprocess --pipeline "$TMP/specs/toy.json" --load "$((three + 1))"
run preprocess --pipeline "$TMP/specs/toy.json" --load "$three"
is "--load takes that load" "$STATUS $(sed 's/, [0-9]* cells$//' "$OUT")" "0 $(line toy "$three" "$TMP/3.csv")"
run preprocess --pipeline "$TMP/specs/toy.json"
is "an empty load is taken in too" "$STATUS $(cat "$OUT")" "0 toy: load $two: 0 rows, 0 dropped"
expected "$three" "$TMP/3.csv" >"$TMP/want"
stored "$three" >"$TMP/got"
ok "every feature row of the second load" cmp "$TMP/got" "$TMP/want"
is "new categories get the next codes" "$(sql "SELECT value FROM green_ml.dictionary JOIN green_ml.feature_set USING
	(feature_set_id) WHERE prep_table = 'toy_prep' AND position = 3 ORDER BY code")" "$(first_seen 5 "$TMP/1.csv" "$TMP/3.csv")"
cells_are_right "the cells say what the rows say"

# --- two at once -------------------------------------------------------------------------------------------------
as owner "$BIN/register" --pipeline "$TMP/specs/toy.json" --as twin >/dev/null
# Both are made to wait for the same row, then let go.
background holder psql -Xq -c "BEGIN; SELECT FROM green_ml.feature_set WHERE prep_table = 'twin_prep' FOR UPDATE;
	SELECT pg_sleep(60)"
holder=$PID
waiting() { # HOW MANY
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'preprocessing'")" = "$1" ]
}
wait_for 10 sql "DO \$\$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep') = 1; END \$\$"
background first as preprocessor "$BIN/preprocessing" --pipeline "$TMP/specs/toy.json" --as twin
first=$PID
background second as preprocessor "$BIN/preprocessing" --pipeline "$TMP/specs/toy.json" --as twin
second=$PID
ok "two wait for the same feature set" wait_for 10 waiting 2
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
wait "$holder" 2>/dev/null || :
ok "the first ends well" wait "$first"
ok "the second too" wait "$second"
is "one of them did the work" "$(cat "$TMP/first.out" "$TMP/second.out" | grep -c 'nothing to do') $(cat "$TMP/first.out" \
	"$TMP/second.out" | grep -c ' rows, ')" "1 3"
is "once" "$(sql 'SELECT count(*) FROM green_ml_data.twin_prep')" "$(sql 'SELECT count(*) FROM green_ml_data.toy_prep')"

# --- killed ------------------------------------------------------------------------------------------------------
rows 3000 500 >"$TMP/4.csv"
four=$(load "$TMP/4.csv")
before=$(sql 'SELECT count(*) FROM green_ml_data.toy_prep')
# It has read the raw rows when it comes to the cells, and there it has to wait.
background holder psql -Xq -c "BEGIN; LOCK TABLE green_ml_data.toy_cell IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"
holder=$PID
wait_for 10 sql "DO \$\$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep') = 1; END \$\$"
background killed as preprocessor "$BIN/preprocessing" --pipeline "$TMP/specs/toy.json"
killed=$PID
ok "it waits in the middle of its work" wait_for 10 waiting 1
disown "$killed"
kill -s KILL "$killed"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
wait "$holder" 2>/dev/null || :
ok "the server notices" wait_for 10 waiting 0
is "nothing is half done" "$(sql "SELECT count(*), (SELECT count(*) FROM green_ml.preprocessing JOIN green_ml.feature_set USING
	(feature_set_id) WHERE load_id = $four AND prep_table = 'toy_prep') FROM green_ml_data.toy_prep")" "$before|0"
sql "UPDATE green_ml.run SET lease_until = now() - interval '1 s' WHERE state = 'running' AND program = 'preprocessing'"
is "its run reads lost" "$(sql "SELECT count(*) FROM green_ml.run_state WHERE state = 'lost' AND program = 'preprocessing'")" 1
run preprocess --pipeline "$TMP/specs/toy.json"
is "the next one does it" "$STATUS $(sed 's/, [0-9]* cells$//' "$OUT")" "0 $(line toy "$four" "$TMP/4.csv")"
cells_are_right "the cells say what the rows say"

# --- compaction --------------------------------------------------------------------------------------------------
# The counts that call for it would take a hundred thousand cells; what is stored about them is enough.
toy=$(sql "SELECT feature_set_id FROM green_ml.feature_set WHERE prep_table = 'toy_prep'")
set_state() { sql "SELECT keeps_cells, base_cells, count_cells_at FROM green_ml.feature_set WHERE prep_table = 'toy_prep'"; }
sql "UPDATE green_ml.feature_set SET count_cells_at = 1::bigint << 50 WHERE prep_table = 'toy_prep'"
before=$(sql "SELECT cells FROM green_ml.preprocessing WHERE load_id = $three AND feature_set_id = $toy")
sql "UPDATE green_ml.preprocessing SET cells = 200001 WHERE load_id = $three"
run preprocess --pipeline "$TMP/specs/toy.json"
is "it is not tried before its time" "$STATUS $(cat "$OUT") $(set_state)" "0 toy: nothing to do f|0|$((1 << 50))"
sql "UPDATE green_ml.feature_set SET count_cells_at = 0 WHERE prep_table = 'toy_prep'"
run preprocess --pipeline "$TMP/specs/toy.json"
is "many small counts are compacted" "$STATUS $(tail -n 1 "$OUT")" "0 toy: cells compacted"
is "into one base that knows its size" "$(sql "SELECT sum(_cells) = (SELECT base_cells FROM
	green_ml.feature_set WHERE prep_table = 'toy_prep'), (SELECT bool_and(in_base) FROM green_ml.preprocessing JOIN
	green_ml.feature_set USING (feature_set_id) WHERE prep_table = 'toy_prep'), bool_or(_holdout) FROM green_ml_data.toy_cell
	WHERE _load_id = 0")" "t|t|f"
sql "UPDATE green_ml.preprocessing SET cells = $before WHERE load_id = $three AND feature_set_id = $toy"
cells_are_right "the cells say what the rows say"
rows 3500 300 >"$TMP/5.csv"
five=$(load "$TMP/5.csv")
run preprocess --pipeline "$TMP/specs/toy.json"
is "a later load comes on top" "$STATUS $(sql "SELECT string_agg(DISTINCT _load_id::text, ' ') FROM green_ml_data.toy_cell
	WHERE _load_id IN (0, $five)")" "0 0 $five"
cells_are_right "the cells say what the rows say"
# Rows that repeat nothing: summing them up saves nothing, and is tried again with twice the cells.
run preprocess --pipeline "$TMP/specs/smooth.json"
sql "UPDATE green_ml.preprocessing SET cells = 200001 WHERE feature_set_id = (SELECT feature_set_id FROM green_ml.feature_set
	WHERE prep_table = 'smooth_prep') AND load_id = $one"
want=$(sql "SELECT 2 * sum(cells) FROM green_ml.preprocessing JOIN green_ml.feature_set USING (feature_set_id)
	WHERE prep_table = 'smooth_prep'")
run preprocess --pipeline "$TMP/specs/smooth.json"
is "it is not kept where it saves too little" "$STATUS $(sql "SELECT keeps_cells, base_cells, count_cells_at = $want FROM green_ml.feature_set
	WHERE prep_table = 'smooth_prep'")" "0 f|0|t"

# --- a load in another order ---------------------------------------------------------------------------------------
rows 4000 200 >"$TMP/8.csv"
eight=$(load "$TMP/8.csv")
as owner sql "CREATE TABLE green_ml_data.moved AS SELECT * FROM green_ml_data.toy WHERE _load_id = $eight;
	DELETE FROM green_ml_data.toy WHERE _load_id = $eight;
	INSERT INTO green_ml_data.toy SELECT * FROM green_ml_data.moved ORDER BY _row DESC; DROP TABLE green_ml_data.moved"
run preprocess --pipeline "$TMP/specs/toy.json"
is "rows that are stored in another order are taken in" "$STATUS $(sed 's/, [0-9]* cells$//' "$OUT")" "0 $(line toy "$eight" "$TMP/8.csv")"
expected "$eight" "$TMP/8.csv" >"$TMP/want"
stored "$eight" >"$TMP/got"
ok "rightly" cmp "$TMP/got" "$TMP/want"
is "with codes in the order of the file" "$(sql "SELECT value FROM green_ml.dictionary JOIN green_ml.feature_set USING
	(feature_set_id) WHERE prep_table = 'toy_prep' AND position = 3 ORDER BY code")" \
	"$(first_seen 5 "$TMP/1.csv" "$TMP/3.csv" "$TMP/4.csv" "$TMP/5.csv" "$TMP/8.csv")"
is "the holdout too" "$(as trainer "$BIN/db_probe" cells "$toy" "{$eight}" holdout | cut -d'|' -f3-7)" "$(sql "SELECT _label, a, b, c,
	\"Odd \"\"näme'\" FROM green_ml_data.toy_prep WHERE _load_id = $eight AND _holdout ORDER BY _row")"
cells_are_right "the cells say what the rows say"

# --- another column set ------------------------------------------------------------------------------------------
sed 's/{"column": "c", "type": "category"}, //' "$TMP/specs/toy.json" >"$TMP/changed.json"
exits "a spec with other columns than are registered" 2 preprocess --pipeline "$TMP/changed.json"
as owner "$BIN/register" --pipeline "$TMP/changed.json" >/dev/null
before=$(sql 'SELECT count(*) FROM green_ml_data.toy_prep')
run preprocess --pipeline "$TMP/changed.json"
is "registered, all loads are done again" "$STATUS $(grep -c ' rows, ' "$OUT")" "0 6"
is "with the other columns" "$(sql "SELECT count(*) FROM information_schema.columns WHERE table_name = 'toy_prep2'")" 7
is "and the old rows stand" "$(sql 'SELECT count(*) FROM green_ml_data.toy_prep')" "$before"
# While the champion is one of the old columns, they go on.
sql "INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf, seed, data,
		content_sha256, run_id)
	SELECT pipeline_id, feature_set_id, '{}', '{}', '{}', 1, 0, '', '', 1 FROM green_ml.feature_set WHERE prep_table = 'toy_prep';
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id)
	SELECT pipeline_id, plan_id, feature_set_id, '', '', 0, 0, '{}', 1 FROM green_ml.training_plan;
	INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) SELECT pipeline_id, model_id, 'test' FROM green_ml.model"
rows 3800 200 >"$TMP/6.csv"
six=$(load "$TMP/6.csv")
run preprocess --pipeline "$TMP/changed.json"
like "the champion's columns get new loads too" "$(cat "$OUT")" "^toy \\(columns of version 1\\): load $six: "
like "as the new ones do" "$(cat "$OUT")" "^toy: load $six: "

# --- bad data ----------------------------------------------------------------------------------------------------
# "c" has texts, "x" of one row gets a number that only PostgreSQL would take.
sed 's/"column": "c", "type": "category"/"column": "c", "type": "integer"/' "$TMP/specs/toy.json" >"$TMP/bad.json"
as owner "$BIN/register" --pipeline "$TMP/bad.json" --as bad >/dev/null
exits "a type that stored texts do not have is bad data" 3 preprocess --pipeline "$TMP/bad.json" --as bad
like "pipeline, column, id and value are named" "$(cat "$ERR")" \
	'pipeline ."bad.*column ."c.*id ."k0.*holds ."[a-z]+[^ ]*, which is no integer'
is "the run has failed, nothing is stored" "$(sql "SELECT state, (SELECT count(*) FROM green_ml_data.bad_prep) FROM green_ml.run
	WHERE pipeline = 'bad'")" "failed|0"
exits "the other pipelines of the source go on" 3 preprocess --pipeline "$TMP/bad.json" --as bad --every-pipeline
is "all three" "$(sed 's/ (columns.*//; s/:.*//' "$OUT" | sort -u | paste -sd ' ')" "smooth toy twin"
printf 'k9000,yes,1,1,red,, 5\n' >"$TMP/7.csv"
seven=$(load "$TMP/7.csv" -60) # begun before the spec was registered: nobody has checked it yet
exits "blanks around a number are bad data" 3 preprocess --pipeline "$TMP/specs/smooth.json"
like "and named" "$(cat "$ERR")" "id .\"k9000.*\\(load $seven, row 1\\) holds .\" 5.*no real"
plan_done
