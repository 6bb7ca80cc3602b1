#ifndef MODEL_TRAINING_EARLIER_H
#define MODEL_TRAINING_EARLIER_H

/*
 * Earlier champions on the holdout rows of a challenge: how many they predict right. The rows of a load never change,
 * so what an earlier gate, or the model's own training, has counted on some of the loads still holds; only the rows of
 * the other loads are scored.
 *
 *	PGresult *earlier = earlier_find(db, &plan, &fail);
 *	for each row: earlier_count(db, earlier, row, &rows, forest, &n, &right, &fail)
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/registry.h"
#include "model-training/plan.h"

/* The latest ten champions with the plan's columns and holdout, newest first: model_id in column 0, the rest is for
 * earlier_count(). The caller frees it with db_free(). */
PGresult *earlier_find(PGconn *db, const struct plan *plan, struct fail *fail) MUST_USE;

/* Of all the rows (of the plan's loads, encoded for `forest`) the champion in this row of the result predicts *right. A
 * champion whose encoding differs from the forest's is scored on rows read for it. */
bool earlier_count(PGconn *db, const PGresult *earlier, int row, const struct feature_rows *rows,
		   const struct forest *forest, const struct feature_set *set, const struct plan *plan, int64_t *right,
		   struct fail *fail) MUST_USE;

/* Whether two forests turn every value and label into the same keys and classes, so that rows encoded for one serve the
 * other. */
bool earlier_same_encoding(const struct forest *a, const struct forest *b);

#endif
