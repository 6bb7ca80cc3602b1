#include "model-training/models.h"

#include "common/db.h"

/* $1: pipeline, $2: model id or 0, $3: limit or 0. The rows are JSON objects: what is listed stands here once. The
 * champion is among them however old it is: a list without it would look like one of a pipeline that has none. */
static const char models_sql[] =
    "WITH newest AS (SELECT n.model_id FROM green_ml.model n JOIN green_ml.pipeline q USING (pipeline_id) "
    "WHERE q.name = $1 AND $2 IN (0, n.model_id) ORDER BY n.model_id DESC LIMIT nullif($3, 0)) "
    "SELECT json_build_object('model_id', m.model_id, 'champion', m.model_id = c.model_id, "
    "'created_at', coalesce(m.simulated_at, m.created_at), 'accuracy', m.holdout_k::float8 / nullif(m.holdout_n, 0), "
    "'rows_holdout', m.holdout_n, 'rows_train', m.metrics -> 'rows_train', "
    "'min_samples_leaf', m.metrics -> 'min_samples_leaf', 'parent_model_id', m.parent_model_id, 'plan_id', m.plan_id, "
    "'gate_reason', g.reason, 'promoted', coalesce(g.promoted, false), 'size_bytes', length(m.bytes), "
    "'sha256', encode(m.sha256, 'hex')) "
    "FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id) "
    "LEFT JOIN green_ml.champion c ON c.pipeline_id = m.pipeline_id "
    "LEFT JOIN green_ml.gate g ON g.plan_id = m.plan_id AND g.model_id = m.model_id "
    "WHERE p.name = $1 AND $2 IN (0, m.model_id) "
    "AND (m.model_id IN (SELECT model_id FROM newest) OR m.model_id = c.model_id) ORDER BY m.model_id DESC";

static const char served_sql[] =
    "SELECT json_build_object('promotion_id', promotion_id, 'model_id', model_id, 'from', served_from, "
    "'until', served_until, 'reason', reason, 'promoted_by', promoted_by, 'sha256', sha256) "
    "FROM green_ml.served WHERE pipeline = $1 AND $2 IN (0, model_id) ORDER BY promotion_id DESC LIMIT nullif($3, 0)";

static bool read_objects(PGconn *db, const char *sql, const char *pipeline, int model_id, int64_t limit, json_t **array,
			 struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "sdl", sql, pipeline, model_id, limit);

	if (!rows)
		return fail_prefix(fail, "could not read the models of pipeline \"%s\"", pipeline);
	*array = json_array();
	for (int i = 0; i < PQntuples(rows); i++)
		json_array_append_new(*array, json_loads(db_text(rows, i, 0), 0, NULL));
	db_free(rows);
	return true;
}

bool models_list(PGconn *db, const char *pipeline, int64_t limit, json_t **list, struct fail *fail)
{
	json_t *models, *champion = json_null();
	size_t i;
	json_t *model;

	if (!read_objects(db, models_sql, pipeline, 0, limit, &models, fail))
		return false;
	json_array_foreach(models, i, model)
	{
		if (json_is_true(json_object_get(model, "champion")))
			champion = json_object_get(model, "model_id");
	}
	*list = json_pack("{s:s, s:O, s:o}", "pipeline", pipeline, "champion_model_id", champion, "models", models);
	return true;
}

bool models_served(PGconn *db, const char *pipeline, int model_id, int64_t limit, json_t **served, struct fail *fail)
{
	json_t *array;

	if (!read_objects(db, served_sql, pipeline, model_id, limit, &array, fail))
		return false;
	*served = json_pack("{s:s, s:o}", "pipeline", pipeline, "served", array);
	return true;
}

/* Adds what is stored as JSON besides: the metrics and what the gate looked at. */
static bool add_stored(PGconn *db, int model_id, json_t *model, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d",
				  "SELECT m.metrics, g.numbers FROM green_ml.model m LEFT JOIN green_ml.gate g "
				  "ON g.plan_id = m.plan_id AND g.model_id = m.model_id WHERE m.model_id = $1",
				  model_id);

	if (!row || PQntuples(row) == 0) {
		db_free(row);
		return fail_set(fail, EXIT_FAILED, "could not read the metrics of model %d", model_id);
	}
	json_object_set_new(model, "metrics", json_loads(db_text(row, 0, 0), 0, NULL));
	if (db_text(row, 0, 1))
		json_object_set_new(model, "gate", json_loads(db_text(row, 0, 1), 0, NULL));
	db_free(row);
	return true;
}

bool models_show(PGconn *db, const char *pipeline, int model_id, json_t **model, struct fail *fail)
{
	json_t *models = NULL, *served = NULL;
	bool done = read_objects(db, models_sql, pipeline, model_id, 1, &models, fail);

	if (done && json_array_size(models) == 0)
		done = fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no model %d: see model-training list",
				pipeline, model_id);
	done = done && models_served(db, pipeline, model_id, 0, &served, fail);
	if (done) {
		*model = json_incref(json_array_get(models, 0));
		json_object_set_new(*model, "pipeline", json_string(pipeline));
		json_object_set(*model, "served", json_object_get(served, "served"));
		done = add_stored(db, model_id, *model, fail);
		if (!done) {
			json_decref(*model);
			*model = NULL;
		}
	}
	json_decref(models);
	json_decref(served);
	return done;
}
