#include "model-api/champions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

/* ------------------------------------------------------------------ a set */

struct champions *champions_new(void)
{
	return xcalloc(1, sizeof(struct champions));
}

void champions_add(struct champions *champions, struct model *model)
{
	model->references++;
	champions->models = xreallocarray(champions->models, (size_t)champions->count + 1, sizeof(*champions->models));
	champions->models[champions->count++] = model;
}

void champions_add_pinned(struct champions *champions, struct model *model)
{
	model->references++;
	champions->pinned =
	    xreallocarray(champions->pinned, (size_t)champions->pinned_count + 1, sizeof(*champions->pinned));
	champions->pinned[champions->pinned_count++] = model;
}

void champions_add_empty(struct champions *champions, const char *pipeline)
{
	champions->empty =
	    xreallocarray(champions->empty, (size_t)champions->empty_count + 1, sizeof(*champions->empty));
	champions->empty[champions->empty_count++] = xstrdup(pipeline);
}

void champions_free(struct champions *champions)
{
	if (!champions)
		return;
	for (int i = 0; i < champions->count; i++)
		model_release(champions->models[i]);
	for (int i = 0; i < champions->pinned_count; i++)
		model_release(champions->pinned[i]);
	for (int i = 0; i < champions->empty_count; i++)
		free(champions->empty[i]);
	free(champions->models);
	free(champions->pinned);
	free(champions->empty);
	free(champions);
}

/* ------------------------------------------------------------------ finding */

static const struct model *find_model(const struct champions *champions, const char *name)
{
	for (int i = 0; i < champions->count; i++)
		if (strcmp(champions->models[i]->pipeline, name) == 0)
			return champions->models[i];
	return NULL;
}

static bool is_empty(const struct champions *champions, const char *name)
{
	for (int i = 0; i < champions->empty_count; i++)
		if (strcmp(champions->empty[i], name) == 0)
			return true;
	return false;
}

/* The name for a request without one: the preferred pipeline, else "insurance", else the only one; NULL when several
 * are there. */
static const char *default_name(const struct champions *champions, const char *preferred)
{
	static const char usual[] = "insurance";

	if (preferred)
		return preferred;
	if (find_model(champions, usual) || is_empty(champions, usual))
		return usual;
	if (champions->count + champions->empty_count > 1)
		return NULL;
	return champions->count ? champions->models[0]->pipeline : champions->empty_count ? champions->empty[0] : usual;
}

const struct model *champions_find(const struct champions *champions, const char *name, const char *preferred,
				   int *status, struct fail *fail)
{
	const struct model *model;

	*status = 503;
	if (!champions->known) {
		fail_set(fail, EXIT_TRY_AGAIN, "no model is loaded yet: the registry has not been read");
		return NULL;
	}
	if (!name) {
		name = default_name(champions, preferred);
		preferred = name;
	}
	if (!name) {
		*status = 400;
		fail_set(fail, EXIT_WRONG_USE, "several pipelines are served: name one as \"pipeline\"");
		return NULL;
	}
	model = find_model(champions, name);
	if (model)
		return model;
	/* A default that is not registered yet will come; a name in the request that nobody knows is a mistake. */
	if (is_empty(champions, name) || name == preferred) {
		fail_set(fail, EXIT_TRY_AGAIN, "no model to serve yet for pipeline \"%.31s\"", name);
		return NULL;
	}
	*status = 404;
	fail_set(fail, EXIT_WRONG_USE, "no pipeline \"%.31s\" is served here", name);
	return NULL;
}

bool champions_holds(const struct champions *champions, int model_id)
{
	for (int i = 0; i < champions->count; i++)
		if (champions->models[i]->model_id == model_id)
			return true;
	return false;
}

static bool is_version(const struct model *model, const char *name, const char *version)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", model->model_id);
	return strcmp(model->pipeline, name) == 0 && strcmp(id, version) == 0;
}

const struct model *champions_find_version(const struct champions *champions, const char *name, const char *version,
					   int *status, struct fail *fail)
{
	const struct model *model;

	for (int i = 0; version && i < champions->pinned_count; i++)
		if (is_version(champions->pinned[i], name, version))
			return champions->pinned[i];
	model = champions_find(champions, name, NULL, status, fail);
	if (!model || !version || is_version(model, name, version))
		return model;
	*status = 404;
	fail_set(fail, EXIT_WRONG_USE, "version \"%.15s\" of pipeline \"%.31s\" is not served here", version, name);
	return NULL;
}

/* ------------------------------------------------------------------ the table */

struct lane {
	_Alignas(64) pthread_mutex_t lock;
};

struct model_table {
	int lane_count;
	struct lane *lanes;
	_Atomic(struct champions *) champions;
};

struct model_table *model_table_new(int lanes)
{
	struct model_table *table = xcalloc(1, sizeof(*table));

	table->lane_count = lanes;
	table->lanes = aligned_alloc(_Alignof(struct lane), (size_t)lanes * sizeof(struct lane));
	if (!table->lanes)
		abort();
	for (int i = 0; i < lanes; i++)
		pthread_mutex_init(&table->lanes[i].lock, NULL);
	table->champions = champions_new();
	return table;
}

const struct champions *model_table_enter(struct model_table *table)
{
	pthread_mutex_lock(&table->lanes[metrics_lane(table->lane_count)].lock);
	return table->champions;
}

void model_table_leave(struct model_table *table)
{
	pthread_mutex_unlock(&table->lanes[metrics_lane(table->lane_count)].lock);
}

void model_table_wait(struct model_table *table)
{
	for (int i = 0; i < table->lane_count; i++) {
		pthread_mutex_lock(&table->lanes[i].lock);
		pthread_mutex_unlock(&table->lanes[i].lock);
	}
}

void model_table_publish(struct model_table *table, struct champions *champions)
{
	struct champions *old = atomic_exchange(&table->champions, champions);

	/* Who enters from now on finds the new set; who holds a lane may still use the old one. */
	model_table_wait(table);
	champions_free(old);
}

void model_table_free(struct model_table *table)
{
	if (!table)
		return;
	champions_free(table->champions);
	for (int i = 0; i < table->lane_count; i++)
		pthread_mutex_destroy(&table->lanes[i].lock);
	free(table->lanes);
	free(table);
}
