-- What people and programs read: each question has one view.

CREATE VIEW green_ml.run_state AS
SELECT run_id, program, pipeline,
       CASE WHEN state = 'running' AND lease_until < clock_timestamp() THEN 'lost' ELSE state END AS state,
       started_at, finished_at, simulated_at, wall_s, cpu_s, postgres_cpu_s, peak_rss_mb, workflow, node, version, error
FROM green_ml.run;

-- The feature set that new trainings of a pipeline use.
CREATE VIEW green_ml.current_feature_set AS
SELECT DISTINCT ON (pipeline_id) * FROM green_ml.feature_set ORDER BY pipeline_id, version DESC;

CREATE VIEW green_ml.champion AS
SELECT DISTINCT ON (p.pipeline_id) l.name AS pipeline, p.pipeline_id, p.promotion_id, p.model_id, p.promoted_at, p.simulated_at,
       p.reason, m.plan_id, m.feature_set_id, encode(m.sha256, 'hex') AS sha256, m.holdout_n, m.holdout_k,
       m.holdout_k::double precision / nullif(m.holdout_n, 0) AS accuracy, t.known_loads
FROM green_ml.promotion p
JOIN green_ml.pipeline l USING (pipeline_id)
JOIN green_ml.model m USING (model_id)
JOIN green_ml.training_plan t ON t.plan_id = m.plan_id
ORDER BY p.pipeline_id, p.promotion_id DESC;

-- What served when: one row per promotion with the time it ended.
CREATE VIEW green_ml.served AS
SELECT l.name AS pipeline, p.promotion_id, p.model_id, coalesce(p.simulated_at, p.promoted_at) AS served_from,
       lead(coalesce(p.simulated_at, p.promoted_at)) OVER (PARTITION BY p.pipeline_id ORDER BY p.promotion_id) AS served_until,
       p.reason, p.promoted_by, encode(m.sha256, 'hex') AS sha256
FROM green_ml.promotion p JOIN green_ml.pipeline l USING (pipeline_id) JOIN green_ml.model m USING (model_id);

-- The feature sets that must know every load: the one new trainings use, and the champion's where that is an older one.
CREATE VIEW green_ml.feature_set_in_force AS
SELECT f.*, p.name AS pipeline, p.source_id
FROM green_ml.feature_set f JOIN green_ml.pipeline p USING (pipeline_id)
WHERE f.feature_set_id IN (SELECT feature_set_id FROM green_ml.current_feature_set)
   OR f.feature_set_id IN (SELECT feature_set_id FROM green_ml.champion);

-- Columns that data-fetch must keep and check: one row per column and spec in force (a champion's older feature set
-- included).
CREATE VIEW green_ml.source_requirement AS
SELECT f.source_id, s.position, s.name AS column_name, f.pipeline_id, c.value ->> 'type' AS type, c.value -> 'missing' AS missing
FROM green_ml.feature_set_in_force f
CROSS JOIN LATERAL jsonb_array_elements(f.columns) AS c
JOIN green_ml.source_column s ON s.source_id = f.source_id AND s.name = c.value ->> 'name';

-- Finished loads that a feature set in force (current, or the champion's) has not taken in yet.
CREATE VIEW green_ml.preprocessing_due AS
SELECT f.feature_set_id, f.pipeline, l.load_id
FROM green_ml.feature_set_in_force f
JOIN green_ml.load l ON l.source_id = f.source_id AND l.state = 'done'
WHERE NOT EXISTS (SELECT FROM green_ml.preprocessing d WHERE d.feature_set_id = f.feature_set_id AND d.load_id = l.load_id);

-- Loads with feature rows that the champion's plan did not know: the scheduler's evidence, newest first by load_id.
CREATE VIEW green_ml.evidence_load AS
SELECT c.pipeline, c.pipeline_id, c.model_id, c.feature_set_id, d.load_id, d.rows, encode(l.sha256, 'hex') AS sha256
FROM green_ml.champion c
JOIN green_ml.preprocessing d ON d.feature_set_id = c.feature_set_id AND d.load_id <> ALL (c.known_loads)
JOIN green_ml.load l ON l.load_id = d.load_id AND l.state = 'done';

CREATE VIEW green_ml.decision_log AS
SELECT l.name AS pipeline, d.* FROM green_ml.decision d JOIN green_ml.pipeline l USING (pipeline_id);
