#ifndef SCHEDULER_COSTS_H
#define SCHEDULER_COSTS_H

/*
 * What retrainings and ticks of a pipeline have cost, from green_ml.run and the default energy model: how long a
 * retraining takes (the 90th percentile of the last 20), its energy, and the energy of a tick with and without an open
 * need (means of the last 96 each; ticks that took a look are left out). NAN where nothing is known yet.
 */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/decide.h"

bool costs_read(PGconn *db, const char *pipeline, struct signal *signal, struct fail *fail) MUST_USE;

#endif
