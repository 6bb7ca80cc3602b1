#include "model-training/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

struct crew {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int growing, waiting, queued;
	struct branch *queue; /* the newest first */
	atomic_bool is_hungry;
};

struct crew *crew_new(void)
{
	struct crew *crew = xcalloc(1, sizeof(*crew));

	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->changed, NULL);
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	pthread_mutex_destroy(&crew->mutex);
	pthread_cond_destroy(&crew->changed);
	free(crew);
}

static void tell_hunger(struct crew *crew)
{
	atomic_store_explicit(&crew->is_hungry, crew->waiting > crew->queued, memory_order_relaxed);
}

bool crew_is_hungry(const struct crew *crew)
{
	return atomic_load_explicit(&crew->is_hungry, memory_order_relaxed);
}

void crew_enter(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	crew->growing++;
	pthread_mutex_unlock(&crew->mutex);
}

void crew_give(struct crew *crew, struct branch *branch)
{
	pthread_mutex_lock(&crew->mutex);
	branch->trunk->open++;
	branch->next = crew->queue;
	crew->queue = branch;
	crew->queued++;
	tell_hunger(crew);
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->mutex);
}

void crew_grown(struct crew *crew, struct branch *branch)
{
	pthread_mutex_lock(&crew->mutex);
	if (--branch->trunk->open == 0)
		pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->mutex);
}

struct branch *crew_take(struct crew *crew, const struct branch *trunk)
{
	struct branch *branch = NULL;

	pthread_mutex_lock(&crew->mutex);
	crew->growing--;
	crew->waiting++;
	tell_hunger(crew);
	while (!crew->queue && (trunk ? trunk->open > 0 : crew->growing > 0))
		pthread_cond_wait(&crew->changed, &crew->mutex);
	crew->waiting--;
	if (crew->queue && !(trunk && trunk->open == 0)) {
		branch = crew->queue;
		crew->queue = branch->next;
		crew->queued--;
	}
	if (branch || trunk)
		crew->growing++;
	else
		pthread_cond_broadcast(&crew->changed);
	tell_hunger(crew);
	pthread_mutex_unlock(&crew->mutex);
	return branch;
}
