#ifndef MODEL_TRAINING_REPORT_H
#define MODEL_TRAINING_REPORT_H

/* What is known about the quality of a stored model, as one JSON object and as text. */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"

/* EXIT_WRONG_USE: the pipeline has no such model. The caller frees *report. */
bool report_load(PGconn *db, const char *pipeline, int model_id, json_t **report, struct fail *fail) MUST_USE;
/* To stdout. */
bool report_print(const json_t *report, bool as_json, struct fail *fail) MUST_USE;

#endif
