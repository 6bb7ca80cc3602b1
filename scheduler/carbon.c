#include "scheduler/carbon.h"

#include <ctype.h>
#include <math.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/carbon_store.h"
#include "scheduler/provider.h"
#include "scheduler/trace.h"

enum { HOUR_S = 3600, DAY_S = 86400, BACK_DAYS = 30, FUTURE_S = 300 };

static bool is_zone(const char *zone)
{
	size_t size = strlen(zone);

	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)zone[i]) && zone[i] != '-' && zone[i] != '_')
			return false;
	return size > 0 && size <= 40;
}

static bool open_kind(const struct config *config, const char *name, struct carbon_source *source, struct fail *fail)
{
	if (strncmp(name, "list:", 5) == 0) {
		source->kind = CARBON_POINTS;
		source->provider = "list";
		return trace_parse_list(name + 5, &source->points, &source->count, &source->end_s, fail);
	}
	if (strncmp(name, "file:", 5) == 0) {
		source->kind = CARBON_POINTS;
		source->provider = "file";
		return trace_read_file(name + 5, &source->points, &source->count, &source->end_s, fail);
	}
	source->provider = name;
	source->asked = provider_find(name);
	if (source->asked)
		source->kind = CARBON_PROVIDER;
	else if (*config->carbon)
		return fail_set(
		    fail, EXIT_WRONG_USE,
		    "carbon provider \"%s\" is not known: this version has %s, list:START/PERIOD:V1,V2,... and "
		    "file:PATH",
		    name, provider_names());
	return true;
}

/* Each provider has its own address and secret. */
static void take_access(const struct config *config, struct carbon_source *source)
{
	source->url = config->carbon_url;
	if (strcmp(source->provider, "electricity-maps") == 0) {
		source->token = config->electricity_maps_token;
		if (!source->url || !*source->url)
			source->url = config->electricity_maps_url;
	}
	source->user = config->watttime_user;
	source->password = config->watttime_password;
}

bool carbon_open(const struct config *config, struct carbon_source *source, struct fail *fail)
{
	const char *name = *config->carbon ? config->carbon : config->signal_provider;

	*source = (struct carbon_source){
	    .signal = config->signal_kind,
	    .factors = config->signal_factors,
	    .zone = config->zone,
	    .more_fetched_s = NAN,
	};
	if (!is_zone(config->zone))
		return fail_set(fail, EXIT_WRONG_USE, "zone \"%s\" is not one such as DE or US-CAL-CISO", config->zone);
	if (!open_kind(config, name, source, fail)) {
		carbon_release(source);
		return false;
	}
	take_access(config, source);
	snprintf(source->label, sizeof(source->label), "%.40s/%s/%s/%s", source->provider, source->signal,
		 source->factors, source->zone);
	return true;
}

void carbon_release(struct carbon_source *source)
{
	free(source->points);
	free(source->forecast);
	source->points = NULL;
	source->forecast = NULL;
	source->count = source->forecast_count = 0;
}

void carbon_point_reading(const struct carbon_source *source, double now_s, struct reading *reading)
{
	size_t low = 0, high = source->count;
	char text[CLOCK_TEXT_SIZE];

	while (low < high) { /* the first point that starts after now */
		size_t middle = low + (high - low) / 2;

		if (source->points[middle].start_s <= now_s)
			low = middle + 1;
		else
			high = middle;
	}
	reading->known = low > 0 && now_s < source->end_s;
	if (reading->known) {
		reading->gco2_per_kwh = source->points[low - 1].gco2_per_kwh;
		reading->start_s = source->points[low - 1].start_s;
		reading->age_s = 0;
	} else if (low == 0) {
		snprintf(reading->reason, sizeof(reading->reason), "the carbon %s begins at %s", source->provider,
			 clock_format(source->points[0].start_s, text));
	} else {
		snprintf(reading->reason, sizeof(reading->reason), "the carbon %s ended at %s", source->provider,
			 clock_format(source->end_s, text));
	}
}

/* ------------------------------------------------------------------ providers */

void carbon_series_reading(const struct carbon_source *source, const struct series *series, double now_s,
			   struct reading *reading)
{
	const char *title = source->asked->title;
	const struct series_point *newest = NULL;

	reading->known = false;
	reading->retry_at_s = fmax(reading->retry_at_s, series->retry_at_s);
	for (size_t i = 0; i < series->count && series->points[i].start_s <= now_s + FUTURE_S; i++)
		newest = &series->points[i];
	if (series->count == 0) {
		snprintf(reading->reason, sizeof(reading->reason), "%s", series->reason);
	} else if (!newest) {
		snprintf(reading->reason, sizeof(reading->reason),
			 "the newest hour of %s begins %.1f hours after now: check the clock", title,
			 (series->points[0].start_s - now_s) / HOUR_S);
	} else if (now_s - newest->start_s > CARBON_STALE_S) {
		snprintf(reading->reason, sizeof(reading->reason),
			 "the newest hour of %s began %.1f hours ago, more than %d", title,
			 (now_s - newest->start_s) / HOUR_S, CARBON_STALE_S / HOUR_S);
	} else {
		reading->known = true;
		reading->gco2_per_kwh = newest->gco2_per_kwh;
		reading->start_s = newest->start_s;
		reading->age_s = fmax(0, now_s - newest->start_s);
		reading->estimated = newest->estimated;
	}
}

static void ask(const struct carbon_source *source, enum want want, double from_s, double now_s, struct series *series)
{
	struct provider_request request = {
	    .zone = source->zone,
	    .signal = source->signal,
	    .factors = source->factors,
	    .url = source->url,
	    .token = source->token,
	    .user = source->user,
	    .password = source->password,
	    .now_s = now_s,
	    .from_s = from_s,
	};

	provider_ask(source->asked, want, &request, series);
}

static int compare_points(const void *a, const void *b)
{
	const struct carbon_point *x = a, *y = b;

	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

/* What was said is kept in the source too: not every caller has a database, or may write to it. Of two values of one
 * time one stays. */
static void keep_points(struct carbon_source *source, const struct series *series)
{
	size_t all = source->count, kept = 0;

	source->points = xreallocarray(source->points, all + series->count + 1, sizeof(*source->points));
	for (size_t i = 0; i < series->count; i++)
		source->points[all++] =
		    (struct carbon_point){series->points[i].start_s, series->points[i].gco2_per_kwh};
	qsort(source->points, all, sizeof(*source->points), compare_points);
	for (size_t i = 0; i < all; i++)
		if (kept == 0 || source->points[i].start_s > source->points[kept - 1].start_s)
			source->points[kept++] = source->points[i];
	source->count = kept;
}

static void keep_forecast(struct carbon_source *source, const struct series *series)
{
	free(source->forecast);
	source->forecast = xcalloc(series->count + 1, sizeof(*source->forecast));
	source->forecast_count = series->count;
	for (size_t i = 0; i < series->count; i++)
		source->forecast[i] = (struct forecast_point){series->issued_s, series->points[i].start_s,
							      series->points[i].gco2_per_kwh};
}

static bool fetch_forecast(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
			   struct fail *fail)
{
	struct series series;
	bool done = true;

	ask(source, WANT_FORECAST, now_s, now_s, &series);
	reading->retry_at_s = fmax(reading->retry_at_s, series.retry_at_s);
	keep_forecast(source, &series);
	if (db && store && series.count > 0)
		done = carbon_store_series(db, source, &series, true, now_s, fail);
	series_release(&series);
	return done;
}

/* The days before, in as many questions as the provider wants; it ends where one is not answered. */
static bool fetch_history(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
			  struct fail *fail)
{
	double from_s = now_s - BACK_DAYS * DAY_S, reach_s = source->asked->reach_s;
	bool done = true;

	if (reach_s <= DAY_S)
		from_s = now_s - reach_s;
	while (done && from_s < now_s && reading->retry_at_s <= now_s) {
		struct series series;
		bool answered;

		ask(source, WANT_HISTORY, from_s, now_s, &series);
		answered = series.count > 0;
		reading->retry_at_s = fmax(reading->retry_at_s, series.retry_at_s);
		keep_points(source, &series);
		if (db && store && answered)
			done = carbon_store_series(db, source, &series, false, now_s, fail);
		series_release(&series);
		if (!answered)
			break;
		from_s += reach_s;
	}
	return done;
}

/* The forecast once an hour; the days before while nothing of them is stored. */
static bool fetch_more(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		       struct fail *fail)
{
	double forecast_fetched_s = source->more_fetched_s, oldest_s = source->more_fetched_s - DAY_S;

	if (!db && now_s - source->more_fetched_s < HOUR_S)
		return true;
	source->more_fetched_s = now_s;
	if (db && !carbon_store_extent(db, source, now_s, &forecast_fetched_s, &oldest_s, fail))
		return false;
	if (!(now_s - oldest_s >= DAY_S) && !fetch_history(source, db, now_s, store, reading, fail))
		return false;
	return now_s - forecast_fetched_s < HOUR_S || reading->retry_at_s > now_s ||
	       fetch_forecast(source, db, now_s, store, reading, fail);
}

static bool ask_newest(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		       struct fail *fail)
{
	struct series series;
	bool done = true, answered;

	ask(source, WANT_NEWEST, now_s, now_s, &series);
	carbon_series_reading(source, &series, now_s, reading);
	keep_points(source, &series);
	if (db && store && series.count > 0)
		done = carbon_store_series(db, source, &series, false, now_s, fail);
	answered = series.answered;
	series_release(&series);
	return done &&
	       (!answered || reading->retry_at_s > now_s || fetch_more(source, db, now_s, store, reading, fail));
}

/* This hour's value from the cache, else from the provider, else a cached one that is not stale. */
static bool read_live(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		      struct fail *fail)
{
	char reason[sizeof(reading->reason)], text[CLOCK_TEXT_SIZE];
	double pause_until_s = 0;

	if (!db)
		return ask_newest(source, db, now_s, store, reading, fail);
	if (!carbon_store_newest(db, source, now_s, source->asked->refresh_s, reading, fail) || reading->known)
		return fail->code == 0;
	if (!carbon_store_pause(db, source, now_s, &pause_until_s, fail))
		return false;
	if (pause_until_s > now_s) {
		reading->retry_at_s = pause_until_s;
		snprintf(reading->reason, sizeof(reading->reason), "%s asked not to be asked before %s",
			 source->provider, clock_format(pause_until_s, text));
	} else if (!ask_newest(source, db, now_s, store, reading, fail)) {
		return false;
	}
	if (reading->known)
		return true;
	memcpy(reason, reading->reason, sizeof(reason));
	if (!carbon_store_newest(db, source, now_s, CARBON_STALE_S, reading, fail))
		return false;
	memcpy(reading->reason, reason, sizeof(reason));
	return true;
}

bool carbon_read(struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		 struct fail *fail)
{
	*reading = (struct reading){.retry_at_s = 0};
	memcpy(reading->source, source->label, sizeof(reading->source));
	switch (source->kind) {
	case CARBON_POINTS:
		carbon_point_reading(source, now_s, reading);
		return true;
	case CARBON_PROVIDER:
		return read_live(source, db, now_s, store, reading, fail);
	case CARBON_UNAVAILABLE:
		break;
	}
	snprintf(reading->reason, sizeof(reading->reason),
		 "this version has no carbon provider \"%.40s\", which the spec names: name another with --carbon",
		 source->provider);
	return true;
}

/* ------------------------------------------------------------------ what is known besides */

static void slice_points(const struct carbon_source *source, double from_s, double until_s,
			 struct carbon_point **points, size_t *count)
{
	*points = xcalloc(source->count + 1, sizeof(**points));
	for (size_t i = 0; i < source->count; i++)
		if (source->points[i].start_s >= from_s && source->points[i].start_s < until_s)
			(*points)[(*count)++] = source->points[i];
}

bool carbon_history(const struct carbon_source *source, PGconn *db, double from_s, double until_s,
		    struct carbon_point **points, size_t *count, struct fail *fail)
{
	*points = NULL;
	*count = 0;
	if (source->kind == CARBON_PROVIDER && db &&
	    !carbon_store_history(db, source, from_s, until_s, points, count, fail))
		return false;
	if (*count > 0)
		return true;
	free(*points);
	slice_points(source, from_s, until_s, points, count);
	return true;
}

bool carbon_forecast(const struct carbon_source *source, PGconn *db, double from_s, double due_s, double now_s,
		     struct forecast_point **points, size_t *count, struct fail *fail)
{
	*points = NULL;
	*count = 0;
	if (source->kind != CARBON_PROVIDER)
		return true;
	if (db && !carbon_store_forecast(db, source, from_s, due_s, now_s, points, count, fail))
		return false;
	if (*count > 0)
		return true;
	*points = xreallocarray(*points, source->forecast_count + 1, sizeof(**points));
	for (size_t i = 0; i < source->forecast_count; i++)
		(*points)[(*count)++] = source->forecast[i];
	return true;
}
