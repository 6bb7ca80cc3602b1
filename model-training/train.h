#ifndef MODEL_TRAINING_TRAIN_H
#define MODEL_TRAINING_TRAIN_H

/*
 * From a plan to a stored result: fake computation where it is asked for, growing, the bytes and a check of them, the
 * gate, and one transaction with model, gate, promotion and the run's end.
 *
 * A plan that has been trained is not trained again: the result it had is the result.
 */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"
#include "common/run.h"
#include "model-training/plan.h"

struct train_settings {
	const char *pipeline;
	int threads;
	double fake_scale; /* 0: no fake computation */
};

/* The caller frees *result. */
bool train(PGconn *db, struct run *run, const struct plan *plan, const struct train_settings *settings, json_t **result,
	   struct fail *fail) MUST_USE;

#endif
