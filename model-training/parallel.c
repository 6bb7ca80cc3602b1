#include "model-training/parallel.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

struct parallel_counter {
	atomic_int next;
	int pieces;
};

struct job {
	struct parallel_counter *counter;
	void (*worker)(struct parallel_counter *counter, void *context);
	void *context;
};

int parallel_next(struct parallel_counter *counter)
{
	int piece =
	    atomic_load(&counter->next) < counter->pieces ? atomic_fetch_add(&counter->next, 1) : counter->pieces;

	return piece < counter->pieces ? piece : -1;
}

int parallel_given(const struct parallel_counter *counter)
{
	int given = atomic_load(&counter->next);

	return given < counter->pieces ? given : counter->pieces;
}

static void *run_job(void *argument)
{
	const struct job *job = argument;

	job->worker(job->counter, job->context);
	return NULL;
}

/* Threads have small stacks and one heap in common: what they would have otherwise and never use takes up an address
 * space that is limited (ulimit -v). */
static void limit_memory(pthread_attr_t *attributes)
{
	pthread_attr_init(attributes);
	pthread_attr_setstacksize(attributes, PARALLEL_STACK_BYTES);
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

/* A thread that cannot be started is not missed: the others take its pieces. */
void parallel_run_all(int pieces, int threads, void (*worker)(struct parallel_counter *counter, void *context),
		      void *context)
{
	struct parallel_counter counter = {.pieces = pieces};
	struct job job = {.counter = &counter, .worker = worker, .context = context};
	pthread_attr_t attributes;
	pthread_t *others;
	int started = 0;

	limit_memory(&attributes);
	others = xcalloc(threads > 1 ? (size_t)threads - 1 : 0, sizeof(*others));
	while (started < threads - 1 && pthread_create(&others[started], &attributes, run_job, &job) == 0)
		started++;
	pthread_attr_destroy(&attributes);
	worker(&counter, context);
	while (started > 0)
		pthread_join(others[--started], NULL);
	free(others);
}

void parallel_run(int pieces, int threads, void (*worker)(struct parallel_counter *counter, void *context),
		  void *context)
{
	parallel_run_all(pieces, threads < pieces ? threads : pieces, worker, context);
}
