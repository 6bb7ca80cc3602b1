-- Least privilege per program. The roles come from roles.sql or the operator's managed.roles: a migration never creates one.
GRANT USAGE ON SCHEMA green_ml, green_ml_data TO green_ml_loader, green_ml_preprocessor, green_ml_trainer, green_ml_scheduler,
	green_ml_api, green_ml_metrics;

-- Every program opens and closes its run row.
GRANT SELECT, INSERT, UPDATE ON green_ml.run TO green_ml_loader, green_ml_preprocessor, green_ml_trainer, green_ml_scheduler,
	green_ml_api;
GRANT SELECT ON green_ml.source, green_ml.source_column, green_ml.pipeline, green_ml.feature_set, green_ml.load,
	green_ml.current_feature_set, green_ml.champion, green_ml.source_requirement, green_ml.preprocessing,
	green_ml.preprocessing_due, green_ml.feature_set_in_force, green_ml.dictionary
	TO green_ml_loader, green_ml_preprocessor, green_ml_trainer, green_ml_scheduler, green_ml_api;

GRANT INSERT, UPDATE ON green_ml.load TO green_ml_loader;
GRANT SELECT, INSERT ON green_ml.rejected_row TO green_ml_loader;

GRANT INSERT ON green_ml.dictionary TO green_ml_preprocessor;
GRANT INSERT, UPDATE ON green_ml.preprocessing TO green_ml_preprocessor;
GRANT UPDATE ON green_ml.feature_set TO green_ml_preprocessor; -- keeps_cells, and the row lock that makes two do the work once

GRANT SELECT, INSERT ON green_ml.training_plan, green_ml.model_shard, green_ml.model, green_ml.gate, green_ml.promotion
	TO green_ml_trainer;
GRANT SELECT, UPDATE ON green_ml.retrain TO green_ml_trainer; -- a promotion cancels a waiting need
GRANT INSERT ON green_ml.retrain_event TO green_ml_trainer;

GRANT SELECT ON green_ml.training_plan, green_ml.model, green_ml.gate, green_ml.promotion, green_ml.evidence_load
	TO green_ml_scheduler;
GRANT SELECT, INSERT ON green_ml.evaluation, green_ml.decision, green_ml.retrain_event, green_ml.carbon_intensity
	TO green_ml_scheduler;
GRANT SELECT, INSERT, UPDATE ON green_ml.retrain TO green_ml_scheduler;

GRANT SELECT ON green_ml.promotion, green_ml.model, green_ml.training_plan TO green_ml_api;

-- Numbers only: the customer's rows (green_ml_data, rejected_row) stay out of reach.
GRANT SELECT ON ALL TABLES IN SCHEMA green_ml TO green_ml_metrics;
REVOKE SELECT ON green_ml.rejected_row, green_ml.training_plan, green_ml.model_shard, green_ml.model, green_ml.dictionary
	FROM green_ml_metrics;
GRANT SELECT (model_id, pipeline_id, plan_id, feature_set_id, parent_model_id, sha256, holdout_n, holdout_k, metrics, run_id, created_at,
	simulated_at) ON green_ml.model TO green_ml_metrics;
GRANT SELECT ON green_ml.energy_model TO green_ml_scheduler;
