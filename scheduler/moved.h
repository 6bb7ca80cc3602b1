#ifndef SCHEDULER_MOVED_H
#define SCHEDULER_MOVED_H

/*
 * How far the inputs have moved from what the champion was trained on: the plan's profile (common/profile.h) against
 * the rows of a look.
 */

#include <libpq-fe.h>

#include "common/registry.h"
#include "scheduler/decide.h"

/* most: the column with the largest psi beyond its noise, "" where the plan has no profile. json: what
 * evaluation.input_drift holds, NULL then; free(). */
bool moved_measure(PGconn *db, int plan_id, const struct forest *forest, const struct feature_rows *rows,
		   struct input_drift *most, char **json, struct fail *fail) MUST_USE;

#endif
