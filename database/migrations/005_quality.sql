-- What is known about the quality of a model beyond its metrics, and how "auto" chose the size of its leaves.

-- What the pilot of min_samples_leaf "auto" found, the curve over all sizes tried: model-training/auto_leaf.h. Null where the
-- spec names the size. The pilot's trees of the chosen size are model_shard (plan, 0, 0).
ALTER TABLE green_ml.training_plan ADD COLUMN pilot jsonb;

-- The quality report: model-training/report.h. Null for models that are older than this.
ALTER TABLE green_ml.model ADD COLUMN report jsonb;
GRANT SELECT (report) ON green_ml.model TO green_ml_metrics;
