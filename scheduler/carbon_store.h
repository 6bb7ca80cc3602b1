#ifndef SCHEDULER_CARBON_STORE_H
#define SCHEDULER_CARBON_STORE_H

/*
 * Intensities in green_ml.carbon_intensity: what was fetched, never changed. A value that a provider revises is a new
 * row; readers take the newest one. Rows of another provider, signal, zone or kind of factors are never read.
 */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/carbon.h"
#include "scheduler/provider.h"

bool carbon_store_series(PGconn *db, const struct carbon_source *source, const struct series *series, bool is_forecast,
			 double now_s, struct fail *fail) MUST_USE;

/* The newest actual value that is younger than age_s. */
bool carbon_store_newest(PGconn *db, const struct carbon_source *source, double now_s, double age_s,
			 struct reading *reading, struct fail *fail) MUST_USE;

/* When the newest forecast was fetched, and the oldest actual value starts; NAN: there is none. */
bool carbon_store_extent(PGconn *db, const struct carbon_source *source, double now_s, double *forecast_fetched_s,
			 double *oldest_s, struct fail *fail) MUST_USE;

/* Actual values that start in [from_s, until_s), as means of hours, ascending; free *points. Finer ones would only make
 * decisions, which keep what they were made from, four times as large. */
bool carbon_store_history(PGconn *db, const struct carbon_source *source, double from_s, double until_s,
			  struct carbon_point **points, size_t *count, struct fail *fail) MUST_USE;

/* Of each slot from from_s on: the newest value that was known as it began, that was known at due_s, and that is known
 * now, as means of hours; free *points. */
bool carbon_store_forecast(PGconn *db, const struct carbon_source *source, double from_s, double due_s, double now_s,
			   struct forecast_point **points, size_t *count, struct fail *fail) MUST_USE;

/* Until when an earlier tick was asked to leave the provider alone; 0: it was not. */
bool carbon_store_pause(PGconn *db, const struct carbon_source *source, double now_s, double *until_s,
			struct fail *fail) MUST_USE;

#endif
