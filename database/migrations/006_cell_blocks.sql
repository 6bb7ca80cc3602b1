-- Feature rows are no longer stored row by row. <name>_cell holds them as blocks of cells (common/cells.h), which costs a
-- tenth of the bytes and of the CPU time; <name>_prep has become a view that computes the very same rows from the raw ones,
-- for people and for the one load that a window of rows cuts.
DROP FUNCTION green_ml.create_feature_tables(text, text, jsonb);

-- SQL for the stored value of column number `place` (0: the label) of raw row r.
CREATE FUNCTION green_ml.feature_value(feature_set_id int, place bigint, set_column jsonb) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog AS $$
	SELECT CASE WHEN place > 0 AND set_column ->> 'type' <> 'category'
		    THEN format('coalesce(r.%I, '''')::%s', set_column ->> 'name', green_ml.column_sql_type(set_column ->> 'type'))
		    ELSE format('(SELECT k.code FROM green_ml.dictionary k WHERE k.feature_set_id = %s AND k.position = %s '
				'AND k.value = coalesce(r.%I, ''''))', feature_set_id, place, set_column ->> 'name')
	       END
$$;

-- Makes the cell table and the view of a feature set.
CREATE FUNCTION green_ml.create_feature_tables(prep_table text, cell_table text, set_columns jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	f green_ml.feature_set;
	source_name text;
	features text;
	complete text;
BEGIN
	SELECT * INTO STRICT f FROM green_ml.feature_set s WHERE s.prep_table = create_feature_tables.prep_table;
	SELECT s.name INTO STRICT source_name FROM green_ml.pipeline p JOIN green_ml.source s USING (source_id)
	WHERE p.pipeline_id = f.pipeline_id;
	SELECT string_agg(format(', %s AS %I', green_ml.feature_value(f.feature_set_id, c.ordinality - 1, c.value),
				 CASE WHEN c.ordinality = 1 THEN '_label' ELSE c.value ->> 'name' END), '' ORDER BY c.ordinality),
	       string_agg(format(' AND coalesce(r.%I, '''') <> ALL (ARRAY[%s]::text[])', c.value ->> 'name',
				 (SELECT string_agg(quote_literal(m.value), ', ')
				  FROM jsonb_array_elements_text(c.value -> 'missing') AS m (value))), '' ORDER BY c.ordinality)
	INTO features, complete FROM jsonb_array_elements(set_columns) WITH ORDINALITY AS c;
	-- security_barrier: a condition on a feature must not be tried on a row that is left out, its text may be no number.
	EXECUTE format('CREATE VIEW green_ml_data.%I WITH (security_barrier) AS SELECT r._load_id, r._row%s, '
		       'green_ml.is_holdout(%L, r._id, green_ml.limit_bytes(%s)) AS _holdout '
		       'FROM green_ml_data.%I r JOIN green_ml.preprocessing d ON d.feature_set_id = %s AND d.load_id = r._load_id '
		       'WHERE true%s', prep_table, features, source_name, f.holdout_limit, source_name, f.feature_set_id, complete);
	-- _load_id 0 holds the compacted counts of all loads whose preprocessing row says in_base.
	EXECUTE format('CREATE TABLE green_ml_data.%I (_load_id int NOT NULL, _holdout boolean NOT NULL, _part int NOT NULL, '
		       '_cells bigint NOT NULL, _rows bigint NOT NULL, _bytes bytea NOT NULL, '
		       'PRIMARY KEY (_load_id, _holdout, _part))', cell_table);
	EXECUTE format('ALTER TABLE green_ml_data.%I ALTER COLUMN _bytes SET STORAGE EXTERNAL', cell_table);
	EXECUTE format('GRANT SELECT, INSERT, DELETE ON green_ml_data.%I TO green_ml_preprocessor', cell_table);
	EXECUTE format('GRANT SELECT ON green_ml_data.%I TO green_ml_preprocessor', prep_table);
	EXECUTE format('GRANT SELECT ON green_ml_data.%I, green_ml_data.%I TO green_ml_trainer, green_ml_scheduler',
		       prep_table, cell_table);
END
$$;
REVOKE EXECUTE ON FUNCTION green_ml.create_feature_tables, green_ml.feature_value FROM PUBLIC;

-- Feature sets that are there already: the next preprocessing takes their loads in again. Their dictionaries stay, so that
-- every code means what it meant.
DO $$
DECLARE
	f green_ml.feature_set;
BEGIN
	FOR f IN SELECT * FROM green_ml.feature_set ORDER BY feature_set_id LOOP
		EXECUTE format('DROP TABLE green_ml_data.%I, green_ml_data.%I', f.prep_table, f.cell_table);
		PERFORM green_ml.create_feature_tables(f.prep_table, f.cell_table, f.columns);
	END LOOP;
	DELETE FROM green_ml.preprocessing;
	UPDATE green_ml.feature_set SET keeps_cells = false, count_cells_at = 0, base_cells = 0;
END
$$;
COMMENT ON COLUMN green_ml.feature_set.keeps_cells IS 'the cell table holds compacted counts, under _load_id 0';
COMMENT ON COLUMN green_ml.feature_set.count_cells_at IS 'compacting is tried again with so many training cells';
COMMENT ON COLUMN green_ml.feature_set.base_cells IS 'number of the compacted cells';
COMMENT ON COLUMN green_ml.preprocessing.cells IS 'distinct training rows of the load';
