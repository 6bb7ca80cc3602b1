-- What metrics/report shows, as lines of fields apart by tabs: the kind of the line, then the pipeline, then its values.
-- :'only' names one pipeline; empty: all that have a decision or a model.
\set QUIET on
\pset tuples_only on
\pset format unaligned
\pset fieldsep '\t'
SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.clean(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT translate(value, E'\t\n\r', '   ') $$;
CREATE TEMPORARY TABLE shown AS
SELECT p.pipeline_id, p.name FROM green_ml.pipeline p
WHERE (:'only' = '' OR p.name = :'only')
  AND (EXISTS (SELECT FROM green_ml.decision d WHERE d.pipeline_id = p.pipeline_id)
       OR EXISTS (SELECT FROM green_ml.model m WHERE m.pipeline_id = p.pipeline_id));
CREATE TEMPORARY TABLE cost AS SELECT c.* FROM green_ml.step_cost c JOIN shown s ON s.name = c.pipeline;
CREATE TEMPORARY TABLE week AS SELECT w.* FROM green_ml.saving w JOIN shown s ON s.name = w.pipeline;
CREATE TEMPORARY TABLE sci AS SELECT i.* FROM green_ml.sci i JOIN shown s ON s.name = i.pipeline WHERE i.step = 'all';

SELECT 'pipeline', name FROM shown ORDER BY name;
SELECT 'total', w.pipeline, sum(w.operational_g), sum(w.at_once_g), sum(w.every_week_g), sum(w.energy_j), sum(w.every_week_j),
       sum(w.scheduler_g)
FROM week w GROUP BY w.pipeline;
SELECT 'sci', i.pipeline, i.week, i.retrainings, i.g_per_retraining, i.predictions, i.g_per_1000_predictions, i.operational_g,
       i.embodied_g, i.runs_without_reading
FROM sci i ORDER BY i.pipeline, i.week;
SELECT 'week', w.pipeline, w.week, w.operational_g, w.at_once_g, w.every_week_g, w.scheduler_g FROM week w ORDER BY w.pipeline, w.week;
SELECT 'step', c.pipeline, c.step, sum(c.runs), sum(c.cpu_s), sum(c.postgres_cpu_s), sum(c.energy_j), sum(c.operational_g), sum(c.embodied_g)
FROM cost c GROUP BY c.pipeline, c.step ORDER BY c.pipeline, sum(c.energy_j) DESC;
-- The newest 3000; between them every change of the verdict and every hour of the curve.
SELECT 'decision', name, round(at_s), verdict, rule, reading_gco2_per_kwh, round((100 * drop)::numeric, 2), decision_id, coalesce(rung, ''), source
FROM (
	SELECT s.name, extract(epoch FROM d.decided_at) AS at_s, d.*, lag(d.verdict) OVER w AS before,
	       date_trunc('hour', d.decided_at) IS DISTINCT FROM lag(date_trunc('hour', d.decided_at)) OVER w AS is_new_hour,
	       row_number() OVER (PARTITION BY d.pipeline_id ORDER BY d.decision_id DESC) AS age
	FROM shown s JOIN green_ml.decision d USING (pipeline_id)
	WINDOW w AS (PARTITION BY d.pipeline_id ORDER BY d.decision_id)) AS d
WHERE (is_new_hour OR verdict IS DISTINCT FROM before) AND age <= 3000
ORDER BY name, decision_id;
-- Wilson's interval of 95 % around k of n.
CREATE FUNCTION pg_temp.wilson(k double precision, n double precision, side int) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
	SELECT (k + 1.920729 + side * 1.959964 * sqrt(k * (n - k) / n + 0.9603645)) / (n + 3.841459)
$$;
SELECT 'model', s.name, m.model_id, round(extract(epoch FROM coalesce(m.simulated_at, m.created_at))), m.holdout_n, m.holdout_k,
       pg_temp.wilson(m.holdout_k, m.holdout_n, -1), pg_temp.wilson(m.holdout_k, m.holdout_n, 1),
       CASE WHEN g.promoted THEN 'promoted' ELSE 'refused' END, pg_temp.clean(g.reason),
       coalesce((m.metrics ->> 'fake_computation_s')::double precision, 0)
FROM shown s JOIN green_ml.model m USING (pipeline_id) LEFT JOIN green_ml.gate g USING (model_id)
WHERE m.holdout_n > 0 ORDER BY s.name, m.model_id;
SELECT 'look', s.name, e.model_id, round(extract(epoch FROM e.evaluated_at)), e.recent_n, e.recent_k, pg_temp.wilson(e.recent_k, e.recent_n, -1),
       pg_temp.wilson(e.recent_k, e.recent_n, 1)
FROM shown s JOIN green_ml.model m USING (pipeline_id) JOIN green_ml.evaluation e USING (model_id)
WHERE e.recent_n > 0 ORDER BY s.name, e.evaluation_id;
SELECT 'promotion', s.name, o.promotion_id, o.model_id, round(extract(epoch FROM coalesce(o.simulated_at, o.promoted_at))),
       EXISTS (SELECT FROM green_ml.promotion b WHERE b.pipeline_id = o.pipeline_id AND b.model_id = o.model_id AND b.promotion_id < o.promotion_id),
       pg_temp.clean(o.reason), pg_temp.clean(o.promoted_by)
FROM shown s JOIN green_ml.promotion o USING (pipeline_id) ORDER BY s.name, o.promotion_id;
SELECT 'method', s.name, c.cpu_method, c.postgres_method, c.energy_method, c.machine, count(*)
FROM shown s JOIN green_ml.pipeline_cost c ON c.charged_to = s.name GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 7 DESC;
