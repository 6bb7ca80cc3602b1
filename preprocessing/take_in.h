#ifndef PREPROCESSING_TAKE_IN_H
#define PREPROCESSING_TAKE_IN_H

/*
 * Brings one feature set up to date: every finished load that it has not seen is taken in, by order of load, in one
 * transaction that also closes the run. Killed at any moment it leaves nothing half done; of two at once the second
 * waits and then finds nothing due.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "preprocessing/target.h"

/* load_id: only this load; 0: all that are due. What was done is left in target. */
bool take_in(PGconn *db, struct target *target, int64_t load_id, struct fail *fail) MUST_USE;

#endif
