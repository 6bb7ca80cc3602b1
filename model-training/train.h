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
#include "model-training/shares.h"

struct train_settings {
	const char *pipeline;
	int threads;
	double fake_scale; /* 0: no fake computation */
	bool merge;	   /* take the trees of stored shares (shares.h) instead of growing them */
};

/* The caller frees *result. */
bool train(PGconn *db, struct run *run, struct plan *plan, const struct train_settings *settings, json_t **result,
	   struct fail *fail) MUST_USE;

/* Grows and stores one share of the plan's trees (shares.h) and closes the run. Nothing is grown for a plan that has
 * been trained; share->existed says so too. */
bool train_share(PGconn *db, struct run *run, const struct plan *plan, int threads, double fake_scale,
		 struct share *share, struct fail *fail) MUST_USE;

#endif
