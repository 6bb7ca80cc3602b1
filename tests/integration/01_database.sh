#!/usr/bin/env bash
# migrate and register: applied once, history kept, least privilege, append-only tables, specs and their versions, the split.
. "$(dirname "$0")/lib.sh"
export GREEN_ML_REGISTER=$BIN/register
MIGRATE=$ROOT/database/migrate
OWNER="env PGUSER=green_ml_owner"
FILES=$(find "$ROOT/database/migrations" -name '*.sql' | wc -l)

# --- the command line --------------------------------------------------------------------------------------------
for program in "$MIGRATE" "$BIN/register"; do
	exits "${program##*/} --help" 0 "$program" --help
	like "${program##*/} --help names --pipeline" "$(cat "$OUT")" '--pipeline PATH'
	exits "${program##*/} --version" 0 "$program" --version
	like "${program##*/} --version is its name and a number" "$(cat "$OUT")" "^${program##*/} [0-9]+\\."
	exits "${program##*/} refuses an unknown option" 2 "$program" --no-such-option
done
exits "register without a spec" 2 "$BIN/register"
exits "no server yet: try again" 75 env PGHOST="$TMP" "$MIGRATE"
exits "a password file that is not there" 2 env DB_PASS_FILE="$TMP/none" "$MIGRATE"

postgres_start

# --- applying ----------------------------------------------------------------------------------------------------
sql 'CREATE ROLE green_ml_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB'
sql 'CREATE DATABASE plain OWNER green_ml_owner'
exits "roles that are missing" 1 $OWNER PGDATABASE=plain "$MIGRATE"
like "the message says what to do" "$(cat "$ERR")" 'green_ml_loader.*run roles.sql'
exits "a database that is not there" 1 $OWNER PGDATABASE=none "$MIGRATE"

ok "roles.sql" psql -Xq -v ON_ERROR_STOP=1 -f "$ROOT/database/roles.sql"
ok "roles.sql again changes nothing" psql -Xq -v ON_ERROR_STOP=1 -f "$ROOT/database/roles.sql"
export PGDATABASE=plain

run $OWNER "$MIGRATE" --status
is "--status of an empty database: all pending" "$STATUS $(grep -c '^pending ' "$OUT")" "0 $FILES"
is "and it changed nothing" "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'green%'")" 0
run $OWNER "$MIGRATE"
is "an owner without any other right applies them" "$STATUS $(grep -c '^applied ' "$OUT")" "0 $FILES"
run $OWNER "$MIGRATE"
is "again: nothing to apply" "$STATUS $(cat "$OUT")" "0 nothing to apply"
run env -u PGHOST -u PGUSER -u PGDATABASE DB_HOST="$PGHOST" DB_NAME=plain DB_USER=green_ml_owner "$MIGRATE" --status
is "--status, connected by DB_HOST, DB_NAME and DB_USER" "$STATUS $(grep -c '^applied .* by version [0-9]' "$OUT")" "0 $FILES"
is "the hash is the file's" "$(sql "SELECT encode(sha256, 'hex') FROM green_ml.migration WHERE name = '001_tables.sql'")" \
	"$(sha256sum <"$ROOT/database/migrations/001_tables.sql" | cut -d ' ' -f 1)"

sql 'CREATE DATABASE twice OWNER green_ml_owner'
$OWNER PGDATABASE=twice "$MIGRATE" >"$TMP/one" 2>&1 &
one=$!
$OWNER PGDATABASE=twice "$MIGRATE" >"$TMP/two" 2>&1 &
two=$!
ok "two at once: the first" wait $one
ok "two at once: the second" wait $two
is "they did the work once" "$(cat "$TMP/one" "$TMP/two" | grep -c '^applied ')" "$FILES"

# --- history -----------------------------------------------------------------------------------------------------
cp -r "$ROOT/database" "$TMP/database"
COPY=$TMP/database/migrate
echo 'SELECT 1;' >>"$TMP/database/migrations/002_functions.sql"
exits "a changed file is refused" 1 $OWNER "$COPY"
like "and named" "$(cat "$ERR")" '002_functions.sql.*another content'
rm "$TMP/database/migrations/002_functions.sql"
exits "a missing file is refused" 1 $OWNER "$COPY" --status
like "and named" "$(cat "$ERR")" '002_functions.sql.*not among the files'
cp "$ROOT/database/migrations/002_functions.sql" "$TMP/database/migrations/"
echo 'CREATE TABLE green_ml.half (i int); SELECT 1/0;' >"$TMP/database/migrations/900_broken.sql"
exits "a file that fails" 1 $OWNER "$COPY"
like "the message names file and line" "$(cat "$ERR")" '900_broken.sql:1: ERROR: +division by zero'
is "leaves nothing" "$(sql "SELECT to_regclass('green_ml.half') IS NULL, count(*) FROM green_ml.migration")" "t|$FILES"
echo 'CREATE TABLE green_ml.half (i int);' >"$TMP/database/migrations/900_broken.sql"
run $OWNER "$COPY"
is "mended, it is applied alone" "$STATUS $(cat "$OUT")" "0 applied 900_broken.sql"
exits "and the older version refuses the newer database" 1 $OWNER "$MIGRATE"
echo >"$TMP/database/migrations/later.sql"
exits "a file name without a number" 1 $OWNER "$COPY"
mv "$TMP/database/migrations/later.sql" "$TMP/database/migrations/900_later.sql"
exits "two files of one number" 1 $OWNER "$COPY" --status
like "are named" "$(cat "$ERR")" '900_broken.sql.*900_later.sql.*same number'
is "the numbers have no gap" "$(find "$ROOT/database/migrations" -name '*.sql' -printf '%f\n' | sort | cut -c1-3)" \
	"$(seq -f %03g "$FILES")"

# --- specs -------------------------------------------------------------------------------------------------------
green_ml_database specs --pipeline "$ROOT/pipeline/specs/insurance.json" >"$OUT"
like "migrate --pipeline registers" "$(cat "$OUT")" '^insurance: registered$'
is "raw and feature tables are there" \
	"$(sql "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.tables
		WHERE table_schema = 'green_ml_data'")" "insurance insurance_cell insurance_prep"
change() { # OLD NEW: the spec with a change
	sed "s|$1|$2|" "$ROOT/pipeline/specs/insurance.json" >"$TMP/insurance.json"
	run $OWNER "$BIN/register" --pipeline "$TMP/insurance.json"
}
change x x
is "again: unchanged" "$STATUS $(cat "$OUT")" "0 insurance: unchanged"
change '"holdout": 0.2' '"holdout": 0.2, "forest": {"trees": 50}'
is "other trees: changed" "$STATUS $(cat "$OUT")" "0 insurance: changed"
is "and the columns keep their version" "$(sql 'SELECT max(version) FROM green_ml.feature_set')" 1
change '"holdout": 0.2' '"holdout": 0.3'
is "another holdout: a new feature set" "$STATUS $(cat "$OUT")" "0 insurance: feature-set"
change '"ps_car_06_cat", "type": "integer"' '"ps_car_06_cat", "type": "category"'
is "another type: a new feature set" "$STATUS $(cat "$OUT")" "0 insurance: feature-set"
is "with a table of its own" "$(sql "SELECT data_type FROM information_schema.columns
	WHERE table_name = 'insurance_prep3' AND column_name = 'ps_car_06_cat'")" integer
change '"ps_car_06_cat"' '"ps_reg_03"'
is "another column: a new feature set" "$STATUS $(cat "$OUT")" "0 insurance: feature-set"
run $OWNER "$BIN/register" --pipeline "$ROOT/pipeline/specs/insurance.json" --as second
is "--as: another pipeline on the same source" "$STATUS $(cat "$OUT")$(sql 'SELECT count(*) FROM green_ml.source')" \
	"0 second: registered1"
change '"id": "id"' '"id": "target"'
is "another id for the same source is refused" "$STATUS" 2
change '"source": "insurance"' '"source": "elsewhere"'
is "another source for the same pipeline is refused" "$STATUS" 2
like "with what to do" "$(cat "$ERR")" 'register the spec under another name'
is "and left no table" "$(sql "SELECT to_regclass('green_ml_data.elsewhere') IS NULL")" t
change '"holdout"' '"hold_out"'
is "an unknown key is refused" "$STATUS" 2
mkdir "$TMP/specs"
for name in one two; do
	sed "s/\"insurance\"/\"$name\"/" "$ROOT/pipeline/specs/insurance.json" >"$TMP/specs/$name.json"
done
run $OWNER "$MIGRATE" --pipeline "$TMP/specs"
is "a folder of specs" "$STATUS $(tail -n 2 "$OUT" | paste -sd ' ')" "0 one: registered two: registered"

# A column that is new to a source that holds rows: their values are gone.
sql "INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), 'test');
	INSERT INTO green_ml.load (source_id, location, start_row, n_rows, sha256, state, rows, run_id)
	SELECT source_id, 'test', 0, 1, '\\x00', 'done', 1, 1 FROM green_ml.source WHERE name = 'insurance';
	INSERT INTO green_ml_data.insurance (_load_id, _row, _id, ps_ind_01) VALUES (1, 1, '1', '5')"
change '"ps_car_06_cat"' '"ps_new"'
is "a new column for stored rows is refused" "$STATUS" 2
like "with what to do" "$(cat "$ERR")" 'ps_new.*: load the data under another source name'
change '"ps_car_06_cat", "type": "integer"' '"ps_reg_03", "type": "real"'
is "a known column is not" "$STATUS $(cat "$OUT")" "0 insurance: feature-set"
run $OWNER "$BIN/register" --pipeline "$ROOT/pipeline/specs/insurance.json" # no longer needs ps_reg_03
change '"ps_car_06_cat", "type": "integer"' '"ps_reg_03", "type": "real"'
is "a known column that the stored rows came without is" "$STATUS" 2

# --- least privilege ---------------------------------------------------------------------------------------------
# role, may it (yes or no), statement. Nothing is changed: a permitted statement finds no row.
while IFS='|' read -r role may statement; do
	[ -n "$role" ] || continue
	if [ "$may" = yes ]; then
		ok "$role may: $statement" as "$role" sql "$statement"
	else
		run as "$role" sql "$statement"
		like "$role may not: $statement" "$STATUS $(cat "$ERR")" '^[1-9].*permission denied'
	fi
done <<'STATEMENTS'
loader|yes|INSERT INTO green_ml_data.insurance (_load_id, _row, _id) SELECT 1, 1, '' WHERE false
loader|yes|SELECT count(*) FROM green_ml.source_requirement
loader|yes|UPDATE green_ml.load SET rows = 0 WHERE false
loader|no|SELECT bytes FROM green_ml.model
loader|no|SELECT data FROM green_ml.training_plan
loader|no|UPDATE green_ml_data.insurance SET _row = 1
loader|no|DELETE FROM green_ml_data.insurance
loader|no|UPDATE green_ml.rejected_row SET line = 1
loader|no|SELECT count(*) FROM green_ml_data.insurance_prep
loader|no|INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) VALUES (1, 1, '')
loader|no|SELECT green_ml.register_pipeline('{}', 0)
loader|no|CREATE TABLE green_ml.mine (i int)
loader|no|CREATE TABLE green_ml_data.mine (i int)
preprocessor|yes|SELECT count(*) FROM green_ml_data.insurance
preprocessor|yes|DELETE FROM green_ml_data.insurance_cell WHERE false
preprocessor|yes|SELECT FROM green_ml.feature_set FOR NO KEY UPDATE
preprocessor|yes|SELECT count(*) FROM green_ml.preprocessing_due
preprocessor|no|INSERT INTO green_ml_data.insurance (_load_id, _row, _id) VALUES (1, 2, '2')
preprocessor|yes|SELECT count(*) FROM green_ml_data.insurance_prep
preprocessor|no|UPDATE green_ml_data.insurance_cell SET _part = 1
preprocessor|no|UPDATE green_ml.dictionary SET code = 1
preprocessor|no|UPDATE green_ml.load SET state = 'done'
preprocessor|no|SELECT bytes FROM green_ml.model
trainer|yes|SELECT count(*) FROM green_ml_data.insurance_prep, green_ml_data.insurance_cell
trainer|yes|SELECT bytes FROM green_ml.model
trainer|yes|DELETE FROM green_ml.model_shard
trainer|no|UPDATE green_ml.model_shard SET bytes = ''
trainer|no|UPDATE green_ml.model SET bytes = ''
trainer|no|DELETE FROM green_ml_data.insurance_cell
trainer|no|INSERT INTO green_ml.decision DEFAULT VALUES
scheduler|yes|SELECT count(*) FROM green_ml.evidence_load
scheduler|yes|SELECT count(*) FROM green_ml_data.insurance_prep
scheduler|no|INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) VALUES (1, 1, '')
scheduler|no|INSERT INTO green_ml.model DEFAULT VALUES
scheduler|no|SELECT count(*) FROM green_ml_data.insurance
scheduler|no|DELETE FROM green_ml.decision
api|yes|SELECT count(*) FROM green_ml.champion
api|yes|SELECT bytes FROM green_ml.model
api|no|SELECT count(*) FROM green_ml_data.insurance
api|no|SELECT count(*) FROM green_ml_data.insurance_prep
api|no|INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) VALUES (1, 1, '')
api|yes|SELECT green_ml.rotate_predictions(30)
api|yes|UPDATE green_ml.prediction SET truth = '', truth_at = now() WHERE truth IS NULL
api|no|UPDATE green_ml.prediction SET prediction = ''
api|no|DELETE FROM green_ml.prediction
api|no|SELECT green_ml.declare_feedback_sample('insurance', '1 day')
api|no|INSERT INTO green_ml.feedback_sample (pipeline_id, from_at, until_at) VALUES (1, now(), now())
scheduler|yes|SELECT n, k, complete FROM green_ml.feedback
scheduler|no|SELECT count(*) FROM green_ml.prediction
metrics|yes|SELECT accuracy FROM green_ml.champion
metrics|yes|SELECT holdout_k, metrics FROM green_ml.model
metrics|yes|SELECT count(*) FROM green_ml.run_state, green_ml.decision_log, green_ml.served
metrics|yes|SELECT count(*) FROM green_ml.run_cost, green_ml.sci, green_ml.saving
metrics|yes|INSERT INTO green_ml.run_measurement (run_id, source) SELECT 1, '' WHERE false
metrics|no|UPDATE green_ml.energy_model SET pue = 1
metrics|no|SELECT bytes FROM green_ml.model
metrics|no|SELECT data FROM green_ml.training_plan
metrics|no|SELECT content FROM green_ml.rejected_row
metrics|no|SELECT value FROM green_ml.dictionary
metrics|no|SELECT count(*) FROM green_ml_data.insurance_cell
metrics|no|INSERT INTO green_ml.run (program, lease_until, version) VALUES ('', now(), '')
STATEMENTS
sql 'CREATE ROLE green_ml_stranger LOGIN'
is "PUBLIC may read no table" "$(sql "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname LIKE 'green\\_ml%' AND c.relkind IN ('r', 'v') AND has_table_privilege('green_ml_stranger', c.oid, 'SELECT')")" 0

# --- append-only -------------------------------------------------------------------------------------------------
append_only=$(sql "SELECT string_agg(tgrelid::regclass::text, ' ' ORDER BY tgrelid::regclass::text) FROM pg_trigger
	WHERE tgname = 'append_only'")
is "the append-only tables" "$append_only" "green_ml.api_usage green_ml.carbon_intensity green_ml.decision green_ml.dictionary green_ml.evaluation \
green_ml.feedback_result green_ml.feedback_sample green_ml.gate green_ml.model green_ml.promotion green_ml.rejected_row green_ml.retrain_event \
green_ml.run_measurement green_ml.training_plan"
refused="
	SET client_min_messages = warning;
	CREATE FUNCTION pg_temp.refused() RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE
		tried int := 0;
		refused int := 0;
		statement text;
	BEGIN
		FOR statement IN SELECT format(s, t, (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = t::regclass
						      AND attnum > 0 AND attidentity = '' LIMIT 1))
				 FROM unnest(string_to_array('$append_only', ' ')) AS t,
				      unnest(ARRAY['UPDATE %s SET %2\$s = %2\$s', 'DELETE FROM %s', 'TRUNCATE %s CASCADE']) AS s LOOP
			tried := tried + 1;
			BEGIN
				EXECUTE statement;
			EXCEPTION WHEN insufficient_privilege THEN
				refused := refused + (SQLERRM LIKE '%is append-only%')::int;
			END;
		END LOOP;
		RETURN refused || ' of ' || tried;
	END \$\$; SELECT pg_temp.refused()"
for user in green_ml_owner postgres; do
	is "$user can change none of them" "$(PGUSER=$user sql "$refused")" "42 of 42"
done

# --- feedback: samples, their truth, retention ---------------------------------------------------------------------
as owner sql "SELECT green_ml.declare_feedback_sample('insurance', '1 hour')" >"$OUT"
is "a sample is declared" "$(cat "$OUT")" 1
run as owner sql "SELECT green_ml.declare_feedback_sample('nothing', '1 hour')"
like "not of an unknown pipeline" "$STATUS $(cat "$ERR")" '^[1-9].*there is no pipeline "nothing"'
run as owner sql "INSERT INTO green_ml.feedback_sample (pipeline_id, from_at, until_at) VALUES (1, now() - interval '1 hour', now())"
like "and not afterwards" "$STATUS $(cat "$ERR")" '^[1-9].*violates check'
is "a day's partition each" "$(sql "SELECT count(*) FROM pg_inherits WHERE inhparent = 'green_ml.prediction'::regclass")" 3
# A sample of three days ago, as if it had been declared then, and one whose loss is known.
psql -Xq -v ON_ERROR_STOP=1 >"$OUT" <<'SQL'
INSERT INTO green_ml.feedback_sample (pipeline_id, from_at, until_at, declared_at)
SELECT 1, t, t + interval '1 hour', t FROM (VALUES (now() - interval '3 days'), (now() - interval '3 hours')) AS v (t);
SET TimeZone = 'UTC';
SELECT format('CREATE TABLE green_ml.prediction_%s PARTITION OF green_ml.prediction FOR VALUES FROM (%L) TO (%L)',
	to_char(d, 'YYYYMMDD'), d::timestamptz, (d + 1)::timestamptz)
FROM (SELECT current_date - n AS d FROM generate_series(2, 3) AS n) AS v \gexec
SQL
sql "INSERT INTO green_ml.prediction (prediction_id, at, pipeline_id, model_id, instance, prediction, truth)
	SELECT gen_random_uuid(), at + n * interval '1 second', 1, 7, 'test', '1', CASE WHEN n = 1 THEN '0' ELSE '1' END
	FROM (VALUES (now() - interval '3 days'), (now() - interval '3 hours')) AS v (at), generate_series(1, 10) AS n"
feedback() {
	as scheduler sql "SELECT feedback_sample_id, model_id, n, k, with_truth, complete FROM green_ml.feedback
		ORDER BY feedback_sample_id" | paste -sd ' '
}
is "the scheduler reads n and k of the model" "$(feedback)" "3|7|10|9|10|t 4|7|10|9|10|t"
sql "UPDATE green_ml.prediction SET truth = NULL WHERE prediction_id = (SELECT min(prediction_id::text)::uuid FROM green_ml.prediction
	WHERE at > now() - interval '1 day' AND truth = '1')"
is "a truth that has not come: not complete" "$(feedback)" "3|7|10|9|10|t 4|7|10|8|9|f"
as api sql "INSERT INTO green_ml.prediction_loss (instance, from_at, until_at, lost)
	SELECT 'test', t, t, 1 FROM (SELECT now() - interval '3 days' + interval '5 seconds' AS t) AS v"
is "a prediction that was lost: not complete" "$(feedback)" "3|7|10|9|10|f 4|7|10|8|9|f"
sql "DELETE FROM green_ml.prediction_loss"
is "what is older than the retention is dropped by the day" "$(as api sql 'SELECT green_ml.rotate_predictions(2)')" 1
is "and what it said stays" "$(feedback)" "3|7|10|9|10|t 4|7|10|8|9|f"
run as api sql 'SELECT green_ml.rotate_predictions(0)'
like "nothing younger than a day is dropped" "$STATUS $(cat "$ERR")" '^[1-9].*at least 1'

# --- a promotion -------------------------------------------------------------------------------------------------
run as owner sql "
	INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf, seed, data,
		content_sha256, run_id) VALUES (1, 1, '{1}', '{1}', '{}', 1, 0, '', '', 1);
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id)
	VALUES (1, 1, 1, '', '\\xab', 10, 9, '{}', 1);
	INSERT INTO green_ml.retrain (pipeline_id, state, due_at, simulated) VALUES (1, 'waiting', now(), false)"
is "a plan, a model and a waiting need" "$STATUS" 0
ok "the trainer promotes" as trainer sql "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) VALUES (1, 1, 'test')"
is "the champion" "$(as api sql 'SELECT pipeline, model_id, sha256, accuracy, known_loads FROM green_ml.champion')" \
	"insurance|1|ab|0.9|{1}"
is "the need is cancelled" "$(sql 'SELECT r.state, e.state, e.reason FROM green_ml.retrain r JOIN green_ml.retrain_event e
	USING (retrain_id)')" "cancelled|cancelled|promotion 1"
is "the champion's older feature set stays in force" "$(sql "SELECT count(*), min(version) FROM green_ml.feature_set_in_force
	WHERE pipeline = 'insurance'")" "2|1"

# --- the split ---------------------------------------------------------------------------------------------------
sed 's|\\|\\\\|g' "$ROOT/tests/cases/split/rows.tsv" >"$TMP/rows.copy" # COPY's way to write a backslash
psql -Xq -v ON_ERROR_STOP=1 >"$OUT" <<SQL
\\pset tuples_only on
\\pset format unaligned
CREATE TEMP TABLE row_case (n int GENERATED ALWAYS AS IDENTITY, source text, id text, split_limit numeric, want int);
\\copy row_case (source, id, split_limit, want) FROM '$TMP/rows.copy'
SELECT count(*) FROM row_case;
SELECT 'wrong: ' || source || ' "' || id || '" ' || split_limit FROM row_case
WHERE green_ml.is_holdout(source, id, green_ml.limit_bytes(split_limit)) <> (want = 1);
SQL
is "SQL agrees with tests/cases/split" "$(cat "$OUT")" "$(wc -l <"$ROOT/tests/cases/split/rows.tsv")"
is "is_holdout is inlined" "$(sql "EXPLAIN (VERBOSE, COSTS OFF) SELECT green_ml.is_holdout('a', _id, '\\x33') FROM green_ml_data.insurance" |
	grep -c 'sha256')" 1
# --- feature rows of an older version ------------------------------------------------------------------------------------
cp -r "$ROOT/database" "$TMP/older"
rm "$TMP/older/migrations/"{00[6-9],0[1-9]}*
PGDATABASE=postgres sql "CREATE DATABASE older OWNER green_ml_owner"
export PGDATABASE=older
as owner "$TMP/older/migrate" --pipeline "$ROOT/pipeline/specs/insurance.json" >"$OUT" 2>&1
sql "INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), 'test');
	INSERT INTO green_ml.load (source_id, location, start_row, n_rows, run_id, state, rows) VALUES (1, 'x', 0, 0, 1, 'done', 2);
	INSERT INTO green_ml_data.insurance VALUES (1, 1, 'a', '1', '0', '1', '2', '3', '4'), (1, 2, 'b', '0', '', '1', '2', '3', '4');
	INSERT INTO green_ml.dictionary VALUES (1, 0, 0, '1');
	INSERT INTO green_ml_data.insurance_prep VALUES (1, 1, 0, 0, 1, 2, 3, 4, false);
	INSERT INTO green_ml.preprocessing (feature_set_id, load_id, rows, dropped, missing, cells, run_id) VALUES (1, 1, 1, 1, '{}', 0, 1)"
exits "a database with stored feature rows is brought to this version" 0 as owner "$ROOT/database/migrate"
is "they are due again, under the codes that they had" "$(sql "SELECT count(*), (SELECT count(*) FROM green_ml_data.insurance_prep),
	(SELECT count(*) FROM green_ml.dictionary) FROM green_ml.preprocessing_due")" "1|0|1"
as preprocessor "$BIN/preprocessing" --pipeline "$ROOT/pipeline/specs/insurance.json" >"$OUT" 2>&1
like "and are taken in" "$(cat "$OUT")" 'insurance: load 1: 1 rows, 1 dropped'
is "value by value" "$(sql 'TABLE green_ml_data.insurance_prep' | cut -d'|' -f1-8)" "1|1|0|0|1|2|3|4"

# --- rollbacks of an older version ---------------------------------------------------------------------------------------
rm "$TMP/older/migrations/"*
cp "$ROOT/database/migrations/"0{0*,1[0-4]*} "$TMP/older/migrations"
PGDATABASE=postgres sql "CREATE DATABASE older_rollbacks OWNER green_ml_owner"
export PGDATABASE=older_rollbacks
as owner "$TMP/older/migrate" --pipeline "$ROOT/pipeline/specs/insurance.json" >"$OUT" 2>&1
sql "INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), 'test');
	INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf, seed, data, content_sha256, run_id)
	SELECT 1, 1, '{}', '{}', '{}', 1, 1, '', sha256(i::text::bytea), 1 FROM generate_series(1, 3) AS i;
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id)
	SELECT 1, plan_id, 1, '', content_sha256, 1, 1, '{}', 1 FROM green_ml.training_plan ORDER BY plan_id;
	INSERT INTO green_ml.promotion (pipeline_id, model_id, supersedes, reason) VALUES (1, 1, NULL, 'gate of plan 1: no_champion'),
	(1, 2, 1, 'by hand'), (1, 3, 2, 'gate of plan 3: not_worse'), (1, 2, 3, 'rollback of promotion 3'), (1, 3, 4, 'by hand'),
	(1, 2, 5, 'rollback of promotion 5'), (1, 1, 6, 'rollback of promotion 6')" >/dev/null
exits "a database with rollbacks is brought to this version" 0 as owner "$ROOT/database/migrate"
is "they name what they have restored" "$(sql "SELECT string_agg(coalesce(restores::text, '-'), ' ' ORDER BY promotion_id)
	FROM green_ml.promotion")" "- - - 2 - 2 1"
not_ok "nothing can be changed any more" sql "UPDATE green_ml.promotion SET restores = 1"
plan_done
