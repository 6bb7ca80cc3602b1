#ifndef SCHEDULER_ROUNDS_H
#define SCHEDULER_ROUNDS_H

/*
 * A round is one tick of every pipeline; --watch makes rounds until it is asked to end (watch.h).
 *
 *	struct rounds rounds = {.pipeline = ..., .configure = configure, ...};
 *	return rounds_run(&rounds);
 *
 * One pipeline's error does not stop the others. The exit code is the first that no retry mends, else 75, else 0; while
 * watching errors are only logged.
 */

#include "common/spec.h"
#include "scheduler/config.h"

struct rounds {
	const char *pipeline, *as; /* a spec or a folder of them; read anew in each round, they may have changed */
	bool explain;		   /* decide, store nothing */
	bool watch;
	double interval_s, settle_s;
	/* The settings of one pipeline; NULL: fail is set. */
	const struct config *(*configure)(const struct spec *spec, void *context, struct fail *fail);
	void *context;
	int code; /* of the last round */
};

int rounds_run(struct rounds *rounds);

#endif
