-- A rollback names the promotion whose model it brings back, so that the next one goes on from there: promotions are undone
-- like a stack. Null: a promotion that is no rollback.
ALTER TABLE green_ml.promotion ADD COLUMN restores int REFERENCES green_ml.promotion;
-- Rollbacks of an older version brought back a model as of its first promotion. One with a reason of its own cannot be told
-- from a promotion by hand.
ALTER TABLE green_ml.promotion DISABLE TRIGGER append_only;
UPDATE green_ml.promotion p SET restores = f.first
FROM (SELECT pipeline_id, model_id, min(promotion_id) AS first FROM green_ml.promotion GROUP BY pipeline_id, model_id) AS f
WHERE p.pipeline_id = f.pipeline_id AND p.model_id = f.model_id AND f.first < p.promotion_id
	AND p.reason ~ '^rollback of promotion [0-9]+$';
ALTER TABLE green_ml.promotion ENABLE TRIGGER append_only;
