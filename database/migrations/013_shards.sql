-- The trees of a plan's pilot and shares are of no use once the plan has a model: the transaction that stores it removes
-- them. They are dense already: compressing them costs CPU for nothing.
DROP TRIGGER append_only ON green_ml.model_shard;
DELETE FROM green_ml.model_shard s USING green_ml.gate g WHERE g.plan_id = s.plan_id;
ALTER TABLE green_ml.model_shard ALTER COLUMN bytes SET STORAGE EXTERNAL;
GRANT DELETE ON green_ml.model_shard TO green_ml_trainer;
