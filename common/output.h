#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

/*
 * Step outputs: one value per file in OUTPUT_DIR (nothing is written when it is not set). Names that Argo templates
 * rely on: load_id, rows, rows_known, rejected, plan_id, model_id, promotion_id (0: none), promoted, accuracy, decision_id, verdict, workflow.
 * Progress: "N/M" in ARGO_PROGRESS_FILE when that is set, else a line on a terminal, else nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"

bool output_write(struct fail *fail, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void output_progress(int64_t done, int64_t total);
/* Ends a progress line on a terminal. */
void output_progress_end(void);

#endif
