#ifndef MODEL_TRAINING_CHALLENGE_H
#define MODEL_TRAINING_CHALLENGE_H

/*
 * Challenger and champions scored on the same rows: the holdout rows of the plan's loads, now.
 *
 *	struct challenge challenge;
 *	challenge_open(db, &plan, forest, sha256, &challenge, &fail)	reads the rows, scores the challenger
 *	registry_champion(db, pipeline, &champion, &fail)
 *	challenge_meet(db, &challenge, &champion, &input, &fail)	what gate_decide() wants to know
 *	challenge_release(&challenge);
 *
 * challenge_meet() may be called again when the champion has changed meanwhile. A champion of another feature set is
 * scored with its own; the rows that both sets have in their holdout are compared.
 */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/registry.h"
#include "model-training/gate.h"
#include "model-training/plan.h"
#include "model-training/score.h"

struct challenge {
	const struct plan *plan;     /* the caller's */
	const struct forest *forest; /* the caller's */
	const char *sha256;	     /* the caller's, hexadecimal */
	struct feature_set set;
	struct feature_rows rows;
	struct score score;   /* of the challenger */
	int64_t first_recent; /* rows from here on are the recent window */
	json_t *champions;    /* what challenge_meet() found: [{"model_id", "accuracy", "rows"}], the champion first */
};

bool challenge_open(PGconn *db, const struct plan *plan, const struct forest *forest, const char *sha256,
		    struct challenge *challenge, struct fail *fail) MUST_USE;
bool challenge_meet(PGconn *db, struct challenge *challenge, const struct champion *champion, struct gate_input *input,
		    struct fail *fail) MUST_USE;
/* The same rows predicted by any model of the pipeline. EXIT_WRONG_USE: it predicts another column. */
bool challenge_count(PGconn *db, const struct challenge *challenge, int model_id, int feature_set_id,
		     struct gate_counts *counts, int64_t *right, struct fail *fail) MUST_USE;
void challenge_release(struct challenge *challenge); /* a zeroed one is fine */

#endif
