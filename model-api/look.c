#include "model-api/look.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/xalloc.h"

static const double refused_for_s = 300;

struct look {
	char *const *pipelines;
	int pipeline_count;
	char *selection; /* '{a,b}', NULL: all */
	struct metrics *metrics;
	const struct champions *published; /* the last set; the table owns it */
	struct refusal refusals[LOOK_MAX_REFUSALS];
	int refusal_count;
};

struct look *look_new(char *const *pipelines, int count, struct metrics *metrics)
{
	struct look *look = xcalloc(1, sizeof(*look));
	struct text list;

	look->pipelines = pipelines;
	look->pipeline_count = count;
	look->metrics = metrics;
	if (count) {
		text_init(&list, 1 << 20);
		/* Names of pipelines need no quotes in an array: a-z, 0-9 and -. */
		for (int i = 0; i < count; i++)
			text_printf(&list, "%s%s", i ? "," : "{", pipelines[i]);
		text_puts(&list, "}");
		look->selection = list.data;
	}
	return look;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	free(look->selection);
	free(look);
}

/* ------------------------------------------------------------------ refusals */

static struct refusal *find_refusal(struct look *look, const char *pipeline)
{
	for (int i = 0; i < look->refusal_count; i++)
		if (strcmp(look->refusals[i].pipeline, pipeline) == 0)
			return &look->refusals[i];
	return NULL;
}

static void forget_refusal(struct look *look, const char *pipeline)
{
	struct refusal *refusal = find_refusal(look, pipeline);

	if (refusal)
		*refusal = look->refusals[--look->refusal_count];
}

static void note_refusal(struct look *look, const struct model_address *address)
{
	struct refusal *refusal = find_refusal(look, address->pipeline);

	if (!refusal && look->refusal_count < LOOK_MAX_REFUSALS)
		refusal = &look->refusals[look->refusal_count++];
	if (!refusal)
		return;
	snprintf(refusal->pipeline, sizeof(refusal->pipeline), "%s", address->pipeline);
	refusal->promotion_id = address->promotion_id;
	refusal->until_s = clock_monotonic_s() + refused_for_s;
}

static bool is_refused(struct look *look, const struct model_address *address, struct fail *fail)
{
	const struct refusal *refusal = find_refusal(look, address->pipeline);

	if (!refusal || refusal->promotion_id != address->promotion_id || clock_monotonic_s() >= refusal->until_s)
		return false;
	fail_set(fail, EXIT_FAILED, "promotion %d of pipeline \"%s\" was refused: the server's log says why",
		 address->promotion_id, address->pipeline);
	return true;
}

int look_refusals(const struct look *look, struct refusal refusals[LOOK_MAX_REFUSALS])
{
	memcpy(refusals, look->refusals, sizeof(look->refusals));
	return look->refusal_count;
}

/* ------------------------------------------------------------------ the set */

static struct model *find_published(const struct look *look, const char *pipeline)
{
	for (int i = 0; look->published && i < look->published->count; i++)
		if (strcmp(look->published->models[i]->pipeline, pipeline) == 0)
			return look->published->models[i];
	return NULL;
}

static PGresult *read_champions(struct look *look, PGconn *db, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "s",
				   "SELECT l.name, c.promotion_id, c.model_id, c.feature_set_id, c.sha256, "
				   "extract(epoch FROM coalesce(c.simulated_at, c.promoted_at)) "
				   "FROM green_ml.pipeline l LEFT JOIN green_ml.champion c USING (pipeline_id) "
				   "WHERE $1::text[] IS NULL OR l.name = ANY ($1::text[]) ORDER BY l.name",
				   look->selection);

	if (!rows)
		fail_prefix(fail, "could not read the champions");
	return rows;
}

static bool same_set(const struct champions *left, const struct champions *right)
{
	if (!left || left->count != right->count || left->empty_count != right->empty_count)
		return false;
	for (int i = 0; i < left->count; i++)
		if (left->models[i] != right->models[i])
			return false;
	for (int i = 0; i < left->empty_count; i++)
		if (strcmp(left->empty[i], right->empty[i]) != 0)
			return false;
	return true;
}

/* Pipelines that are to be served and that nobody has registered yet. */
static void add_unregistered(const struct look *look, const PGresult *rows, struct champions *champions)
{
	for (int i = 0; i < look->pipeline_count; i++) {
		bool found = false;

		for (int row = 0; row < PQntuples(rows) && !found; row++)
			found = strcmp(db_text(rows, row, 0), look->pipelines[i]) == 0;
		if (!found)
			champions_add_empty(champions, look->pipelines[i]);
	}
}

static struct model *load(struct look *look, PGconn *db, const struct model_address *address, struct fail *fail)
{
	double begun_s = clock_monotonic_s();
	struct model *model = model_load(db, address, look->metrics, fail);

	if (model) {
		forget_refusal(look, address->pipeline);
		log_info("model loaded", "pipeline", "%s", address->pipeline, "promotion_id", "%d",
			 address->promotion_id, "model_id", "%d", address->model_id, "sha256", "%s", address->sha256,
			 "trees", "%d", model->forest->tree_count, "by", "%s", model->table ? "table" : "trees",
			 "nodes", "%lu", (unsigned long)model->forest->node_count, "seconds", "%.3f",
			 clock_monotonic_s() - begun_s, NULL);
	} else if (fail->code != EXIT_TRY_AGAIN && PQstatus(db) == CONNECTION_OK) {
		log_error("champion refused; what was served before keeps serving", "pipeline", "%s", address->pipeline,
			  "promotion_id", "%d", address->promotion_id, "model_id", "%d", address->model_id, "reason",
			  "%s", fail->text, NULL);
		note_refusal(look, address);
	}
	return model;
}

/* Puts the pipeline of a row into the new set: the model it has, the one to be loaded, or none. False: the database is
 * at fault. *refused: the champion is not servable. */
static bool add_pipeline(struct look *look, PGconn *db, const PGresult *rows, int row, struct champions *champions,
			 bool *refused, struct fail *fail)
{
	struct model_address address = {.pipeline = db_text(rows, row, 0)};
	struct model *model = find_published(look, address.pipeline);
	struct model *loaded = NULL;
	struct fail reason = {0};

	if (!db_text(rows, row, 1)) {
		champions_add_empty(champions, address.pipeline);
		return true;
	}
	address.promotion_id = (int)db_int(rows, row, 1);
	address.model_id = (int)db_int(rows, row, 2);
	address.feature_set_id = (int)db_int(rows, row, 3);
	address.sha256 = db_text(rows, row, 4);
	address.promoted_at_s = db_real(rows, row, 5);
	if (model && model->promotion_id == address.promotion_id) {
		forget_refusal(look, address.pipeline);
		champions_add(champions, model);
		return true;
	}
	if (!is_refused(look, &address, &reason))
		loaded = load(look, db, &address, &reason);
	if (!loaded && (reason.code == EXIT_TRY_AGAIN || PQstatus(db) != CONNECTION_OK))
		return fail_set(fail, EXIT_TRY_AGAIN, "%s", reason.text);
	if (!loaded)
		*refused = !fail_set(fail, reason.code,
				     "promotion %d of pipeline \"%s\" was refused: the server's log says why",
				     address.promotion_id, address.pipeline);
	if (loaded || model)
		champions_add(champions, loaded ? loaded : model);
	else
		champions_add_empty(champions, address.pipeline);
	model_release(loaded);
	return true;
}

enum look_result look_take(struct look *look, PGconn *db, struct model_table *table, bool force, struct fail *fail)
{
	PGresult *rows = read_champions(look, db, fail);
	struct champions *champions = champions_new();
	enum look_result result = LOOK_UNCHANGED;
	bool good = rows != NULL, refused = false;

	for (int i = 0; force && i < look->refusal_count; i++)
		look->refusals[i].until_s = 0;
	for (int row = 0; good && row < PQntuples(rows); row++)
		good = add_pipeline(look, db, rows, row, champions, &refused, fail);
	if (good)
		add_unregistered(look, rows, champions);
	if (good && !same_set(look->published, champions)) {
		champions->known = true;
		look->published = champions;
		model_table_publish(table, champions);
		champions = NULL;
		result = LOOK_CHANGED;
	}
	if (!good)
		result = LOOK_FAILED;
	else if (refused)
		result = LOOK_REFUSED;
	champions_free(champions);
	db_free(rows);
	return result;
}
