-- What runs cost in joules and grams. The arithmetic is in the functions of this file and nowhere else; docs/CARBON.md
-- explains it, with a worked example that is computed with these functions by tests/integration/60_accounting.sh.

-- Constants per machine type; their sources are in the table and in docs/CARBON.md. Other constants: insert a machine of
-- your own and name it in GREEN_ML_MACHINE. To change a row changes what all runs that name it are said to have cost.
ALTER TABLE green_ml.energy_model
	ADD COLUMN watt_per_idle_core double precision NOT NULL DEFAULT 0.74 CHECK (watt_per_idle_core >= 0),
	ADD COLUMN watt_per_memory_gb double precision NOT NULL DEFAULT 0.392 CHECK (watt_per_memory_gb >= 0),
	ADD COLUMN embodied_kg double precision NOT NULL DEFAULT 1483.12 CHECK (embodied_kg >= 0), -- of a whole server
	ADD COLUMN server_cores double precision NOT NULL DEFAULT 64 CHECK (server_cores > 0),     -- that share it
	ADD COLUMN lifetime_h double precision NOT NULL DEFAULT 35040 CHECK (lifetime_h > 0),
	-- CPU-s that a pod of Argo takes beside the program: init and wait container, executor. Charged to runs in a pod that
	-- nobody has measured from outside (run_measurement).
	ADD COLUMN pod_cpu_s double precision NOT NULL DEFAULT 0.35 CHECK (pod_cpu_s >= 0),
	ADD CHECK (watt_per_busy_core >= watt_per_idle_core),
	ADD CHECK (pue >= 1);
UPDATE green_ml.energy_model SET source = 'Cloud Carbon Footprint, Azure: W per vCPU, memory, PUE; D4 v3: embodied'
WHERE machine = 'default';
INSERT INTO green_ml.energy_model
	(machine, watt_per_busy_core, pue, source, watt_per_idle_core, embodied_kg, server_cores) VALUES
	('azure', 3.54, 1.185, 'Cloud Carbon Footprint, Azure; embodied: D4 v3', 0.74, 1483.12, 64),
	('aws', 3.5, 1.135, 'Cloud Carbon Footprint, AWS; embodied: a1', 0.74, 1022.21, 16),
	('gcp', 4.11, 1.1, 'Cloud Carbon Footprint, GCP (median); embodied: e2', 0.68, 1230.46, 32),
	('cascade-lake', 3.97, 1.185, 'Cloud Carbon Footprint by processor; the rest as default', 0.64, 1483.12, 64),
	('skylake', 4.26, 1.185, 'Cloud Carbon Footprint by processor; the rest as default', 0.65, 1483.12, 64),
	('broadwell', 3.69, 1.185, 'Cloud Carbon Footprint by processor; the rest as default', 0.71, 1483.12, 64),
	('epyc-2', 1.69, 1.185, 'Cloud Carbon Footprint by processor; the rest as default', 0.47, 1483.12, 64),
	('epyc-3', 2.02, 1.185, 'Cloud Carbon Footprint by processor; the rest as default', 0.45, 1483.12, 64),
	('graviton', 1.69, 1.135, 'Cloud Carbon Footprint by processor; the rest as aws', 0.47, 1022.21, 16);

ALTER TABLE green_ml.run
	ADD COLUMN machine text NOT NULL DEFAULT 'default' REFERENCES green_ml.energy_model,
	ADD COLUMN requested_cpu double precision,       -- cores reserved for the container; null: not told
	ADD COLUMN requested_memory_mb double precision,
	ADD COLUMN cpu_method text CHECK (cpu_method IN ('getrusage', 'cgroup-v1', 'cgroup-v2')), -- where cpu_s is from
	ADD COLUMN process_cpu_s double precision,       -- by getrusage: the check of cpu_s
	ADD COLUMN measured_j double precision,          -- of the program's CPU, where the machine counts joules
	ADD COLUMN measured_by text CHECK (measured_by IN ('rapl'));

-- What was measured of a run from outside of its pod, later (metrics/measure-pods).
CREATE TABLE green_ml.run_measurement (
	run_id bigint PRIMARY KEY REFERENCES green_ml.run,
	pod_cpu_s double precision,      -- of the whole pod: init, main and wait
	main_cpu_s double precision,     -- of its main container alone, to compare with run.cpu_s
	postgres_cpu_s double precision, -- of the database server's pod, apportioned by the time that steps took
	measured_j double precision,     -- of the pod's CPU
	source text NOT NULL,            -- who measured: "prometheus", "prometheus+kepler", "cgroup"
	measured_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON green_ml.run_measurement
	FOR EACH STATEMENT EXECUTE FUNCTION green_ml.refuse_change();

-- The counters of a model-api as metrics/api-usage read them. Cumulative since the process started.
CREATE TABLE green_ml.api_usage (
	api_usage_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	instance text NOT NULL,
	process_started_at timestamptz NOT NULL,
	at timestamptz NOT NULL,
	simulated boolean NOT NULL,
	pipeline text NOT NULL,
	predictions bigint NOT NULL, -- of this pipeline
	cpu_s double precision NOT NULL, -- the process's, shared out by predictions
	wall_s double precision NOT NULL, -- the same of its age
	memory_mb double precision NOT NULL, -- resident, shared out too
	machine text NOT NULL DEFAULT 'default' REFERENCES green_ml.energy_model,
	UNIQUE (instance, process_started_at, at, pipeline)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON green_ml.api_usage
	FOR EACH STATEMENT EXECUTE FUNCTION green_ml.refuse_change();

DROP FUNCTION green_ml.operational_gco2; -- operational_g takes its place

-- --- the arithmetic -------------------------------------------------------------------------------------------------

-- Joules of busy and reserved processors: what was reserved draws the idle power all the time, what was busy the rest too.
CREATE FUNCTION green_ml.cpu_j(m green_ml.energy_model, cpu_s double precision, reserved_cpu_s double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
	SELECT cpu_s * (m.watt_per_busy_core - m.watt_per_idle_core) + greatest(reserved_cpu_s, cpu_s) * m.watt_per_idle_core
$$;

CREATE FUNCTION green_ml.memory_j(m green_ml.energy_model, memory_mb double precision, wall_s double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
	SELECT memory_mb / 1024 * m.watt_per_memory_gb * wall_s
$$;

CREATE FUNCTION green_ml.operational_g(m green_ml.energy_model, energy_j double precision, gco2_per_kwh double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
	SELECT energy_j / 3.6e6 * m.pue * gco2_per_kwh
$$;

-- The part of a server's making that falls to so many core-seconds of its life.
CREATE FUNCTION green_ml.embodied_g(m green_ml.energy_model, reserved_cpu_s double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
	SELECT m.embodied_kg * 1000 * (reserved_cpu_s / (m.lifetime_h * 3600)) / m.server_cores
$$;

-- --- what each run cost ---------------------------------------------------------------------------------------------

-- The reading of the grid for a pipeline at a time: that of the decision nearest in time, within two hours; its own, else
-- of any pipeline (a data-fetch serves several). Null: nobody knows, and then no grams are made up.
CREATE INDEX decision_by_clock ON green_ml.decision (simulated, decided_at) WHERE reading_gco2_per_kwh IS NOT NULL;
CREATE FUNCTION green_ml.intensity_at(name text, at timestamptz, is_simulated boolean) RETURNS double precision
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
	SELECT d.reading_gco2_per_kwh
	FROM green_ml.decision d JOIN green_ml.pipeline p USING (pipeline_id)
	WHERE d.simulated = is_simulated AND d.reading_gco2_per_kwh IS NOT NULL
	  AND d.decided_at BETWEEN at - interval '2 h' AND at + interval '2 h'
	ORDER BY p.name <> name, abs(extract(epoch FROM d.decided_at - at)), d.decision_id
	LIMIT 1
$$;

-- A tick's own reading is found without a search: exporters ask for the sums of all ticks again and again.
CREATE INDEX decision_by_run ON green_ml.decision (run_id);

-- One row per run that is over. cpu_s is what is charged: the whole pod where it was measured, else the program and, in a
-- pod of Argo, the machine's pod_cpu_s. energy_method says which joules are measured: rapl, kepler, or linear, the model.
CREATE VIEW green_ml.run_cost AS
SELECT s.run_id, s.program, s.pipeline, s.state, s.at, s.simulated, s.workflow, s.wall_s, s.peak_rss_mb,
       s.program_cpu_s, s.process_cpu_s, s.cpu_s, s.cpu_method, s.postgres_cpu_s, s.postgres_method,
       s.reserved_cpu_s, s.machine,
       coalesce(s.measured_j, green_ml.cpu_j(m, s.cpu_s, s.reserved_cpu_s))
	       + green_ml.cpu_j(m, s.postgres_cpu_s, 0) + green_ml.memory_j(m, s.memory_mb, s.wall_s) AS energy_j,
       CASE WHEN s.measured_j IS NULL THEN 'linear' ELSE s.measured_by END AS energy_method,
       i.gco2_per_kwh,
       green_ml.operational_g(m, coalesce(s.measured_j, green_ml.cpu_j(m, s.cpu_s, s.reserved_cpu_s))
	       + green_ml.cpu_j(m, s.postgres_cpu_s, 0) + green_ml.memory_j(m, s.memory_mb, s.wall_s), i.gco2_per_kwh)
	       AS operational_g,
       green_ml.embodied_g(m, s.reserved_cpu_s + s.postgres_cpu_s) AS embodied_g
FROM (
	SELECT r.run_id, r.program, r.pipeline, r.state, coalesce(r.simulated_at, r.started_at) AS at,
	       r.simulated_at IS NOT NULL AS simulated, r.workflow, r.wall_s, r.peak_rss_mb, r.machine,
	       r.cpu_s AS program_cpu_s, r.process_cpu_s,
	       c.cpu_s, CASE WHEN o.pod_cpu_s IS NOT NULL THEN 'pod (' || o.source || ')'
			     WHEN coalesce(r.node, r.workflow) IS NOT NULL THEN coalesce(r.cpu_method, 'getrusage') || ' + pod'
			     ELSE coalesce(r.cpu_method, 'getrusage') END AS cpu_method,
	       coalesce(r.postgres_cpu_s, o.postgres_cpu_s, 0) AS postgres_cpu_s,
	       CASE WHEN r.postgres_cpu_s IS NOT NULL THEN 'backend' WHEN o.postgres_cpu_s IS NOT NULL THEN 'apportioned'
		    ELSE 'unknown' END AS postgres_method,
	       greatest(coalesce(r.requested_cpu, 0) * r.wall_s, c.cpu_s) AS reserved_cpu_s,
	       greatest(coalesce(r.requested_memory_mb, 0), coalesce(r.peak_rss_mb, 0)) AS memory_mb,
	       coalesce(o.measured_j, r.measured_j) AS measured_j,
	       CASE WHEN o.measured_j IS NOT NULL THEN 'kepler' ELSE r.measured_by END AS measured_by
	FROM green_ml.run r
	JOIN green_ml.energy_model e USING (machine)
	LEFT JOIN green_ml.run_measurement o USING (run_id)
	CROSS JOIN LATERAL (
		SELECT coalesce(o.pod_cpu_s, r.cpu_s + CASE WHEN coalesce(r.node, r.workflow) IS NULL THEN 0 ELSE e.pod_cpu_s END) AS cpu_s) c
	WHERE r.state IN ('done', 'failed') AND r.cpu_s IS NOT NULL) AS s
JOIN green_ml.energy_model m USING (machine)
CROSS JOIN LATERAL (
	SELECT coalesce((SELECT d.reading_gco2_per_kwh FROM green_ml.decision d WHERE d.run_id = s.run_id LIMIT 1),
			green_ml.intensity_at(s.pipeline, s.at, s.simulated)) AS gco2_per_kwh OFFSET 0) i; -- 0: looked up once a run

-- The runs that a pipeline is charged with: its own, and in full the data-fetch of every load of its source, which it would
-- need were it alone. So the sum over pipelines that share a source counts their loads more than once.
CREATE VIEW green_ml.pipeline_cost AS
SELECT p.name AS charged_to, p.pipeline_id, c.*
FROM green_ml.pipeline p JOIN green_ml.run_cost c ON c.pipeline = p.name
WHERE NOT EXISTS (SELECT FROM green_ml.load l WHERE l.run_id = c.run_id)
UNION ALL
SELECT p.name, p.pipeline_id, c.*
FROM green_ml.pipeline p JOIN green_ml.load l USING (source_id) JOIN green_ml.run_cost c USING (run_id);

-- What model-api did between two looks at its counters.
CREATE VIEW green_ml.api_cost AS
SELECT d.pipeline AS charged_to, d.at, d.simulated, d.predictions, d.cpu_s, d.wall_s, e.energy_j, i.gco2_per_kwh,
       green_ml.operational_g(m, e.energy_j, i.gco2_per_kwh) AS operational_g, green_ml.embodied_g(m, d.cpu_s) AS embodied_g
FROM (
	SELECT pipeline, at, simulated, machine, memory_mb,
	       predictions - coalesce(lag(predictions) OVER looks, 0) AS predictions,
	       cpu_s - coalesce(lag(cpu_s) OVER looks, 0) AS cpu_s,
	       wall_s - coalesce(lag(wall_s) OVER looks, 0) AS wall_s
	FROM green_ml.api_usage
	WINDOW looks AS (PARTITION BY instance, process_started_at, pipeline ORDER BY at, api_usage_id)) AS d
JOIN green_ml.energy_model m USING (machine)
CROSS JOIN LATERAL (SELECT green_ml.cpu_j(m, d.cpu_s, 0) + green_ml.memory_j(m, d.memory_mb, d.wall_s) AS energy_j) e
CROSS JOIN LATERAL (SELECT green_ml.intensity_at(d.pipeline, d.at, d.simulated) AS gco2_per_kwh) i;

-- Cost of each step, by week (Monday, UTC).
CREATE VIEW green_ml.step_cost AS
SELECT charged_to AS pipeline, program AS step, date_trunc('week', at AT TIME ZONE 'UTC')::date AS week, count(*) AS runs,
       sum(cpu_s) AS cpu_s, sum(postgres_cpu_s) AS postgres_cpu_s, sum(wall_s) AS wall_s, max(peak_rss_mb) AS peak_rss_mb,
       sum(energy_j) AS energy_j, sum(operational_g) AS operational_g, sum(embodied_g) AS embodied_g,
       count(*) FILTER (WHERE operational_g IS NULL) AS runs_without_reading
FROM green_ml.pipeline_cost GROUP BY 1, 2, 3
UNION ALL
SELECT charged_to, 'model-api', date_trunc('week', at AT TIME ZONE 'UTC')::date, count(*), sum(cpu_s), 0, sum(wall_s), NULL,
       sum(energy_j), sum(operational_g), sum(embodied_g), count(*) FILTER (WHERE operational_g IS NULL)
FROM green_ml.api_cost GROUP BY 1, 2, 3;

-- SCI (ISO/IEC 21031): grams, operational and embodied, per retraining and per 1000 predictions; step "all" is the whole
-- pipeline. Null where the week had no retraining, or no prediction that was counted.
CREATE VIEW green_ml.sci AS
SELECT c.pipeline, c.step, c.week, t.retrainings, u.predictions, c.operational_g, c.embodied_g, c.runs_without_reading,
       (c.operational_g + c.embodied_g) / nullif(t.retrainings, 0) AS g_per_retraining,
       (c.operational_g + c.embodied_g) * 1000 / nullif(u.predictions, 0) AS g_per_1000_predictions
FROM (
	SELECT pipeline, coalesce(step, 'all') AS step, week, sum(operational_g) AS operational_g, sum(embodied_g) AS embodied_g,
	       sum(runs_without_reading) AS runs_without_reading
	FROM green_ml.step_cost GROUP BY GROUPING SETS ((pipeline, week), (pipeline, week, step))) AS c
CROSS JOIN LATERAL (
	SELECT count(*) AS retrainings FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id)
	WHERE p.name = c.pipeline AND date_trunc('week', coalesce(m.simulated_at, m.created_at) AT TIME ZONE 'UTC')::date = c.week) t
CROSS JOIN LATERAL (
	SELECT coalesce(sum(predictions), 0) AS predictions FROM green_ml.api_cost a
	WHERE a.charged_to = c.pipeline AND date_trunc('week', a.at AT TIME ZONE 'UTC')::date = c.week) u;

-- Grams of each week, operational, against two things that were not done: to retrain in every week that brought rows, at
-- the hour they came ("every week", a mean retraining each, no ticks), and to start each retraining at once when its need
-- was found ("at once"). The two factors: fewer = joules of "every week" / joules spent; cleaner is what remains.
CREATE VIEW green_ml.saving AS
WITH cost AS (
	SELECT pipeline_id, charged_to, program, run_id, at, simulated, energy_j, operational_g, machine, gco2_per_kwh,
	       date_trunc('week', at AT TIME ZONE 'UTC')::date AS week
	FROM green_ml.pipeline_cost
), training AS (
	SELECT c.*, green_ml.intensity_at(c.charged_to, r.due_at, r.simulated) AS due_gco2_per_kwh
	FROM cost c JOIN green_ml.model m USING (run_id) JOIN green_ml.training_plan t ON t.plan_id = m.plan_id
	LEFT JOIN green_ml.retrain r USING (retrain_id) WHERE c.program = 'model-training'
), mean AS (
	SELECT charged_to, avg(energy_j) AS training_j FROM training GROUP BY 1
), week AS (
	SELECT c.charged_to, c.week, sum(c.energy_j) AS energy_j, sum(c.operational_g) AS operational_g,
	       sum(c.operational_g) FILTER (WHERE c.program = 'scheduler') AS scheduler_g,
	       sum(c.energy_j) FILTER (WHERE c.program IN ('data-fetch', 'preprocessing')) AS data_j,
	       sum(c.operational_g) FILTER (WHERE c.program IN ('data-fetch', 'preprocessing')) AS data_g,
	       min(c.at) FILTER (WHERE c.program = 'data-fetch') AS first_load_at, bool_or(c.simulated) AS simulated,
	       min(c.machine) AS machine
	FROM cost c GROUP BY 1, 2
)
SELECT w.charged_to AS pipeline, w.week, w.energy_j, w.operational_g, coalesce(w.scheduler_g, 0) AS scheduler_g,
       w.operational_g + coalesce(t.waiting_g, 0) AS at_once_g,
       coalesce(w.data_j, 0) + CASE WHEN w.first_load_at IS NULL THEN 0 ELSE a.training_j END AS every_week_j,
       coalesce(w.data_g, 0) + CASE WHEN w.first_load_at IS NULL THEN 0 ELSE green_ml.operational_g(e, a.training_j,
		green_ml.intensity_at(w.charged_to, w.first_load_at, w.simulated)) END AS every_week_g
FROM week w
JOIN mean a USING (charged_to)
JOIN green_ml.energy_model e USING (machine)
LEFT JOIN (
	SELECT t.charged_to, t.week, sum(green_ml.operational_g(m, t.energy_j, coalesce(t.due_gco2_per_kwh, t.gco2_per_kwh))
					 - t.operational_g) AS waiting_g
	FROM training t JOIN green_ml.energy_model m USING (machine) GROUP BY 1, 2) AS t USING (charged_to, week);

-- --- what an exporter reads (metrics/prometheus/queries.yaml) ---------------------------------------------------------
-- Times are those of the real clock, simulated or not: alerts compare them with now.
CREATE VIEW green_ml.export_pipeline AS
SELECT p.name AS pipeline, c.accuracy AS holdout_accuracy_ratio, e.recent_k::double precision / nullif(e.recent_n, 0) AS new_accuracy_ratio,
       coalesce((p.spec #>> '{gate,min_accuracy}')::double precision, 0) AS accuracy_floor_ratio,
       d.drop AS drop_ratio, d.drop_ci_low AS drop_low_ratio, d.drop_ci_high AS drop_high_ratio,
       d.reading_gco2_per_kwh AS grid_grams_per_kilowatt_hour,
       extract(epoch FROM s.started_at)::double precision - s.reading_age_s AS grid_reading_timestamp_seconds,
       extract(epoch FROM d.started_at)::double precision AS decided_timestamp_seconds,
       (d.verdict = 'blocked')::int AS blocked, (d.verdict = 'wait')::int AS waiting, (d.verdict = 'train')::int AS training,
       extract(epoch FROM c.promoted_at)::double precision AS promoted_timestamp_seconds,
       (SELECT extract(epoch FROM max(l.finished_at))::double precision FROM green_ml.load l
	WHERE l.source_id = p.source_id AND l.state = 'done' AND l.rows > 0) AS loaded_timestamp_seconds
FROM green_ml.pipeline p
LEFT JOIN green_ml.champion c USING (pipeline_id)
LEFT JOIN LATERAL (
	SELECT d.*, r.started_at FROM green_ml.decision d JOIN green_ml.run r USING (run_id)
	WHERE d.pipeline_id = p.pipeline_id ORDER BY d.decision_id DESC LIMIT 1) d ON true
LEFT JOIN LATERAL (
	SELECT d.reading_age_s, r.started_at FROM green_ml.decision d JOIN green_ml.run r USING (run_id)
	WHERE d.pipeline_id = p.pipeline_id AND d.reading_gco2_per_kwh IS NOT NULL ORDER BY d.decision_id DESC LIMIT 1) s ON true
LEFT JOIN LATERAL (
	SELECT e.recent_k, e.recent_n FROM green_ml.evaluation e
	WHERE e.model_id = c.model_id ORDER BY e.evaluation_id DESC LIMIT 1) e ON true;

CREATE VIEW green_ml.export_decisions AS
SELECT p.name AS pipeline, d.verdict, d.rule, count(*) AS total
FROM green_ml.decision d JOIN green_ml.pipeline p USING (pipeline_id) GROUP BY 1, 2, 3;

CREATE VIEW green_ml.export_retrainings AS
SELECT p.name AS pipeline, CASE WHEN g.promoted THEN 'promoted' ELSE 'refused' END AS outcome, count(*) AS total
FROM green_ml.gate g JOIN green_ml.model m USING (model_id) JOIN green_ml.pipeline p USING (pipeline_id) GROUP BY 1, 2;

CREATE VIEW green_ml.export_step AS
SELECT pipeline, step, sum(runs) AS runs_total, sum(cpu_s) AS cpu_seconds_total, sum(postgres_cpu_s) AS postgres_cpu_seconds_total,
       sum(wall_s) AS wall_seconds_total, sum(energy_j) AS energy_joules_total, coalesce(sum(operational_g), 0) AS operational_grams_total,
       sum(embodied_g) AS embodied_grams_total
FROM green_ml.step_cost GROUP BY 1, 2;

CREATE VIEW green_ml.export_saving AS
SELECT pipeline, sum(operational_g) AS spent_grams_total, sum(energy_j) AS spent_joules_total, sum(scheduler_g) AS scheduler_grams_total,
       sum(at_once_g) AS at_once_grams_total, sum(every_week_g) AS every_week_grams_total, sum(every_week_j) AS every_week_joules_total
FROM green_ml.saving GROUP BY 1;

CREATE VIEW green_ml.export_sci AS
SELECT pipeline, step, coalesce(sum(operational_g), 0) + sum(embodied_g) AS grams_total,
       max(sum(retrainings) FILTER (WHERE step = 'all')) OVER (PARTITION BY pipeline) AS retrainings_total,
       max(sum(predictions) FILTER (WHERE step = 'all')) OVER (PARTITION BY pipeline) AS predictions_total
FROM green_ml.sci GROUP BY 1, 2;

CREATE VIEW green_ml.export_load AS
SELECT s.name AS source, coalesce(sum(l.rows) FILTER (WHERE l.state = 'done'), 0) AS rows_total, coalesce(sum(l.rejected), 0) AS rejected_rows_total,
       count(*) FILTER (WHERE l.state = 'failed') AS failed_total
FROM green_ml.source s LEFT JOIN green_ml.load l USING (source_id) GROUP BY 1;

CREATE VIEW green_ml.export_runs AS
SELECT program, state, count(*) AS total FROM green_ml.run_state GROUP BY 1, 2;

CREATE VIEW green_ml.export_machine AS
SELECT machine, watt_per_busy_core AS busy_core_watts, pue AS pue_ratio FROM green_ml.energy_model;

-- --- rights ---------------------------------------------------------------------------------------------------------
GRANT SELECT ON green_ml.energy_model TO green_ml_loader, green_ml_preprocessor, green_ml_trainer, green_ml_api;
GRANT SELECT ON green_ml.run_measurement, green_ml.api_usage, green_ml.run_cost, green_ml.pipeline_cost, green_ml.api_cost,
	green_ml.step_cost, green_ml.sci, green_ml.saving TO green_ml_metrics;
GRANT INSERT ON green_ml.run_measurement, green_ml.api_usage TO green_ml_metrics;
-- pg_monitor: CloudNativePG's exporter asks as a member of it. Sums and counts only.
GRANT USAGE ON SCHEMA green_ml TO pg_monitor;
GRANT SELECT ON green_ml.export_pipeline, green_ml.export_decisions, green_ml.export_retrainings, green_ml.export_step,
	green_ml.export_saving, green_ml.export_sci, green_ml.export_load, green_ml.export_runs, green_ml.export_machine
	TO green_ml_metrics, pg_monitor;
