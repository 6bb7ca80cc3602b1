#ifndef SCHEDULER_STORE_H
#define SCHEDULER_STORE_H

/* The row of green_ml.decision: what was decided, why, and everything it was decided from. */

#include "common/run.h"
#include "scheduler/tick.h"

/* Inside the work's transaction; sets tick->decision_id. */
bool store_decision(PGconn *db, struct tick *tick, const struct writer *writer, struct fail *fail) MUST_USE;

/* A decision that changes nothing: its row and the run's in one statement. */
bool store_quiet_decision(PGconn *db, struct run *run, struct tick *tick, const struct writer *writer,
			  struct fail *fail) MUST_USE;

#endif
