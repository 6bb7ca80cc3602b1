#ifndef SCHEDULER_STORE_H
#define SCHEDULER_STORE_H

/* The row of green_ml.decision: what was decided, why, and everything it was decided from. */

#include "scheduler/tick.h"

/* Inside the work's transaction; sets tick->decision_id. */
bool store_decision(PGconn *db, struct tick *tick, const struct writer *writer, struct fail *fail) MUST_USE;

#endif
