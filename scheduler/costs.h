#ifndef SCHEDULER_COSTS_H
#define SCHEDULER_COSTS_H

/*
 * What retrainings and ticks of a pipeline have cost, from green_ml.run_cost, that is with their pods and their share
 * of PostgreSQL: how long a retraining takes from the tick that submitted it to its model (the 90th percentile of the
 * last 20), the energy of its training, and the energy of a tick with and without an open need (means of the last 96
 * each). NAN where nothing is known yet.
 */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/decide.h"

/* retrain_id: the open need, 0 for none: its ticks look four times a day. signal->now_s is set. */
bool costs_read(PGconn *db, int pipeline_id, int retrain_id, struct signal *signal, struct fail *fail) MUST_USE;

/* Grams that the pipeline's trainings have emitted since the month began (UTC); those whose intensity nobody knows are
 * not counted. */
bool costs_spent(PGconn *db, const char *pipeline, double now_s, double *spent_g, struct fail *fail) MUST_USE;

#endif
