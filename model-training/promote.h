#ifndef MODEL_TRAINING_PROMOTE_H
#define MODEL_TRAINING_PROMOTE_H

/*
 * Promotions by hand: a new row of green_ml.promotion, which wakes model-api and answers an open need to retrain. One
 * transaction, under the lock that a training's own promotion takes; repeated it changes nothing, since a champion is
 * not promoted again.
 *
 * A rollback undoes promotions like a stack: it brings back the model that the champion has replaced, and the next one
 * goes on from there. So rollbacks go back step by step and never to and fro; what a rollback has undone is no more
 * among what served before. After promotions of 1, 2, 3 and again 1 rollbacks go to 3, 2 and 1.
 */

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"
#include "common/run.h"

struct promotion_request {
	const char *pipeline;
	int model_id;	    /* to promote; 0: roll back */
	int expected_id;    /* of the champion that is to be replaced: with another one nothing is done; 0: any */
	const char *reason; /* NULL: a few words of its own */
};

struct promotion_result {
	int promotion_id; /* in force afterwards */
	int model_id;
	int replaced_model_id; /* 0: none */
	bool changed;	       /* false: nothing had to be done */
};

/* Closes the run. EXIT_WRONG_USE: no such model, or nothing to go back to; EXIT_FAILED: its bytes are damaged. */
bool promote(PGconn *db, struct run *run, const struct promotion_request *request, struct promotion_result *result,
	     struct fail *fail) MUST_USE;

#endif
