#ifndef MODEL_TRAINING_EXPORT_H
#define MODEL_TRAINING_EXPORT_H

/* A stored model as a file: its own bytes (docs/MODEL_FORMAT.md), or ONNX (onnx.h). */

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"

/* model_id NULL: the pipeline's champion. path "-": stdout; else a file beside it is written and renamed over it, so
 * that a reader sees the old model or the new one. format: "binary" or "onnx"; NULL: what the path's end says.
 * EXIT_WRONG_USE: there is no such model of the pipeline. *exported: its id. */
bool export_model(PGconn *db, const char *pipeline, const char *model_id, const char *path, const char *format,
		  int *exported, struct fail *fail) MUST_USE;

#endif
