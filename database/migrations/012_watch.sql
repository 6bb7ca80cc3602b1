-- A load that preprocessing has taken in wakes a watching scheduler (LISTEN green_ml_preprocessing): only then its rows are
-- evidence. The payload is the pipeline's name.
CREATE FUNCTION green_ml.notify_preprocessing() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	PERFORM pg_notify('green_ml_preprocessing', p.name)
	FROM green_ml.feature_set f JOIN green_ml.pipeline p USING (pipeline_id) WHERE f.feature_set_id = NEW.feature_set_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER notify AFTER INSERT ON green_ml.preprocessing FOR EACH ROW WHEN (NEW.rows > 0)
	EXECUTE FUNCTION green_ml.notify_preprocessing();
