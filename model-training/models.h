#ifndef MODEL_TRAINING_MODELS_H
#define MODEL_TRAINING_MODELS_H

/* What the registry knows about a pipeline's models, as JSON for the commands list and show. Every json_t is the
 * caller's. */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"

/* {"pipeline", "champion_model_id", "models": [...]}, the newest first; limit 0: all. The champion is listed, too,
 * where it is older than those. */
bool models_list(PGconn *db, const char *pipeline, int64_t limit, json_t **list, struct fail *fail) MUST_USE;

/* What served when: {"pipeline", "served": [{"promotion_id", "model_id", "from", "until", ...}]}, the newest first.
 * model_id 0: all models'. */
bool models_served(PGconn *db, const char *pipeline, int model_id, int64_t limit, json_t **served,
		   struct fail *fail) MUST_USE;

/* One model with its metrics, the gate's numbers and when it served. EXIT_WRONG_USE: the pipeline has no such model. */
bool models_show(PGconn *db, const char *pipeline, int model_id, json_t **model, struct fail *fail) MUST_USE;

#endif
