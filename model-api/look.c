#include "model-api/look.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "model-api/copy.h"

struct look {
	struct look_settings settings;
	char *selection; /* '{a,b}', NULL: all */
	char *pins;	 /* '{a=1,b=2}' */
	struct metrics *metrics;
	const struct champions *published; /* the last set; the table owns it */
	struct refusals refusals;
};

/* A PostgreSQL array; names of pipelines and pins need no quotes in one. NULL: it is empty. */
static char *array_of(char *const *names, int count)
{
	struct text list;
	char *array;

	if (count == 0)
		return NULL;
	text_init(&list, 1 << 20);
	for (int i = 0; i < count; i++)
		text_printf(&list, "%s%s", i ? "," : "{", names[i]);
	text_puts(&list, "}");
	array = xstrdup(list.data);
	text_release(&list);
	return array;
}

struct look *look_new(const struct look_settings *settings, struct metrics *metrics)
{
	struct look *look = xcalloc(1, sizeof(*look));

	look->settings = *settings;
	look->metrics = metrics;
	look->selection = array_of(settings->pipelines, settings->pipeline_count);
	look->pins = array_of(settings->pins, settings->pin_count);
	return look;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	free(look->selection);
	free(look->pins);
	free(look);
}

const struct refusals *look_refusals(const struct look *look)
{
	return &look->refusals;
}

/* ------------------------------------------------------------------ the set */

static struct model *find_published(const struct look *look, const struct model_address *address)
{
	const struct champions *set = look->published;

	for (int i = 0; address->promotion_id && set && i < set->count; i++)
		if (strcmp(set->models[i]->pipeline, address->pipeline) == 0)
			return set->models[i];
	for (int i = 0; !address->promotion_id && set && i < set->pinned_count; i++)
		if (set->pinned[i]->model_id == address->model_id)
			return set->pinned[i];
	return NULL;
}

/* The champions, one row for each pipeline, then the pinned models. */
static PGresult *read_registry(struct look *look, PGconn *db, struct fail *fail)
{
	PGresult *rows =
	    db_queryf(db, fail, "ss",
		      "SELECT l.name, l.pipeline_id, c.promotion_id, c.model_id, c.feature_set_id, c.sha256, "
		      "extract(epoch FROM coalesce(c.simulated_at, c.promoted_at)), "
		      "extract(epoch FROM coalesce(m.simulated_at, m.created_at)), m.holdout_n, m.holdout_k "
		      "FROM green_ml.pipeline l LEFT JOIN green_ml.champion c USING (pipeline_id) "
		      "LEFT JOIN green_ml.model m ON m.model_id = c.model_id "
		      "WHERE $1::text[] IS NULL OR l.name = ANY ($1::text[]) "
		      "UNION ALL "
		      "SELECT l.name, l.pipeline_id, 0, m.model_id, m.feature_set_id, encode(m.sha256, 'hex'), 'NaN', "
		      "extract(epoch FROM coalesce(m.simulated_at, m.created_at)), m.holdout_n, m.holdout_k "
		      "FROM green_ml.model m JOIN green_ml.pipeline l USING (pipeline_id) "
		      "WHERE l.name || '=' || m.model_id = ANY ($2::text[]) ORDER BY 1, 4",
		      look->selection, look->pins);

	if (!rows)
		fail_prefix(fail, "could not read the champions");
	return rows;
}

static struct model_address take_address(const PGresult *rows, int row)
{
	return (struct model_address){.pipeline = db_text(rows, row, 0),
				      .pipeline_id = (int)db_int(rows, row, 1),
				      .promotion_id = (int)db_int(rows, row, 2),
				      .model_id = (int)db_int(rows, row, 3),
				      .feature_set_id = (int)db_int(rows, row, 4),
				      .sha256 = db_text(rows, row, 5),
				      .promoted_at_s = db_real(rows, row, 6),
				      .trained_at_s = db_real(rows, row, 7),
				      .holdout_n = db_int(rows, row, 8),
				      .holdout_k = db_int(rows, row, 9)};
}

static bool same_models(struct model *const *left, int left_count, struct model *const *right, int right_count)
{
	if (left_count != right_count)
		return false;
	for (int i = 0; i < left_count; i++)
		if (left[i] != right[i])
			return false;
	return true;
}

static bool same_set(const struct champions *left, const struct champions *right)
{
	if (!left || !same_models(left->models, left->count, right->models, right->count) ||
	    !same_models(left->pinned, left->pinned_count, right->pinned, right->pinned_count) ||
	    left->empty_count != right->empty_count)
		return false;
	for (int i = 0; i < left->empty_count; i++)
		if (strcmp(left->empty[i], right->empty[i]) != 0)
			return false;
	return true;
}

/* Pipelines that are to be served and that nobody has registered yet. */
static void add_unregistered(const struct look *look, const PGresult *rows, struct champions *champions)
{
	for (int i = 0; i < look->settings.pipeline_count; i++) {
		bool found = false;

		for (int row = 0; row < PQntuples(rows) && !found; row++)
			found = strcmp(db_text(rows, row, 0), look->settings.pipelines[i]) == 0;
		if (!found)
			champions_add_empty(champions, look->settings.pipelines[i]);
	}
}

static void log_loaded(const struct model *model, const char *from, double seconds)
{
	log_info("model loaded", "from", "%s", from, "pipeline", "%s", model->pipeline, "promotion_id", "%d",
		 model->promotion_id, "model_id", "%d", model->model_id, "sha256", "%s", model->sha256, "trees", "%d",
		 model->forest->tree_count, "nodes", "%lu", (unsigned long)model->forest->node_count, "seconds", "%.3f",
		 seconds, NULL);
	if (!model_is_counted(model))
		log_warning("the metrics have no room for more series: some predictions are not counted", "pipeline",
			    "%s", model->pipeline, "most", "%d", METRICS_MAX_SERIES, NULL);
}

static void keep_copy(const struct look *look, const struct model_address *address, const struct model_parts *parts)
{
	struct fail fail = {0};

	if (parts->bytes && !copy_write(look->settings.copies, address, parts, &fail))
		log_warning("no local copy was written", "reason", "%s", fail.text, NULL);
}

/* table NULL: the model is not published yet. */
static bool make_table(struct model *model, struct model_table *table)
{
	double begun_s = clock_monotonic_s();
	struct fail fail = {0};
	struct forest_table *made = model_make_table(model, &fail);

	if (fail.code)
		log_error("the trees go on answering", "pipeline", "%s", model->pipeline, "reason", "%s", fail.text,
			  NULL);
	if (!made)
		return false;
	model_take_table(model, made);
	if (table)
		model_table_wait(table);
	model_drop_trees(model);
	log_info("a table answers in place of the trees", "pipeline", "%s", model->pipeline, "model_id", "%d",
		 model->model_id, "seconds", "%.3f", clock_monotonic_s() - begun_s, NULL);
	return true;
}

/* Where another model serves meanwhile, this one gets its table before it is published; a first one is not kept waiting
 * for that. */
static struct model *load(struct look *look, PGconn *db, const struct model_address *address, bool replaces,
			  struct fail *fail)
{
	double begun_s = clock_monotonic_s();
	struct model_parts parts = {0};
	struct model *model = NULL;
	bool keep_bytes = look->settings.copies && address->promotion_id;

	if (model_fetch(db, address, keep_bytes, &parts, fail))
		model = model_build(&parts, address, look->metrics, fail);
	if (model) {
		refusals_forget(&look->refusals, address);
		log_loaded(model, "registry", clock_monotonic_s() - begun_s);
		if (replaces)
			make_table(model, NULL);
		keep_copy(look, address, &parts);
	} else if (fail->code != EXIT_TRY_AGAIN && PQstatus(db) == CONNECTION_OK) {
		log_error(!address->promotion_id ? "pinned model refused"
			  : replaces		 ? "champion refused; what was served before keeps serving"
						 : "champion refused; nothing of its pipeline was served before",
			  "pipeline", "%s", address->pipeline, "promotion_id", "%d", address->promotion_id, "model_id",
			  "%d", address->model_id, "reason", "%s", fail->text, NULL);
		refusals_note(&look->refusals, address);
	}
	model_parts_release(&parts);
	return model;
}

/* NULL: there is no good one. */
static struct model *load_copy(const struct look *look, const char *pipeline)
{
	double begun_s = clock_monotonic_s();
	struct copy copy;
	struct fail fail = {0};
	struct model *model = NULL;

	if (copy_read(look->settings.copies, pipeline, &copy, &fail))
		model = model_build(&copy.parts, &copy.address, look->metrics, &fail);
	if (model)
		log_loaded(model, "copy", clock_monotonic_s() - begun_s);
	else if (copy_exists(look->settings.copies, pipeline))
		log_error("local copy refused", "pipeline", "%s", pipeline, "reason", "%s", fail.text, NULL);
	copy_release(&copy);
	return model;
}

static bool is_served(const struct model *model, const struct model_address *address)
{
	return model && model->promotion_id == address->promotion_id && model->model_id == address->model_id &&
	       strcmp(model->sha256, address->sha256) == 0; /* a copy may be of another database */
}

/* Where a champion is refused or cannot be read and nothing of its pipeline is served, the last good one may lie in the
 * folder. Not looked for again while the refusal holds. */
static struct model *load_or_copy(struct look *look, PGconn *db, const struct model_address *address, bool replaces,
				  struct fail *fail)
{
	struct model *model = load(look, db, address, replaces, fail);

	if (!model && !replaces && address->promotion_id && look->settings.copies && PQstatus(db) == CONNECTION_OK)
		model = load_copy(look, address->pipeline);
	if (is_served(model, address))
		refusals_forget(&look->refusals, address);
	return model;
}

/* What a look has met so far. */
struct found {
	struct champions *champions; /* the new set */
	bool refused;		     /* a model is not servable */
	bool unread;		     /* a model's statement failed; the other models are none the worse for it */
};

/* Puts the model of a row into the new set: the one it has, the one to be loaded, or none. False: the connection is
 * lost. */
static bool add_row(struct look *look, PGconn *db, const PGresult *rows, int row, struct found *found,
		    struct fail *fail)
{
	struct model_address address = {.pipeline = db_text(rows, row, 0)};
	struct model *model, *loaded = NULL;
	struct fail reason = {0};

	if (!db_text(rows, row, 2)) {
		champions_add_empty(found->champions, address.pipeline);
		return true;
	}
	address = take_address(rows, row);
	model = find_published(look, &address);
	if (is_served(model, &address))
		refusals_forget(&look->refusals, &address);
	else if (!refusals_hold(&look->refusals, &address, &reason))
		loaded = load_or_copy(look, db, &address, model != NULL, &reason);
	if (!is_served(model, &address) && !is_served(loaded, &address)) {
		if (PQstatus(db) != CONNECTION_OK)
			return fail_set(fail, EXIT_TRY_AGAIN, "%s", reason.text);
		if (reason.code == EXIT_TRY_AGAIN)
			found->unread = !fail_set(fail, EXIT_TRY_AGAIN, "%s", reason.text);
		else
			found->refused = !fail_set(
			    fail, reason.code,
			    "promotion %d of pipeline \"%s\" (model %d) was refused: the server's log says why",
			    address.promotion_id, address.pipeline, address.model_id);
	}
	if (loaded)
		model = loaded;
	if (model && address.promotion_id)
		champions_add(found->champions, model);
	else if (model)
		champions_add_pinned(found->champions, model);
	else if (address.promotion_id)
		champions_add_empty(found->champions, address.pipeline);
	model_release(loaded);
	return true;
}

static void publish(struct look *look, struct model_table *table, struct champions *champions)
{
	champions->known = true;
	look->published = champions;
	model_table_publish(table, champions);
}

/* What is pinned and not in the registry is like a model that is refused. */
static void check_pins(const struct look *look, const struct champions *champions, bool *refused, struct fail *fail)
{
	if (!*refused && champions->pinned_count < look->settings.pin_count)
		*refused = !fail_set(fail, EXIT_FAILED, "%d of %d pinned models are not in the registry",
				     look->settings.pin_count - champions->pinned_count, look->settings.pin_count);
}

enum look_result look_take(struct look *look, PGconn *db, struct model_table *table, bool force, struct fail *fail)
{
	PGresult *rows = read_registry(look, db, fail);
	struct found found = {.champions = champions_new()};
	enum look_result result = LOOK_UNCHANGED;
	bool good = rows != NULL;

	if (force)
		refusals_retry_all(&look->refusals);
	for (int row = 0; good && row < PQntuples(rows); row++)
		good = add_row(look, db, rows, row, &found, fail);
	if (good) {
		add_unregistered(look, rows, found.champions);
		if (!found.unread)
			check_pins(look, found.champions, &found.refused, fail);
	}
	if (good && !same_set(look->published, found.champions)) {
		publish(look, table, found.champions);
		found.champions = NULL;
		result = LOOK_CHANGED;
	}
	if (!good || found.unread)
		result = LOOK_FAILED;
	else if (found.refused)
		result = LOOK_REFUSED;
	champions_free(found.champions);
	db_free(rows);
	return result;
}

/* ------------------------------------------------------------------ tables */

bool look_make_tables(struct look *look, struct model_table *table)
{
	const struct champions *set = look->published;
	bool made = false;

	for (int i = 0; set && i < set->count; i++)
		made = make_table(set->models[i], table) || made;
	for (int i = 0; set && i < set->pinned_count; i++)
		made = make_table(set->pinned[i], table) || made;
	return made;
}

/* ------------------------------------------------------------------ copies */

static bool is_selected(const struct look *look, const char *pipeline)
{
	for (int i = 0; i < look->settings.pipeline_count; i++)
		if (strcmp(look->settings.pipelines[i], pipeline) == 0)
			return true;
	return look->settings.pipeline_count == 0;
}

/* Pipelines that are to be served and of which there is no copy, so that who asks for one is told to come again. */
static void add_without_copy(const struct look *look, char *const *names, int count, struct champions *champions)
{
	for (int i = 0; i < look->settings.pipeline_count; i++) {
		bool found = false;

		for (int j = 0; j < count && !found; j++)
			found = strcmp(names[j], look->settings.pipelines[i]) == 0;
		if (!found)
			champions_add_empty(champions, look->settings.pipelines[i]);
	}
}

bool look_copies(struct look *look, struct model_table *table)
{
	struct champions *champions = champions_new();
	int count = 0;
	char **names = look->settings.copies && !look->published ? copy_list(look->settings.copies, &count) : NULL;
	bool found;

	add_without_copy(look, names, count, champions);
	for (int i = 0; i < count; i++) {
		struct model *model = is_selected(look, names[i]) ? load_copy(look, names[i]) : NULL;

		if (model)
			champions_add(champions, model);
		else if (is_selected(look, names[i]))
			champions_add_empty(champions, names[i]);
		model_release(model);
		free(names[i]);
	}
	free(names);
	found = champions->count > 0;
	if (found)
		publish(look, table, champions);
	else
		champions_free(champions);
	return found;
}
