#ifndef PREPROCESSING_TAKEN_H
#define PREPROCESSING_TAKEN_H

/* What was done, as text or as one JSON object for stdout, and as step outputs. */

#include <stdbool.h>

#include "common/fail.h"
#include "common/text.h"
#include "preprocessing/target.h"

/* "insurance: load 3: 99964 rows, 36 dropped (ps_ind_02_cat 36), 41234 cells", one line per load. */
void taken_text(const struct targets *targets, struct text *text);

/* {"rows", "dropped", "load_id", "feature_sets": [{"pipeline", "version", "loads": [...], ...}]} */
void taken_json(const struct targets *targets, struct text *text);

/* rows, rejected and load_id (the last one taken in, 0 when there was none). */
bool taken_outputs(const struct targets *targets, struct fail *fail) MUST_USE;

#endif
