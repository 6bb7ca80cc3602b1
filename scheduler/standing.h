#ifndef SCHEDULER_STANDING_H
#define SCHEDULER_STANDING_H

/*
 * Where a pipeline stands, in one statement: what a tick has to know before it can say that nothing is new. Its
 * champion, how many rows are evidence, the last look at them, and the need that is open.
 *
 *	struct standing standing;
 *	if (!standing_read(db, spec, &standing, &fail)) ...
 *
 * Nothing is owned. The spec must be the registered one: other columns or another holdout are EXIT_WRONG_USE, because a
 * training would refuse them again and again.
 */

#include <libpq-fe.h>

#include "common/spec.h"
#include "scheduler/evidence.h"
#include "scheduler/retrain.h"

struct standing {
	struct evidence evidence; /* without a fresh look */
	struct retrain retrain;	  /* id 0: no need is open */
	bool failed;		  /* the last need failed for good */
};

bool standing_read(PGconn *db, const struct spec *spec, struct standing *standing, struct fail *fail) MUST_USE;

#endif
