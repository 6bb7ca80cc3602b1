-- What the scheduler keeps beside its decisions.

-- Rows that the model predicted right, per load of `loads`: a later look scores only the loads that no look has scored.
-- Null for looks that are older than this.
ALTER TABLE green_ml.evaluation ADD COLUMN load_k bigint[];
-- How far the inputs have moved from the plan's snapshot, on the rows that this look scored:
-- {"column", "psi", "psi_noise", "columns": {"name": psi, ...}}.
ALTER TABLE green_ml.evaluation ADD COLUMN input_drift jsonb;

ALTER TABLE green_ml.decision ADD COLUMN due_at timestamptz;
ALTER TABLE green_ml.decision ADD COLUMN latest_start_at timestamptz; -- null: no need, or no deadline

-- How often the training rows of the plan held which values, in at most 20 bins a column: common/profile.h. Null for plans
-- that are older than this.
ALTER TABLE green_ml.training_plan ADD COLUMN profile jsonb;
