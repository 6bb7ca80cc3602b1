#include "model-training/promote.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/registry.h"
#include "model-training/store.h"

static bool find_pipeline(PGconn *db, const char *pipeline, int *pipeline_id, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "s", "SELECT pipeline_id FROM green_ml.pipeline WHERE name = $1", pipeline);

	if (!row)
		return fail_prefix(fail, "could not look up pipeline \"%s\"", pipeline);
	*pipeline_id = PQntuples(row) == 1 ? (int)db_int(row, 0, 0) : 0;
	db_free(row);
	return *pipeline_id != 0 ||
	       fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" is not registered: run database/migrate", pipeline);
}

/* 0: there is none. */
static bool find_id(PGresult *row, int *id)
{
	if (!row)
		return false;
	*id = PQntuples(row) == 1 && db_text(row, 0, 0) ? (int)db_int(row, 0, 0) : 0;
	db_free(row);
	return true;
}

static bool find_earlier(PGconn *db, int pipeline_id, const struct champion *champion, int *model_id, struct fail *fail)
{
	if (!champion->exists)
		return fail_set(fail, EXIT_WRONG_USE,
				"the pipeline has no champion yet: there is nothing to roll back");
	if (!find_id(
		db_queryf(db, fail, "dd",
			  "SELECT model_id FROM green_ml.promotion WHERE pipeline_id = $1 AND promotion_id < (SELECT "
			  "min(promotion_id) FROM green_ml.promotion WHERE pipeline_id = $1 AND model_id = $2) "
			  "ORDER BY promotion_id DESC LIMIT 1",
			  pipeline_id, champion->model_id),
		model_id))
		return false;
	return *model_id != 0 ||
	       fail_set(fail, EXIT_WRONG_USE, "no model served before model %d: promote one of \"model-training list\"",
			champion->model_id);
}

static bool check_model(PGconn *db, int pipeline_id, int model_id, struct fail *fail)
{
	struct forest *forest;
	int found;

	if (!find_id(db_queryf(db, fail, "dd",
			       "SELECT model_id FROM green_ml.model WHERE pipeline_id = $1 AND model_id = $2",
			       pipeline_id, model_id),
		     &found))
		return false;
	if (found == 0)
		return fail_set(fail, EXIT_WRONG_USE, "the pipeline has no model %d: see model-training list",
				model_id);
	forest = registry_model(db, model_id, NULL, NULL, fail);
	forest_free(forest);
	return forest != NULL;
}

static bool insert(PGconn *db, int pipeline_id, const struct promotion_request *request,
		   const struct champion *champion, struct promotion_result *result, struct fail *fail)
{
	char now[CLOCK_TEXT_SIZE], previous[16], words[64];

	snprintf(previous, sizeof(previous), "%d", champion->promotion_id);
	if (request->model_id)
		snprintf(words, sizeof(words), "by hand");
	else
		snprintf(words, sizeof(words), "rollback of promotion %d", champion->promotion_id);
	result->changed = true;
	return find_id(
	    db_queryf(db, fail, "ddsss",
		      "INSERT INTO green_ml.promotion (pipeline_id, model_id, supersedes, reason, simulated_at) "
		      "VALUES ($1, $2, $3, $4, $5) RETURNING promotion_id",
		      pipeline_id, result->model_id, champion->exists ? previous : NULL,
		      request->reason ? request->reason : words,
		      clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL),
	    &result->promotion_id);
}

static bool work(PGconn *db, const struct promotion_request *request, struct promotion_result *result,
		 struct fail *fail)
{
	struct champion champion;
	int pipeline_id = 0;

	if (!find_pipeline(db, request->pipeline, &pipeline_id, fail) || !store_lock(db, pipeline_id, fail) ||
	    !registry_champion(db, request->pipeline, &champion, fail))
		return false;
	*result = (struct promotion_result){.promotion_id = champion.promotion_id,
					    .model_id = champion.model_id,
					    .replaced_model_id = champion.model_id};
	if (request->expected_id && request->expected_id != champion.model_id)
		return true;
	if (request->model_id)
		result->model_id = request->model_id;
	else if (!find_earlier(db, pipeline_id, &champion, &result->model_id, fail))
		return false;
	return (champion.exists && champion.model_id == result->model_id) ||
	       (check_model(db, pipeline_id, result->model_id, fail) &&
		insert(db, pipeline_id, request, &champion, result, fail));
}

bool promote(PGconn *db, struct run *run, const struct promotion_request *request, struct promotion_result *result,
	     struct fail *fail)
{
	return db_begin(db, fail) && work(db, request, result, fail) && run_done(run, db, fail) && db_commit(db, fail);
}
