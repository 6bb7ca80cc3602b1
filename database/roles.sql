-- The six roles of the programs, least privilege each; the migrations only GRANT to them. Run once by a superuser (or a
-- role with CREATEROLE) before database/migrate; on CloudNativePG `managed.roles` takes its place. Running it again
-- changes nothing. Passwords are not set here: ALTER ROLE ... PASSWORD, or the operator's Secrets.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['green_ml_loader', 'green_ml_preprocessor', 'green_ml_trainer', 'green_ml_scheduler',
				    'green_ml_api', 'green_ml_metrics'] LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
			EXECUTE format('CREATE ROLE %I LOGIN', name);
		END IF;
	END LOOP;
END
$$;
