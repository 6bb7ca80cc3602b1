#ifndef MODEL_TRAINING_STORE_H
#define MODEL_TRAINING_STORE_H

/*
 * The end of a training: model, gate and promotion are stored together, inside the caller's transaction.
 *
 *	db_begin(db, &fail)
 *	store_lock(db, pipeline_id, &fail)	one training of a pipeline at a time from here to the commit
 *	store_find(db, plan_id, &result, &fail)		another one may have trained the plan meanwhile
 *	... look at the champion again ...
 *	store_result(db, &record, &result, &fail)
 *	run_done(...), db_commit(...)
 */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/registry.h"
#include "common/text.h"
#include "model-training/gate.h"
#include "model-training/plan.h"

bool store_lock(PGconn *db, int pipeline_id, struct fail *fail) MUST_USE;

/* The result of a plan that has been trained; *result stays NULL when it has not. */
bool store_find(PGconn *db, int plan_id, json_t **result, struct fail *fail) MUST_USE;

struct store_record {
	const struct plan *plan;
	const struct text *bytes;
	const struct forest *forest; /* read from them */
	const char *sha256;
	const struct champion *champion; /* the challenger was compared with */
	const struct gate_input *input;
	const struct gate_verdict *verdict;
	const struct feature_rows *rows;      /* of the holdout */
	const uint8_t *right;		      /* by row: whether the challenger predicts it right */
	json_t *metrics, *report, *champions; /* the caller's */
	int64_t run_id;
};

/* Equal bytes of another plan of the pipeline are not stored again: the gate's row then names that model. */
bool store_result(PGconn *db, const struct store_record *record, json_t **result, struct fail *fail) MUST_USE;

#endif
