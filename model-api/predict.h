#ifndef MODEL_API_PREDICT_H
#define MODEL_API_PREDICT_H

/*
 * POST /predict without the network: a body, the champions, an answer. Works on one set of champions from beginning to
 * end, so all rows of a request are answered by one model.
 */

#include <stddef.h>

#include "model-api/champions.h"
#include "model-api/metrics.h"
#include "model-api/reply.h"

/* preferred: champions_find(). metrics may be NULL. */
void predict(const struct champions *champions, const char *preferred, size_t max_rows, const char *body, size_t size,
	     struct metrics *metrics, struct reply *reply);

#endif
