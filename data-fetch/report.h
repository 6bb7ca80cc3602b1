#ifndef DATA_FETCH_REPORT_H
#define DATA_FETCH_REPORT_H

/* What a load came to: log lines, the result on stdout (a sentence, or one JSON object), and the step outputs load_id
 * (0: nothing was loaded), rows, rows_known, rejected. */

#include <stdbool.h>

#include "common/fail.h"
#include "data-fetch/load.h"
#include "data-fetch/pass.h"

bool report_load(const struct load_result *result, const struct window *window, const char *source,
		 const char *location, bool as_json, struct fail *fail) MUST_USE;

#endif
