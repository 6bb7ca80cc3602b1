#include "preprocessing/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_NAMES = 1 << 20 };

static bool check_spec(PGconn *db, const struct spec *spec, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "ssss",
	    "SELECT s.name = $4 AND f.columns = green_ml.spec_columns($2::jsonb) AND f.holdout_limit = $3::numeric "
	    "FROM green_ml.pipeline p JOIN green_ml.source s USING (source_id) "
	    "JOIN green_ml.current_feature_set f USING (pipeline_id) WHERE p.name = $1",
	    spec->name, spec->json, spec->holdout_limit, spec->source);

	if (!row)
		return fail_prefix(fail, "could not look up pipeline \"%s\"", spec->name);
	if (PQntuples(row) == 0)
		fail_set(fail, EXIT_WRONG_USE,
			 "pipeline \"%s\" is not registered in this database: run database/migrate "
			 "--pipeline %s as the owner",
			 spec->name, spec->file);
	else if (!db_bool(row, 0, 0))
		fail_set(
		    fail, EXIT_WRONG_USE,
		    "pipeline \"%s\" is registered with another source, columns or holdout than spec "
		    "\"%s\" has: run database/migrate --pipeline %s as the owner, or use the spec that was registered",
		    spec->name, spec->file, spec->file);
	db_free(row);
	return fail->code == 0;
}

static bool check_load(PGconn *db, const struct spec *specs, int spec_count, int64_t load_id, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "l",
		      "SELECT s.name, l.state FROM green_ml.load l JOIN green_ml.source s USING (source_id) "
		      "WHERE l.load_id = $1",
		      load_id);
	bool fits = false;

	if (!row)
		return fail_prefix(fail, "could not look up load %lld", (long long)load_id);
	if (PQntuples(row) == 0) {
		fail_set(fail, EXIT_WRONG_USE, "there is no load %lld (--load)", (long long)load_id);
	} else if (strcmp(db_text(row, 0, 1), "done") != 0) {
		fail_set(fail, EXIT_WRONG_USE, "load %lld (--load) is %s: only a finished load holds rows",
			 (long long)load_id, db_text(row, 0, 1));
	} else {
		for (int i = 0; i < spec_count; i++)
			fits = fits || strcmp(specs[i].source, db_text(row, 0, 0)) == 0;
		if (!fits)
			fail_set(fail, EXIT_WRONG_USE,
				 "load %lld (--load) is of source \"%s\", which no given pipeline reads",
				 (long long)load_id, db_text(row, 0, 0));
	}
	db_free(row);
	return fail->code == 0;
}

/* Names as a PostgreSQL array; they consist of a-z, 0-9 and -. */
static char *name_array(const struct spec *specs, int count, bool sources)
{
	struct text array;
	char *taken;

	text_init(&array, MAX_NAMES);
	for (int i = 0; i < count; i++)
		text_printf(&array, "%c%s", i ? ',' : '{', sources ? specs[i].source : specs[i].name);
	text_puts(&array, "}");
	taken = text_take(&array);
	text_release(&array);
	return taken;
}

static bool find(PGconn *db, const struct spec *specs, int spec_count, bool every_pipeline, struct targets *targets,
		 struct fail *fail)
{
	char *names = name_array(specs, spec_count, false), *sources = name_array(specs, spec_count, true);
	PGresult *rows =
	    db_queryf(db, fail, "ssb",
		      "SELECT f.pipeline, f.feature_set_id, f.version, f.feature_set_id = c.feature_set_id "
		      "FROM green_ml.feature_set_in_force f JOIN green_ml.source s USING (source_id) "
		      "JOIN green_ml.current_feature_set c USING (pipeline_id) "
		      "WHERE f.pipeline = ANY ($1::text[]) OR ($3 AND s.name = ANY ($2::text[])) "
		      "ORDER BY f.pipeline COLLATE \"C\", f.version",
		      names, sources, every_pipeline);

	free(names);
	free(sources);
	if (!rows)
		return fail_prefix(fail, "could not look up the feature sets in force");
	targets->list = xcalloc((size_t)PQntuples(rows), sizeof(*targets->list));
	targets->count = PQntuples(rows);
	for (int i = 0; i < targets->count; i++)
		targets->list[i] = (struct target){.pipeline = xstrdup(db_text(rows, i, 0)),
						   .feature_set_id = (int)db_int(rows, i, 1),
						   .version = (int)db_int(rows, i, 2),
						   .is_newest = db_bool(rows, i, 3)};
	db_free(rows);
	return true;
}

bool targets_find(PGconn *db, const struct spec *specs, int spec_count, const struct target_options *options,
		  struct targets *targets, struct fail *fail)
{
	*targets = (struct targets){0};
	for (int i = 0; i < spec_count; i++)
		if (!check_spec(db, &specs[i], fail))
			return false;
	if (options->load_id && !check_load(db, specs, spec_count, options->load_id, fail))
		return false;
	return find(db, specs, spec_count, options->every_pipeline, targets, fail);
}

void target_clear(struct target *target)
{
	for (int i = 0; i < target->load_count; i++) {
		free(target->loads[i].missing);
		free(target->loads[i].missing_words);
	}
	free(target->loads);
	target->loads = NULL;
	target->load_count = 0;
	target->done = false;
	target->compacted = false;
}

void targets_release(struct targets *targets)
{
	for (int i = 0; i < targets->count; i++) {
		target_clear(&targets->list[i]);
		free(targets->list[i].pipeline);
	}
	free(targets->list);
	*targets = (struct targets){0};
}
