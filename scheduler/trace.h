#ifndef SCHEDULER_TRACE_H
#define SCHEDULER_TRACE_H

/*
 * Carbon intensities that are written down: a list in a setting, or a CSV file. Both become points in time order; each
 * holds until the next one, and the last as long as the one before it. Forecasts have the time of their issue, too.
 */

#include <stddef.h>

#include "common/fail.h"
#include "scheduler/decide.h"
#include "scheduler/outlook.h"

/* "START/PERIOD:V1,V2,...": ISO time, then P1D, P7D, P2W, PT1H, PT15M, then 0..2000 each. The caller frees *points.
 * EXIT_WRONG_USE for anything else. */
bool trace_parse_list(const char *text, struct carbon_point **points, size_t *count, double *end_s,
		      struct fail *fail) MUST_USE;

/* A CSV file below DATA_ROOT (/data where that exists, else the current directory): header start_utc,gco2_per_kwh,
 * times ascending. EXIT_WRONG_USE for a file that cannot be read or lies elsewhere, EXIT_BAD_DATA for its content. */
bool trace_read_file(const char *path, struct carbon_point **points, size_t *count, double *end_s,
		     struct fail *fail) MUST_USE;

/* What stands in a file, and a NUL; free(). bounded: only below DATA_ROOT; else DATA_ROOT counts where it is set. NULL:
 * EXIT_WRONG_USE for a file that cannot be read or lies elsewhere. */
char *trace_read_text(const char *path, bool bounded, struct fail *fail) MUST_USE;

/* The same from memory; file is only for messages. */
bool trace_parse_csv(const char *file, char *text, struct carbon_point **points, size_t *count, double *end_s,
		     struct fail *fail) MUST_USE;

/* A forecast: header issued_utc,start_utc,gco2_per_kwh, any number of issues in any order; EXIT_BAD_DATA. */
bool trace_parse_forecast(const char *file, char *text, struct forecast_point **points, size_t *count,
			  struct fail *fail) MUST_USE;

#endif
