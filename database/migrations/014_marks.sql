-- Which holdout rows the challenger predicted right, load by load: model-training/marks.h. Asked again as the champion it is
-- not asked about these. Null: a gate of an older version.
ALTER TABLE green_ml.gate ADD COLUMN marks bytea;
ALTER TABLE green_ml.gate ALTER COLUMN marks SET STORAGE EXTERNAL;
