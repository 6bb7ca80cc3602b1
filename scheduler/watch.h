#ifndef SCHEDULER_WATCH_H
#define SCHEDULER_WATCH_H

/*
 * scheduler run --watch: one process that stays, in place of a pod every 15 minutes. It calls for a round of ticks
 *
 *	at its start, and every interval_s,
 *	when a load was taken in or a model promoted (LISTEN green_ml_preprocessing, green_ml_promotion): settle_s
 * later, so that what comes together is looked at together, and not more often than that
 *
 * until SIGTERM or SIGINT, which end it after the round that is under way. The connection stays open between rounds;
 * when the database is away it is tried again, every RETRY_S at the latest.
 */

#include <libpq-fe.h>

#include "common/fail.h"

struct watch {
	double interval_s, settle_s;
	/* One round of ticks over *db, which it may open, close and replace. */
	void (*round)(void *context, PGconn **db);
	void *context;
};

/* True when it was asked to end. */
bool watch_run(const struct watch *watch, struct fail *fail) MUST_USE;

#endif
