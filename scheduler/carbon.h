#ifndef SCHEDULER_CARBON_H
#define SCHEDULER_CARBON_H

/*
 * Where the carbon intensity of the grid comes from.
 *
 *	struct carbon_source source;
 *	if (!carbon_open(&config, &source, &fail)) ...		wrong setting or file
 *	if (!carbon_read(&source, db, now_s, true, &reading, &fail)) ...	the database failed
 *	if (!reading.known) ... reading.reason says why
 *	carbon_history(), carbon_forecast()			what is known besides
 *	carbon_release(&source);
 *
 * Kinds, as --carbon or CARBON_PROVIDER names them; without it the spec's signal.provider counts:
 *	a provider of scheduler/provider.h	asked when something new is due, kept in green_ml.carbon_intensity
 *	list:START/PERIOD:V1,V2,...	values that hold for one period each, from START on:
 *					list:2023-11-14T00:00:00Z/P1D:282,445,552
 *	file:PATH			a trace below DATA_ROOT, CSV with the header start_utc,gco2_per_kwh
 * A list and a file bypass the cache. A spec may name a provider that this version does not have: then there is no
 * reading, and the reading says so; --carbon of an unknown kind is an error.
 *
 * When a provider is asked for a new reading it is also asked for its forecast, at most once an hour, and at first for
 * the 30 days before. Without a database (db NULL) what it said is kept in the source.
 *
 * A reading that failed is never a number: whatever goes wrong between here and the provider leaves known = false.
 */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/config.h"
#include "scheduler/decide.h"

enum carbon_kind { CARBON_UNAVAILABLE, CARBON_POINTS, CARBON_PROVIDER };

enum { CARBON_MAX_INTENSITY = 2000, CARBON_STALE_S = 7200 };

struct provider;
struct series;

struct carbon_source {
	enum carbon_kind kind;
	const char *provider;	      /* "electricity-maps", "list", "file", or the spec's word */
	const char *signal, *factors; /* average or marginal, lifecycle or direct: of the spec */
	const char *zone;
	const struct provider *asked; /* of CARBON_PROVIDER */
	const char *url, *token, *user, *password;
	char label[160];	     /* provider/kind/factors/zone */
	struct carbon_point *points; /* of a list or a trace, or what a provider said; ascending */
	size_t count;
	double end_s;			 /* until when the last of them holds */
	struct forecast_point *forecast; /* what a provider has published just now */
	size_t forecast_count;
	double more_fetched_s; /* when it was asked for forecast and history; NAN: never */
};

bool carbon_open(const struct config *config, struct carbon_source *source, struct fail *fail) MUST_USE;
void carbon_release(struct carbon_source *source);

/* db may be NULL. store: what was fetched is kept in green_ml.carbon_intensity. False only where the database failed.
 */
bool carbon_read(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		 struct fail *fail) MUST_USE;

/* Known values that start in [from_s, until_s), ascending; the caller frees *points. */
bool carbon_history(const struct carbon_source *source, PGconn *db, double from_s, double until_s,
		    struct carbon_point **points, size_t *count, struct fail *fail) MUST_USE;

/* What is published, and was for slots from from_s on and at due_s; the caller frees *points. */
bool carbon_forecast(const struct carbon_source *source, PGconn *db, double from_s, double due_s, double now_s,
		     struct forecast_point **points, size_t *count, struct fail *fail) MUST_USE;

/* The value of a list or a trace at that time. */
void carbon_point_reading(const struct carbon_source *source, double now_s, struct reading *reading);

/* The newest value of a provider's series, unless it is stale or not of now. */
void carbon_series_reading(const struct carbon_source *source, const struct series *series, double now_s,
			   struct reading *reading);

#endif
