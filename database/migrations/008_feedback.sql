-- The feedback loop of model-api: a log of sampled predictions, the truth that clients send later, and declared samples.
-- Nothing of the request but its answer is kept. docs/API.md, "Feedback", says what a sample may and may not be used for.

-- Rows of keys with the scores that the training program computed for them (common/smoke.h): who loads the model checks
-- that it answers the same. Null for models that are older than this.
ALTER TABLE green_ml.model ADD COLUMN smoke jsonb;

-- One partition per day of `at`, made and dropped by rotate_predictions().
CREATE TABLE green_ml.prediction (
	prediction_id uuid NOT NULL,     -- RFC 9562 version 7: made from `at` and 74 random bits
	at timestamptz NOT NULL,
	pipeline_id int NOT NULL,
	model_id int NOT NULL,
	instance text NOT NULL,
	prediction text NOT NULL,
	truth text,
	truth_at timestamptz,
	PRIMARY KEY (at, prediction_id)
) PARTITION BY RANGE (at);

-- Predictions that were drawn for the log and did not get there: their truth can never come.
CREATE TABLE green_ml.prediction_loss (
	prediction_loss_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	instance text NOT NULL,
	from_at timestamptz NOT NULL,
	until_at timestamptz NOT NULL,
	lost bigint NOT NULL
);

-- A sample is declared before it begins: nobody chooses its rows, or whether to count it, when truth is already known.
CREATE TABLE green_ml.feedback_sample (
	feedback_sample_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	pipeline_id int NOT NULL REFERENCES green_ml.pipeline,
	from_at timestamptz NOT NULL,
	until_at timestamptz NOT NULL,
	declared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	declared_by text NOT NULL DEFAULT session_user,
	CHECK (from_at >= declared_at),
	CHECK (until_at > from_at)
);

-- What a sample came to, written down when its predictions leave the log.
CREATE TABLE green_ml.feedback_result (
	feedback_sample_id int NOT NULL REFERENCES green_ml.feedback_sample,
	model_id int NOT NULL,
	n bigint NOT NULL,
	k bigint NOT NULL,
	with_truth bigint NOT NULL,
	complete boolean NOT NULL,
	closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (feedback_sample_id, model_id)
);

-- Samples whose predictions are still there, per model that answered. Complete: over for two minutes (whatever was drawn
-- has been written), nothing of it lost, and the truth of every prediction has come.
CREATE VIEW green_ml.feedback_open AS
SELECT s.feedback_sample_id, s.pipeline_id, p.model_id, count(*) AS n,
       count(*) FILTER (WHERE p.truth = p.prediction) AS k, count(p.truth) AS with_truth,
       count(p.truth) = count(*) AND s.until_at < now() - interval '2 minutes'
	AND NOT EXISTS (SELECT FROM green_ml.prediction_loss l WHERE l.from_at < s.until_at AND l.until_at >= s.from_at) AS complete
FROM green_ml.feedback_sample s
JOIN green_ml.prediction p ON p.pipeline_id = s.pipeline_id AND p.at >= s.from_at AND p.at < s.until_at
WHERE NOT EXISTS (SELECT FROM green_ml.feedback_result r WHERE r.feedback_sample_id = s.feedback_sample_id)
GROUP BY s.feedback_sample_id, p.model_id;

-- What the scheduler reads: k of n predictions of the model were right, on rows that were drawn at random.
CREATE VIEW green_ml.feedback AS
SELECT l.name AS pipeline, f.pipeline_id, f.feedback_sample_id, f.model_id, s.from_at, s.until_at, f.n, f.k, f.with_truth, f.complete
FROM (SELECT feedback_sample_id, model_id, pipeline_id, n, k, with_truth, complete FROM green_ml.feedback_open
      UNION ALL
      SELECT r.feedback_sample_id, r.model_id, t.pipeline_id, r.n, r.k, r.with_truth, r.complete
      FROM green_ml.feedback_result r JOIN green_ml.feedback_sample t USING (feedback_sample_id)) AS f
JOIN green_ml.feedback_sample s USING (feedback_sample_id)
JOIN green_ml.pipeline l ON l.pipeline_id = f.pipeline_id;

-- SELECT green_ml.declare_feedback_sample('insurance', interval '1 day'), by the owner: the predictions from now on.
CREATE FUNCTION green_ml.declare_feedback_sample(pipeline text, lasting interval) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	begin_at timestamptz := clock_timestamp();
	made int;
BEGIN
	INSERT INTO green_ml.feedback_sample (pipeline_id, from_at, until_at, declared_at)
	SELECT p.pipeline_id, begin_at, begin_at + lasting, begin_at FROM green_ml.pipeline p
	WHERE p.name = declare_feedback_sample.pipeline
	RETURNING feedback_sample_id INTO made;
	IF made IS NULL THEN
		RAISE EXCEPTION 'there is no pipeline "%"', pipeline USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN made;
END
$$;

-- Makes the partitions of yesterday, today and tomorrow (UTC) and drops those of which every row is older than keep_days;
-- what they say about samples is written down before. Returns the number dropped.
CREATE FUNCTION green_ml.rotate_predictions(keep_days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET TimeZone = 'UTC' AS $$
DECLARE
	today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
	day date;
	old record;
	dropped int := 0;
BEGIN
	IF keep_days IS NULL OR keep_days < 1 THEN
		RAISE EXCEPTION 'keep_days is %: at least 1', keep_days USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('green_ml.prediction'));
	FOR day IN SELECT today + n FROM generate_series(-1, 1) AS n LOOP
		IF to_regclass('green_ml.prediction_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
			EXECUTE format('CREATE TABLE green_ml.%I PARTITION OF green_ml.prediction FOR VALUES FROM (%L) TO (%L)',
				       'prediction_' || to_char(day, 'YYYYMMDD'), day::timestamptz, (day + 1)::timestamptz);
		END IF;
	END LOOP;
	FOR old IN SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') AS of_day
		   FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		   WHERE i.inhparent = 'green_ml.prediction'::regclass ORDER BY c.relname LOOP
		CONTINUE WHEN old.of_day >= today - keep_days;
		INSERT INTO green_ml.feedback_result (feedback_sample_id, model_id, n, k, with_truth, complete)
		SELECT o.feedback_sample_id, o.model_id, o.n, o.k, o.with_truth, o.complete
		FROM green_ml.feedback_open o JOIN green_ml.feedback_sample s USING (feedback_sample_id)
		WHERE s.from_at < (old.of_day + 1)::timestamptz;
		EXECUTE format('DROP TABLE green_ml.%I', old.relname);
		dropped := dropped + 1;
	END LOOP;
	DELETE FROM green_ml.prediction_loss WHERE until_at < (today - keep_days)::timestamptz;
	RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION green_ml.rotate_predictions, green_ml.declare_feedback_sample FROM PUBLIC;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON green_ml.feedback_sample
	FOR EACH STATEMENT EXECUTE FUNCTION green_ml.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON green_ml.feedback_result
	FOR EACH STATEMENT EXECUTE FUNCTION green_ml.refuse_change();

GRANT SELECT, INSERT, UPDATE (truth, truth_at) ON green_ml.prediction TO green_ml_api;
GRANT INSERT ON green_ml.prediction_loss TO green_ml_api;
GRANT EXECUTE ON FUNCTION green_ml.rotate_predictions TO green_ml_api;
GRANT SELECT ON green_ml.feedback TO green_ml_scheduler, green_ml_metrics;
GRANT SELECT ON green_ml.feedback_sample, green_ml.feedback_result TO green_ml_metrics;
