#ifndef MODEL_API_PREDICT_H
#define MODEL_API_PREDICT_H

/*
 * POST /predict without the network: a body, the champions, an answer. Works on one set of champions from beginning to
 * end, so all rows of a request are answered by one model.
 */

#include <stddef.h>

#include "model-api/champions.h"
#include "model-api/journal.h"
#include "model-api/metrics.h"
#include "model-api/reply.h"

/* What predictions are made of, whatever the protocol. */
struct serving {
	const struct champions *champions;
	const char *preferred; /* champions_find() */
	size_t max_rows;
	struct metrics *metrics; /* NULL: nothing is counted */
	struct journal *journal; /* NULL: nothing is logged */
};

void predict(const struct serving *serving, const char *body, size_t size, struct reply *reply);

/* Columns of the widest model that is served; bounds what a request may hold. */
size_t serving_columns(const struct serving *serving);

#endif
