-- The seven weeks of the demo, one row per scenario and week, from what the programs stored. "weekly" is pipeline
-- insurance-weekly, "scheduler" is insurance-scheduler; both read the same loads. A week's cost is its data-fetch (charged
-- to each scenario in full: each would need it), its preprocessing and its training, for "scheduler" its tick too; program
-- and PostgreSQL backend apart. gco2: operational grams, energy_j: their joules before the PUE, embodied_gco2: the servers'
-- making, all of green_ml.pipeline_cost (docs/CARBON.md).
WITH week AS (
	SELECT row_number() OVER (ORDER BY simulated_at) AS week, simulated_at, rows
	FROM green_ml.load WHERE state = 'done'
), scenario (scenario, pipeline, ticks) AS (
	VALUES ('weekly', 'insurance-weekly', false), ('scheduler', 'insurance-scheduler', true)
), reading AS ( -- what the scheduler read that week; the other scenario trained at the same hour
	SELECT decided_at, reading_gco2_per_kwh FROM green_ml.decision_log WHERE pipeline = 'insurance-scheduler'
)
SELECT s.scenario, w.week, w.rows, r.reading_gco2_per_kwh AS gco2_per_kwh,
       CASE WHEN s.ticks THEN d.verdict ELSE 'train' END AS verdict,
       CASE WHEN s.ticks THEN d.rule ELSE 'every_week' END AS rule,
       round(d.drop::numeric, 4) AS drop, m.model_id, round(e.accuracy, 4) AS accuracy_new,
       round(m.accuracy, 4) AS accuracy_holdout, round(c.cpu_s::numeric, 3) AS cpu_s,
       round(c.postgres_cpu_s::numeric, 3) AS postgres_cpu_s, round(c.operational_g::numeric, 6) AS gco2,
       round(c.energy_j::numeric, 3) AS energy_j, round(c.embodied_g::numeric, 6) AS embodied_gco2,
       round(c.training_cpu_s::numeric, 3) AS training_cpu_s, round(c.tick_cpu_s::numeric, 4) AS tick_cpu_s,
       round(c.tick_g::numeric, 6) AS tick_gco2, round(i.cpu_s::numeric, 4) AS idle_tick_cpu_s,
       round(i.energy_j::numeric, 4) AS idle_tick_j
FROM week w
CROSS JOIN scenario s
LEFT JOIN reading r ON r.decided_at = w.simulated_at
LEFT JOIN green_ml.decision_log d ON d.pipeline = s.pipeline AND d.decided_at = w.simulated_at
LEFT JOIN LATERAL ( -- of the model then in service, on the week's new rows: the newest window of the look taken that week
	SELECT recent_k::numeric / recent_n AS accuracy FROM green_ml.evaluation
	WHERE evaluation_id = d.evaluation_id AND evaluated_at = w.simulated_at) e ON true
LEFT JOIN LATERAL ( -- the model trained that week, whether or not it was promoted
	SELECT m.model_id, m.holdout_k::numeric / m.holdout_n AS accuracy
	FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id)
	WHERE p.name = s.pipeline AND m.simulated_at = w.simulated_at) m ON true
CROSS JOIN LATERAL (
	SELECT sum(u.cpu_s) AS cpu_s, sum(u.postgres_cpu_s) AS postgres_cpu_s, sum(u.energy_j) AS energy_j,
	       sum(u.operational_g) AS operational_g, sum(u.embodied_g) AS embodied_g,
	       sum(u.cpu_s + u.postgres_cpu_s) FILTER (WHERE u.program = 'model-training') AS training_cpu_s,
	       sum(u.cpu_s + u.postgres_cpu_s) FILTER (WHERE u.program = 'scheduler') AS tick_cpu_s,
	       sum(u.operational_g) FILTER (WHERE u.program = 'scheduler') AS tick_g
	FROM green_ml.pipeline_cost u
	WHERE u.charged_to = s.pipeline AND u.at = w.simulated_at AND u.state = 'done' AND (s.ticks OR u.program <> 'scheduler')) c
LEFT JOIN LATERAL ( -- the ticks between the weeks: they found nothing new
	SELECT avg(u.cpu_s + u.postgres_cpu_s) AS cpu_s, avg(u.energy_j) AS energy_j
	FROM green_ml.pipeline_cost u
	WHERE s.ticks AND u.charged_to = s.pipeline AND u.program = 'scheduler' AND u.state = 'done'
	  AND u.at NOT IN (SELECT simulated_at FROM week)) i ON true
ORDER BY s.ticks, w.week;
