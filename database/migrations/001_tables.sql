-- All tables of green-ml. Bookkeeping lives in schema green_ml, the customer's rows in green_ml_data (one raw table per
-- source, one feature-row table per feature set; made by green_ml.register_pipeline).
CREATE SCHEMA green_ml_data;

CREATE FUNCTION green_ml.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TABLE green_ml.source (
	source_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	id_column text NOT NULL
);

-- The columns kept of a source: those that a registered spec has named.
CREATE TABLE green_ml.source_column (
	source_id int NOT NULL REFERENCES green_ml.source,
	name text NOT NULL,
	position int NOT NULL,
	PRIMARY KEY (source_id, name),
	UNIQUE (source_id, position)
);

CREATE TABLE green_ml.pipeline (
	pipeline_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	source_id int NOT NULL REFERENCES green_ml.source,
	spec jsonb NOT NULL,
	registered_at timestamptz NOT NULL DEFAULT now()
);

-- What turns a raw row into a feature row. A changed column set, type, missing marker or holdout is a new version; the
-- highest version of a pipeline is the one new trainings use, a champion keeps its own.
CREATE TABLE green_ml.feature_set (
	feature_set_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	version int NOT NULL,
	columns jsonb NOT NULL,          -- [{"name", "type", "missing": [...]}, ...], element 0 is the label
	holdout_limit numeric(20) NOT NULL, -- floor(holdout * 2^64)
	prep_table text NOT NULL UNIQUE, -- in green_ml_data
	cell_table text NOT NULL UNIQUE, -- in green_ml_data
	-- Cells are kept from the moment the feature rows are at least 4 times the distinct cells. They are counted with the
	-- first load that has rows, then at 4 times what was found and at least a quarter more rows (preprocessing/cells.h).
	keeps_cells boolean NOT NULL DEFAULT false,
	count_cells_at bigint NOT NULL DEFAULT 0, -- with so many feature rows
	base_cells bigint NOT NULL DEFAULT 0, -- rows of _load_id 0 in the cell table
	registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	UNIQUE (pipeline_id, version)
);

-- Codes of text columns (and of every label) in first-seen order.
CREATE TABLE green_ml.dictionary (
	feature_set_id int NOT NULL REFERENCES green_ml.feature_set,
	position int NOT NULL, -- in feature_set.columns; 0 = label
	code int NOT NULL,
	value text NOT NULL,
	PRIMARY KEY (feature_set_id, position, code),
	UNIQUE (feature_set_id, position, value)
);

-- One row per execution of a program. Opened before the work in a transaction of its own, closed inside the work's
-- transaction; a row whose lease has run out while "running" reads "lost" (view run_state).
CREATE TABLE green_ml.run (
	run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	program text NOT NULL,
	pipeline text,
	state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	lease_until timestamptz NOT NULL,
	finished_at timestamptz,
	simulated_at timestamptz, -- the simulated clock, null when it was real
	wall_s double precision,
	cpu_s double precision,          -- of the program
	postgres_cpu_s double precision, -- of its database backend, where it could be read
	peak_rss_mb double precision,
	workflow text,                   -- Argo's workflow and node, when run there
	node text,
	version text NOT NULL,
	error text
);

CREATE TABLE green_ml.load (
	load_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source_id int NOT NULL REFERENCES green_ml.source,
	location text NOT NULL,
	start_row bigint NOT NULL,   -- data rows skipped
	n_rows bigint NOT NULL,      -- asked for; 0 = to the end
	sha256 bytea,                -- of the selected rows' bytes
	state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
	rows bigint,                 -- new rows stored
	rows_known bigint,           -- identical rows that were there already
	rejected bigint,
	run_id bigint NOT NULL REFERENCES green_ml.run,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	simulated_at timestamptz,
	error text
);
CREATE UNIQUE INDEX load_once ON green_ml.load (source_id, location, start_row, n_rows, sha256) WHERE state = 'done';

CREATE TABLE green_ml.rejected_row (
	load_id int NOT NULL REFERENCES green_ml.load,
	line bigint NOT NULL, -- of the file, from 1; the header is line 1
	reason text NOT NULL,
	content text,         -- only with --keep-rejects
	PRIMARY KEY (load_id, line)
);

CREATE TABLE green_ml.preprocessing (
	feature_set_id int NOT NULL REFERENCES green_ml.feature_set,
	load_id int NOT NULL REFERENCES green_ml.load,
	rows bigint NOT NULL,    -- feature rows made
	dropped bigint NOT NULL, -- raw rows with a missing value
	missing jsonb NOT NULL,  -- {"column": rows in which it was missing}
	cells bigint NOT NULL,   -- rows made in the cell table, 0 where the feature set keeps none
	in_base boolean NOT NULL DEFAULT false, -- its cells have been compacted into _load_id 0
	run_id bigint NOT NULL REFERENCES green_ml.run,
	preprocessed_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (feature_set_id, load_id)
);

CREATE TABLE green_ml.carbon_intensity (
	carbon_intensity_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	provider text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('average', 'marginal')),
	factors text NOT NULL CHECK (factors IN ('lifecycle', 'direct')),
	zone text NOT NULL,
	start_at timestamptz NOT NULL,
	issued_at timestamptz NOT NULL, -- of a forecast; = start_at for an actual value
	fetched_at timestamptz NOT NULL,
	gco2_per_kwh double precision NOT NULL CHECK (gco2_per_kwh >= 0 AND gco2_per_kwh <= 2000),
	is_forecast boolean NOT NULL,
	is_estimated boolean NOT NULL,
	UNIQUE (provider, kind, factors, zone, start_at, issued_at, fetched_at)
);

CREATE TABLE green_ml.model (
	model_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	plan_id int NOT NULL,
	feature_set_id int NOT NULL REFERENCES green_ml.feature_set,
	parent_model_id int REFERENCES green_ml.model, -- the champion it challenged
	bytes bytea NOT NULL,                          -- docs/MODEL_FORMAT.md
	sha256 bytea NOT NULL,
	holdout_n bigint NOT NULL,                     -- accuracy on the plan's holdout rows = k / n
	holdout_k bigint NOT NULL,
	metrics jsonb NOT NULL,
	run_id bigint NOT NULL REFERENCES green_ml.run,
	created_at timestamptz NOT NULL DEFAULT now(),
	simulated_at timestamptz,
	UNIQUE (pipeline_id, plan_id),
	UNIQUE (pipeline_id, sha256)
);
ALTER TABLE green_ml.model ALTER COLUMN bytes SET STORAGE EXTERNAL; -- already dense: compressing it costs CPU for nothing

CREATE TABLE green_ml.evaluation (
	evaluation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id int NOT NULL REFERENCES green_ml.model,
	evidence_sha256 bytea NOT NULL, -- of the load ids and their hashes
	look int NOT NULL,              -- 1, 2, ... per model
	loads int[] NOT NULL,
	reference_n bigint NOT NULL,    -- the model's holdout at training time
	reference_k bigint NOT NULL,
	all_n bigint NOT NULL,          -- window 1: all evidence rows
	all_k bigint NOT NULL,
	all_drop_low double precision NOT NULL,
	all_drop_high double precision NOT NULL,
	recent_n bigint NOT NULL,       -- window 2: the newest whole loads
	recent_k bigint NOT NULL,
	recent_drop_low double precision NOT NULL,
	recent_drop_high double precision NOT NULL,
	alpha double precision NOT NULL, -- spent by this look, before it is halved over the windows
	run_id bigint NOT NULL REFERENCES green_ml.run,
	evaluated_at timestamptz NOT NULL,
	simulated boolean NOT NULL,
	UNIQUE (model_id, evidence_sha256),
	UNIQUE (model_id, look)
);

CREATE TABLE green_ml.retrain (
	retrain_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	uid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	champion_model_id int REFERENCES green_ml.model, -- null: there was none
	evaluation_id bigint REFERENCES green_ml.evaluation,
	state text NOT NULL CHECK (state IN ('waiting', 'intended', 'accepted', 'succeeded', 'refused', 'failed', 'cancelled')),
	due_at timestamptz NOT NULL,
	latest_start_at timestamptz, -- null: no deadline (preset seed)
	attempt int NOT NULL DEFAULT 1,
	not_before timestamptz,
	sent_at_once boolean NOT NULL DEFAULT false, -- big drop or no champion: sent as it stands, never re-planned
	workflow text,
	workflow_uid text,
	updated_at timestamptz NOT NULL DEFAULT now(),
	simulated boolean NOT NULL
);
CREATE UNIQUE INDEX retrain_open ON green_ml.retrain (pipeline_id) WHERE state IN ('waiting', 'intended', 'accepted');

CREATE TABLE green_ml.retrain_event (
	retrain_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	retrain_id int NOT NULL REFERENCES green_ml.retrain,
	state text NOT NULL,
	attempt int NOT NULL,
	reason text NOT NULL,
	at timestamptz NOT NULL,
	run_id bigint REFERENCES green_ml.run
);

-- The snapshot a training reads and nothing else.
CREATE TABLE green_ml.training_plan (
	plan_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	feature_set_id int NOT NULL REFERENCES green_ml.feature_set,
	known_loads int[] NOT NULL, -- every load of the source committed when the plan was taken
	loads int[] NOT NULL,       -- the loads it trains on
	settings jsonb NOT NULL,    -- the spec's forest object, gate object and train_on as they were
	min_samples_leaf int NOT NULL, -- the chosen leaf size
	seed numeric(20) NOT NULL,
	data bytea NOT NULL,        -- dictionary and counts: model-training/dataset.h
	retrain_id int REFERENCES green_ml.retrain, -- null when started by hand
	content_sha256 bytea NOT NULL,
	run_id bigint NOT NULL REFERENCES green_ml.run,
	created_at timestamptz NOT NULL DEFAULT now(),
	simulated_at timestamptz,
	UNIQUE (pipeline_id, content_sha256)
);
ALTER TABLE green_ml.training_plan ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE green_ml.model ADD FOREIGN KEY (plan_id) REFERENCES green_ml.training_plan;

CREATE TABLE green_ml.model_shard (
	plan_id int NOT NULL REFERENCES green_ml.training_plan,
	shard int NOT NULL,  -- i of n; 0 = trees taken over from the pilot
	shards int NOT NULL, -- n
	bytes bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (plan_id, shard, shards)
);

-- The gate's verdict on the model of a plan.
CREATE TABLE green_ml.gate (
	plan_id int PRIMARY KEY REFERENCES green_ml.training_plan,
	model_id int NOT NULL REFERENCES green_ml.model,
	champion_model_id int REFERENCES green_ml.model,
	promoted boolean NOT NULL,
	reason text NOT NULL,
	numbers jsonb NOT NULL, -- n, b, c, loss, upper end for all and recent holdout rows; accuracies; ratchet
	run_id bigint NOT NULL REFERENCES green_ml.run,
	at timestamptz NOT NULL DEFAULT now()
);

-- Champion of a pipeline = its latest promotion; a rollback is a new row.
CREATE TABLE green_ml.promotion (
	promotion_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	model_id int NOT NULL REFERENCES green_ml.model,
	supersedes int REFERENCES green_ml.promotion,
	reason text NOT NULL,
	promoted_by text NOT NULL DEFAULT session_user,
	promoted_at timestamptz NOT NULL DEFAULT now(),
	simulated_at timestamptz
);
CREATE INDEX promotion_latest ON green_ml.promotion (pipeline_id, promotion_id DESC);

CREATE TABLE green_ml.decision (
	decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	decided_at timestamptz NOT NULL, -- by the clock of --now
	simulated boolean NOT NULL,
	verdict text NOT NULL CHECK (verdict IN ('skip', 'wait', 'train', 'blocked')),
	rule text NOT NULL,
	reasons text[] NOT NULL,
	start_at timestamptz,
	policy text NOT NULL,
	rung text,                -- of the policy's ladder that decided when to start
	drop double precision,    -- accuracy lost, of the more urgent window
	drop_ci_low double precision,
	drop_ci_high double precision,
	accuracy_reference double precision,
	accuracy_new double precision,
	rows_evidence bigint,
	look int,
	reading_gco2_per_kwh double precision,
	reading_age_s double precision,
	source text,              -- of the reading: provider/kind/factors/zone
	champion_model_id int REFERENCES green_ml.model,
	evaluation_id bigint REFERENCES green_ml.evaluation,
	retrain_id int REFERENCES green_ml.retrain,
	workflow text,
	inputs jsonb NOT NULL,    -- everything decide() was given, for replays
	run_id bigint NOT NULL REFERENCES green_ml.run
);
CREATE INDEX decision_by_time ON green_ml.decision (pipeline_id, decided_at);

-- Constants of the energy model, sources in docs/CARBON.md. Operational grams = (CPU-s * W per busy core) / 3.6e6 * PUE *
-- intensity.
CREATE TABLE green_ml.energy_model (
	machine text PRIMARY KEY,
	watt_per_busy_core double precision NOT NULL,
	pue double precision NOT NULL,
	source text NOT NULL
);
INSERT INTO green_ml.energy_model VALUES
	('default', 3.54, 1.185, 'Cloud Carbon Footprint coefficients, Azure: maximum W per vCPU and PUE');

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['rejected_row', 'dictionary', 'carbon_intensity', 'model', 'evaluation', 'retrain_event',
				    'training_plan', 'model_shard', 'gate', 'promotion', 'decision'] LOOP
		EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON green_ml.%I '
			       'FOR EACH STATEMENT EXECUTE FUNCTION green_ml.refuse_change()', name);
	END LOOP;
END
$$;
