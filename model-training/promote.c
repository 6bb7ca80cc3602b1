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

/* What serves when promotions are undone one after another: on top the latest one, or what that restored, below each
 * the one that it replaced. Nothing is undone where the model stays the same. */
static const char earlier_sql[] =
    "WITH RECURSIVE stack AS ("
    "(SELECT coalesce(p.restores, p.promotion_id) AS promotion_id, p.model_id FROM green_ml.promotion p "
    "WHERE p.pipeline_id = $1 ORDER BY p.promotion_id DESC LIMIT 1) "
    "UNION ALL SELECT below.promotion_id, below.model_id FROM stack CROSS JOIN LATERAL ("
    "SELECT coalesce(p.restores, p.promotion_id) AS promotion_id, p.model_id FROM green_ml.promotion p "
    "WHERE p.pipeline_id = $1 AND p.promotion_id < stack.promotion_id ORDER BY p.promotion_id DESC LIMIT 1) AS below) "
    "SELECT promotion_id, model_id FROM stack WHERE model_id <> $2 ORDER BY promotion_id DESC LIMIT 1";

/* The promotion that is in force again when those of the champion are undone. */
static bool find_earlier(PGconn *db, int pipeline_id, const struct champion *champion, int *restores, int *model_id,
			 struct fail *fail)
{
	PGresult *row;

	if (!champion->exists)
		return fail_set(fail, EXIT_WRONG_USE,
				"the pipeline has no champion yet: there is nothing to roll back");
	row = db_queryf(db, fail, "dd", earlier_sql, pipeline_id, champion->model_id);
	if (!row)
		return fail_prefix(fail, "could not look up what served before");
	if (PQntuples(row) == 1) {
		*restores = (int)db_int(row, 0, 0);
		*model_id = (int)db_int(row, 0, 1);
	} else {
		fail_set(fail, EXIT_WRONG_USE,
			 "no model served before model %d: promote one of \"model-training list\"", champion->model_id);
	}
	db_free(row);
	return fail->code == EXIT_DONE;
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

/* restores: 0 for a promotion that is no rollback. */
static bool insert(PGconn *db, int pipeline_id, const struct promotion_request *request,
		   const struct champion *champion, int restores, struct promotion_result *result, struct fail *fail)
{
	char now[CLOCK_TEXT_SIZE], words[64];

	if (restores)
		snprintf(words, sizeof(words), "rollback of promotion %d", champion->promotion_id);
	else
		snprintf(words, sizeof(words), "by hand");
	result->changed = true;
	return find_id(
	    db_queryf(
		db, fail, "ddddss",
		"INSERT INTO green_ml.promotion (pipeline_id, model_id, supersedes, restores, reason, simulated_at) "
		"VALUES ($1, $2, nullif($3, 0), nullif($4, 0), $5, $6) RETURNING promotion_id",
		pipeline_id, result->model_id, champion->promotion_id, restores,
		request->reason ? request->reason : words,
		clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL),
	    &result->promotion_id);
}

static bool work(PGconn *db, const struct promotion_request *request, struct promotion_result *result,
		 struct fail *fail)
{
	struct champion champion;
	int pipeline_id = 0, restores = 0;

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
	else if (!find_earlier(db, pipeline_id, &champion, &restores, &result->model_id, fail))
		return false;
	return (champion.exists && champion.model_id == result->model_id) ||
	       (check_model(db, pipeline_id, result->model_id, fail) &&
		insert(db, pipeline_id, request, &champion, restores, result, fail));
}

bool promote(PGconn *db, struct run *run, const struct promotion_request *request, struct promotion_result *result,
	     struct fail *fail)
{
	return db_begin(db, fail) && work(db, request, result, fail) && run_done(run, db, fail) && db_commit(db, fail);
}
