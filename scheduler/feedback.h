#ifndef SCHEDULER_FEEDBACK_H
#define SCHEDULER_FEEDBACK_H

/* The newest feedback sample of a model that is complete (docs/API.md, "Feedback"), as a signal for decide(). */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/decide.h"

bool feedback_read(PGconn *db, int pipeline_id, int model_id, struct feedback *feedback, struct fail *fail) MUST_USE;

#endif
