#ifndef MODEL_TRAINING_REPORT_H
#define MODEL_TRAINING_REPORT_H

/*
 * What is known about the quality of a model, as one JSON object and as text.
 *
 * report_make() is what green_ml.model.report keeps from the training: {"quality": of the holdout rows (quality.h),
 * "importance": [{"column", "impurity"}, ...] (importance.h)}. report_load() puts it together with the model's metrics,
 * among them "auto", the out-of-bag curve over leaf sizes, and the gate's numbers, among them McNemar's p against the
 * champion. What costs more is made when it is asked for:
 *	report_add_importance()	out-of-bag accuracy of the whole forest, and permutation importance
 *	report_add_drift()	rows that came after the plan against those it was trained on
 */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"
#include "common/forest.h"
#include "common/spec.h"
#include "model-training/dataset.h"
#include "model-training/quality.h"

/* importance: by feature. The caller's. */
json_t *report_make(const struct dataset *dataset, const struct forest *forest, const struct quality *quality,
		    const double *importance);

/* EXIT_WRONG_USE: the pipeline has no such model. The caller frees *report. */
bool report_load(PGconn *db, const char *pipeline, int model_id, json_t **report, struct fail *fail) MUST_USE;

/* "oob" and "permutation" as importance_of_permutation() has them. */
bool report_add_importance(PGconn *db, const struct spec *spec, json_t *report, int threads,
			   struct fail *fail) MUST_USE;
/* "drift": {"rows", "loads", "features": [{"column", "psi", "psi_noise", "js", "level"}, ...]}, common/drift.h; null
 * where no row has come since. */
bool report_add_drift(PGconn *db, json_t *report, struct fail *fail) MUST_USE;

/* To stdout. */
bool report_print(const json_t *report, bool as_json, struct fail *fail) MUST_USE;

#endif
