-- What the database says, without surrogate ids, times and run rows: the same text after an undisturbed run and after any
-- number of killed and repeated ones. One line per fact, sorted; tables are found through the feature sets.
\set QUIET on
\pset tuples_only on
\pset format unaligned
CREATE FUNCTION pg_temp.content(table_name text, leave_out text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	columns text;
BEGIN
	SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO columns FROM pg_catalog.pg_attribute
	WHERE attrelid = ('green_ml_data.' || quote_ident(table_name))::regclass AND attnum > 0 AND NOT attisdropped
	  AND attname <> ALL (leave_out);
	RETURN QUERY EXECUTE format('SELECT ROW(%s)::text FROM green_ml_data.%I', columns, table_name);
END
$$;
-- Big tables as a count and a checksum that does not depend on the order of rows.
CREATE FUNCTION pg_temp.checksum(table_name text, leave_out text[]) RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(row, E'\n' ORDER BY row COLLATE "C")), '')
	FROM pg_temp.content(table_name, leave_out) AS row
$$;
SELECT 'raw ' || name || ': ' || pg_temp.checksum(name, '{_load_id}') FROM green_ml.source ORDER BY name COLLATE "C";
SELECT 'feature rows ' || prep_table || ': ' || pg_temp.checksum(prep_table, '{_load_id}') FROM green_ml.feature_set
ORDER BY prep_table COLLATE "C";
SELECT 'cells ' || cell_table || ': ' || pg_temp.checksum(cell_table, '{_load_id}') FROM green_ml.feature_set
ORDER BY cell_table COLLATE "C";
SELECT 'load ' || location || ' ' || start_row || ' ' || n_rows || ': ' || rows || ' rows, ' || rows_known || ' known, ' || rejected
       || ' rejected, ' || encode(sha256, 'hex')
FROM green_ml.load WHERE state = 'done' ORDER BY 1;
SELECT 'dictionary ' || prep_table || ' ' || position || ' ' || code || ' ' || value
FROM green_ml.dictionary JOIN green_ml.feature_set USING (feature_set_id) ORDER BY 1;
SELECT 'plan ' || p.name || ' leaf ' || t.min_samples_leaf || ' ' || md5(t.data) || ' pilot ' || coalesce(md5(t.pilot::text), '-')
       || coalesce(', shard ' || s.shard || '/' || s.shards || ' ' || md5(s.bytes), '')
FROM green_ml.training_plan t JOIN green_ml.pipeline p USING (pipeline_id) LEFT JOIN green_ml.model_shard s USING (plan_id)
ORDER BY 1;
SELECT 'model ' || p.name || ' ' || encode(m.sha256, 'hex') || ' ' || m.holdout_k || '/' || m.holdout_n
FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id) ORDER BY 1;
SELECT 'gate ' || p.name || ' ' || encode(m.sha256, 'hex') || ' ' || g.promoted || ' ' || g.reason
FROM green_ml.gate g JOIN green_ml.model m USING (model_id) JOIN green_ml.pipeline p USING (pipeline_id) ORDER BY 1;
SELECT 'promotion ' || p.name || ' ' || row_number() OVER (PARTITION BY p.name ORDER BY o.promotion_id) || ' '
       || encode(m.sha256, 'hex')
FROM green_ml.promotion o JOIN green_ml.model m USING (model_id) JOIN green_ml.pipeline p ON p.pipeline_id = o.pipeline_id
ORDER BY 1;
SELECT 'retrain ' || p.name || ' ' || r.state || ': ' || count(*)
FROM green_ml.retrain r JOIN green_ml.pipeline p USING (pipeline_id) GROUP BY p.name, r.state ORDER BY 1;
