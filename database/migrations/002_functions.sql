-- The split (common/split.h): first 8 bytes, big-endian, of sha256(source, 0x00, id) below floor(holdout * 2^64).
CREATE FUNCTION green_ml.limit_bytes(holdout_limit numeric) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
	SELECT decode(lpad(to_hex(div(holdout_limit, 4294967296)::bigint), 8, '0') ||
		      lpad(to_hex(mod(holdout_limit, 4294967296)::bigint), 8, '0'), 'hex')
$$;

-- The limit is passed as bytes (limit_bytes) so that the conversion is done once per statement. STABLE, as convert_to is,
-- and without a SET clause: else the function would not be inlined into the query, and a call per row costs ten times as
-- much. All names are qualified instead.
CREATE FUNCTION green_ml.is_holdout(source text, id text, limit_bytes bytea) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
	SELECT pg_catalog.substring(pg_catalog.sha256(pg_catalog.convert_to(source, 'UTF8') OPERATOR(pg_catalog.||)
				    '\x00'::bytea OPERATOR(pg_catalog.||) pg_catalog.convert_to(id, 'UTF8')), 1, 8)
	       OPERATOR(pg_catalog.<) limit_bytes
$$;

CREATE FUNCTION green_ml.column_sql_type(column_type text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog AS $$
	SELECT CASE column_type WHEN 'real' THEN 'real' ELSE 'integer' END -- a category is stored as its code
$$;

-- A spec's columns (common/spec.h: .json) as feature_set.columns keeps them: the label first.
CREATE FUNCTION green_ml.spec_columns(spec jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog AS $$
	SELECT jsonb_agg(jsonb_build_object('name', c.value ->> 'column', 'type', c.value ->> 'type', 'missing', c.value -> 'missing')
			 ORDER BY c.ordinality)
	FROM jsonb_array_elements(jsonb_build_array(spec -> 'label') || (spec -> 'features')) WITH ORDINALITY AS c
$$;

-- Makes the feature-row and the cell table of a feature set.
CREATE FUNCTION green_ml.create_feature_tables(prep_table text, cell_table text, set_columns jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	features text;
	-- Pages are summarised by autovacuum as soon as they are full, so that a load's rows are found without a scan.
	by_load constant text := 'CREATE INDEX ON green_ml_data.%I USING brin (_load_id) WITH (pages_per_range = 16, '
				 'autosummarize = on)';
BEGIN
	SELECT string_agg(format(', %I %s NOT NULL', c.value ->> 'name', green_ml.column_sql_type(c.value ->> 'type')), ''
			  ORDER BY c.ordinality)
	INTO features FROM jsonb_array_elements(set_columns) WITH ORDINALITY AS c WHERE c.ordinality > 1;
	EXECUTE format('CREATE TABLE green_ml_data.%I (_load_id int NOT NULL, _row int NOT NULL, _label int NOT NULL%s, '
		       '_holdout boolean NOT NULL)', prep_table, features);
	EXECUTE format(by_load, prep_table);
	-- _load_id 0 holds the compacted counts of all loads whose preprocessing row says in_base.
	EXECUTE format('CREATE TABLE green_ml_data.%I (_load_id int NOT NULL, _label int NOT NULL%s, _holdout boolean NOT NULL, '
		       '_count bigint NOT NULL)', cell_table, features);
	EXECUTE format(by_load, cell_table);
	EXECUTE format('GRANT SELECT, INSERT ON green_ml_data.%I TO green_ml_preprocessor', prep_table);
	EXECUTE format('GRANT SELECT, INSERT, DELETE ON green_ml_data.%I TO green_ml_preprocessor', cell_table);
	EXECUTE format('GRANT SELECT ON green_ml_data.%I, green_ml_data.%I TO green_ml_trainer, green_ml_scheduler',
		       prep_table, cell_table);
END
$$;

-- Adds a column to a source's raw table. Rows that are there already were stored without it: its values are gone.
CREATE FUNCTION green_ml.add_source_column(source green_ml.source, column_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	is_there boolean := EXISTS (SELECT FROM green_ml.source_column c
				    WHERE c.source_id = source.source_id AND c.name = column_name);
	is_lost boolean;
BEGIN
	IF NOT is_there THEN
		EXECUTE format('LOCK TABLE green_ml_data.%I IN ACCESS EXCLUSIVE MODE', source.name); -- waits for a running load
		EXECUTE format('SELECT EXISTS (SELECT FROM green_ml_data.%I)', source.name) INTO is_lost;
	ELSIF EXISTS (SELECT FROM green_ml.source_requirement r
		      WHERE r.source_id = source.source_id AND r.column_name = add_source_column.column_name) THEN
		RETURN;
	ELSE
		-- No spec wanted it any more, so that loads may have come without it: those hold nothing but nulls.
		EXECUTE format('SELECT EXISTS (SELECT FROM green_ml.load l WHERE l.source_id = $1 AND l.state = ''done'' AND l.rows > 0 '
			       'AND NOT EXISTS (SELECT FROM green_ml_data.%I r WHERE r._load_id = l.load_id AND r.%I IS NOT NULL))',
			       source.name, column_name) INTO is_lost USING source.source_id;
	END IF;
	IF is_lost THEN
		RAISE EXCEPTION 'source "%" holds rows that were stored without column "%": load the data under another source name',
			source.name, column_name USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF NOT is_there THEN
		EXECUTE format('ALTER TABLE green_ml_data.%I ADD COLUMN %I text', source.name, column_name);
		INSERT INTO green_ml.source_column
		SELECT source.source_id, column_name, count(*) + 1 FROM green_ml.source_column c
		WHERE c.source_id = source.source_id;
	END IF;
END
$$;

-- The raw table of a source: every value as the text that stood in the file (null: an empty field), so that nothing is
-- lost and several specs may read one column in their own way.
CREATE FUNCTION green_ml.ensure_source(source_name text, id_name text, wanted text[]) RETURNS green_ml.source
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	source green_ml.source;
	wanted_name text;
BEGIN
	SELECT * INTO source FROM green_ml.source s WHERE s.name = source_name;
	IF NOT FOUND THEN
		INSERT INTO green_ml.source (name, id_column) VALUES (source_name, id_name) RETURNING * INTO source;
		EXECUTE format('CREATE TABLE green_ml_data.%I (_load_id int NOT NULL, _row int NOT NULL, _id text PRIMARY KEY)',
			       source_name);
		EXECUTE format('CREATE INDEX ON green_ml_data.%I USING brin (_load_id) WITH (pages_per_range = 16, '
			       'autosummarize = on)', source_name);
		EXECUTE format('GRANT SELECT, INSERT ON green_ml_data.%I TO green_ml_loader', source_name);
		EXECUTE format('GRANT SELECT ON green_ml_data.%I TO green_ml_preprocessor, green_ml_trainer', source_name);
	ELSIF source.id_column <> id_name THEN
		RAISE EXCEPTION 'source "%" is identified by column "%", the spec says "%": choose another source name',
			source_name, source.id_column, id_name USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOREACH wanted_name IN ARRAY wanted LOOP
		PERFORM green_ml.add_source_column(source, wanted_name);
	END LOOP;
	RETURN source;
END
$$;

-- Registers a spec (common/spec.h: .json) or takes over its changes. Answers what was done, one word: registered,
-- changed, feature-set (a new version of the column set: rows are preprocessed again), unchanged.
CREATE FUNCTION green_ml.register_pipeline(new_spec jsonb, new_limit numeric) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	new_columns jsonb := green_ml.spec_columns(new_spec);
	source green_ml.source;
	known green_ml.pipeline;
	current green_ml.feature_set;
	suffix text;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('green_ml.register_pipeline', 0));
	source := green_ml.ensure_source(new_spec ->> 'source', new_spec ->> 'id',
					 ARRAY(SELECT c.value ->> 'name' FROM jsonb_array_elements(new_columns) AS c));

	SELECT * INTO known FROM green_ml.pipeline p WHERE p.name = new_spec ->> 'name';
	IF NOT FOUND THEN
		INSERT INTO green_ml.pipeline (name, source_id, spec) VALUES (new_spec ->> 'name', source.source_id, new_spec)
		RETURNING * INTO known;
	ELSIF known.source_id <> source.source_id THEN
		RAISE EXCEPTION 'pipeline "%" is registered on another source than "%": register the spec under another name',
			known.name, source.name USING ERRCODE = 'invalid_parameter_value';
	ELSE
		SELECT * INTO current FROM green_ml.current_feature_set f WHERE f.pipeline_id = known.pipeline_id;
		IF known.spec = new_spec AND current.holdout_limit = new_limit THEN
			RETURN 'unchanged';
		END IF;
		UPDATE green_ml.pipeline p SET spec = new_spec WHERE p.pipeline_id = known.pipeline_id;
		IF current.columns = new_columns AND current.holdout_limit = new_limit THEN
			RETURN 'changed';
		END IF;
	END IF;
	suffix := CASE WHEN current.version IS NULL THEN '' ELSE (current.version + 1)::text END;
	INSERT INTO green_ml.feature_set (pipeline_id, version, columns, holdout_limit, prep_table, cell_table)
	VALUES (known.pipeline_id, coalesce(current.version, 0) + 1, new_columns, new_limit,
		known.name || '_prep' || suffix, known.name || '_cell' || suffix)
	RETURNING * INTO current;
	PERFORM green_ml.create_feature_tables(current.prep_table, current.cell_table, new_columns);
	RETURN CASE WHEN current.version = 1 THEN 'registered' ELSE 'feature-set' END;
END
$$;
REVOKE EXECUTE ON FUNCTION green_ml.register_pipeline, green_ml.ensure_source, green_ml.add_source_column,
	green_ml.create_feature_tables FROM PUBLIC;

-- A promotion wakes the model-api (LISTEN green_ml_promotion); the payload is the pipeline's name.
CREATE FUNCTION green_ml.notify_promotion() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	PERFORM pg_notify('green_ml_promotion', name) FROM green_ml.pipeline WHERE pipeline_id = NEW.pipeline_id;
	-- A new champion answers the open need: the retraining that made it has succeeded, one that only waited is cancelled.
	WITH closed AS (
		UPDATE green_ml.retrain r
		SET state = CASE WHEN r.retrain_id = made.retrain_id THEN 'succeeded' ELSE 'cancelled' END, updated_at = now()
		FROM (SELECT t.retrain_id FROM green_ml.model m JOIN green_ml.training_plan t ON t.plan_id = m.plan_id
		      WHERE m.model_id = NEW.model_id) AS made
		WHERE r.pipeline_id = NEW.pipeline_id AND r.state IN ('waiting', 'intended')
		RETURNING r.retrain_id, r.state, r.attempt)
	INSERT INTO green_ml.retrain_event (retrain_id, state, attempt, reason, at)
	SELECT retrain_id, state, attempt, 'promotion ' || NEW.promotion_id, coalesce(NEW.simulated_at, now()) FROM closed;
	RETURN NULL;
END
$$;
CREATE TRIGGER notify AFTER INSERT ON green_ml.promotion FOR EACH ROW EXECUTE FUNCTION green_ml.notify_promotion();

-- A finished load wakes a watching scheduler (LISTEN green_ml_load).
CREATE FUNCTION green_ml.notify_load() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	PERFORM pg_notify('green_ml_load', name) FROM green_ml.source WHERE source_id = NEW.source_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER notify AFTER UPDATE ON green_ml.load FOR EACH ROW
	WHEN (NEW.state = 'done' AND OLD.state <> 'done') EXECUTE FUNCTION green_ml.notify_load();

-- Grams for CPU seconds at an intensity by the default energy model.
CREATE FUNCTION green_ml.operational_gco2(cpu_s double precision, gco2_per_kwh double precision) RETURNS double precision
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
	SELECT cpu_s * watt_per_busy_core / 3.6e6 * pue * gco2_per_kwh FROM green_ml.energy_model WHERE machine = 'default'
$$;
