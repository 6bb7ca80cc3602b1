-- Decisions with what their ticks cost: the whole pod where that is known (run_cost). What "scheduler history" prints.
CREATE VIEW green_ml.history AS
SELECT d.decision_id, d.decided_at, d.simulated, l.name AS pipeline, d.verdict, d.rule, d.rung, d.policy, d.start_at, d.due_at,
       d.latest_start_at, d.drop, d.drop_ci_low, d.drop_ci_high, d.accuracy_reference, d.accuracy_new, d.rows_evidence, d.look,
       d.reading_gco2_per_kwh, d.reading_age_s, d.source, d.champion_model_id, d.retrain_id, d.workflow,
       c.cpu_s + c.postgres_cpu_s AS tick_cpu_s, c.cpu_method AS tick_cpu_method, c.operational_g AS tick_g, to_jsonb(d.reasons) AS reasons
FROM green_ml.decision d
JOIN green_ml.pipeline l USING (pipeline_id)
LEFT JOIN green_ml.run_cost c USING (run_id);
-- All runs of a workflow: what a retraining cost.
CREATE INDEX run_by_workflow ON green_ml.run (workflow) WHERE workflow IS NOT NULL;

GRANT SELECT ON green_ml.history TO green_ml_scheduler, green_ml_metrics;
GRANT SELECT ON green_ml.run_cost, green_ml.decision_log TO green_ml_scheduler; -- costs_read, scheduler replay
