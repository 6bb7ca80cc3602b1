#ifndef SCHEDULER_BACKTEST_TRACE_H
#define SCHEDULER_BACKTEST_TRACE_H

/*
 * The files of a backtest: traces that together make one, and forecasts. A file is read wherever it lies, unless
 * DATA_ROOT is set: then below it only. EXIT_WRONG_USE for a file that cannot be read, EXIT_BAD_DATA for its content.
 */

#include "common/setting.h"
#include "scheduler/backtest.h"

/* Joins the traces in time order; a moment that two of them hold is an error, and so is a gap of more than one value.
 * The reading is lag_s old. outlook is to be released. */
bool backtest_trace_read(const struct setting_list *actual, const struct setting_list *forecast, double lag_s,
			 struct outlook *outlook, struct fail *fail) MUST_USE;

/* The points of the traces alone; the caller frees *points. */
bool backtest_trace_points(const struct setting_list *actual, struct carbon_point **points, size_t *count,
			   double *end_s, struct fail *fail) MUST_USE;

/* A CSV of two numbers a line below this header, such as start_step,duration_steps. The caller frees *pairs. */
bool backtest_trace_pairs(const char *path, const char *header, bool first_is_time, double (**pairs)[2], size_t *count,
			  struct fail *fail) MUST_USE;

#endif
