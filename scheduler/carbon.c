#include "scheduler/carbon.h"

#include <ctype.h>
#include <math.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/xalloc.h"
#include "scheduler/electricity_maps.h"
#include "scheduler/trace.h"

enum { HOUR_S = 3600 };

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
	if (strcmp(name, "electricity-maps") == 0)
		source->kind = CARBON_ELECTRICITY_MAPS;
	else if (*config->carbon)
		return fail_set(fail, EXIT_WRONG_USE,
				"carbon provider \"%s\" is not known: this version has electricity-maps, "
				"list:START/PERIOD:V1,V2,... and "
				"file:PATH",
				name);
	return true;
}

bool carbon_open(const struct config *config, struct carbon_source *source, struct fail *fail)
{
	const char *name = *config->carbon ? config->carbon : config->signal_provider;

	*source = (struct carbon_source){
	    .signal = config->signal_kind,
	    .factors = config->signal_factors,
	    .zone = config->zone,
	    .url = config->electricity_maps_url,
	    .token = config->electricity_maps_token,
	};
	if (!is_zone(config->zone))
		return fail_set(fail, EXIT_WRONG_USE, "zone \"%s\" is not one such as DE or US-CAL-CISO", config->zone);
	if (!open_kind(config, name, source, fail)) {
		carbon_release(source);
		return false;
	}
	snprintf(source->label, sizeof(source->label), "%.40s/%s/%s/%s", source->provider, source->signal,
		 source->factors, source->zone);
	return true;
}

void carbon_release(struct carbon_source *source)
{
	free(source->points);
	source->points = NULL;
	source->count = 0;
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

/* The newest stored value that is not older than that. */
static bool read_cache(const struct carbon_source *source, PGconn *db, double now_s, double age_s,
		       struct reading *reading, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "sssstt",
		      "SELECT gco2_per_kwh, extract(epoch FROM start_at), is_estimated FROM green_ml.carbon_intensity "
		      "WHERE provider = $1 AND kind = $2 AND factors = $3 AND zone = $4 AND NOT is_forecast "
		      "AND start_at > $5 AND start_at <= $6 ORDER BY start_at DESC, fetched_at DESC LIMIT 1",
		      source->provider, source->signal, source->factors, source->zone, now_s - age_s, now_s);

	if (!row)
		return fail_prefix(fail, "could not read the stored carbon intensity");
	reading->known = PQntuples(row) > 0;
	if (reading->known) {
		reading->gco2_per_kwh = db_real(row, 0, 0);
		reading->start_s = db_real(row, 0, 1);
		reading->age_s = now_s - reading->start_s;
		reading->estimated = db_bool(row, 0, 2);
	}
	db_free(row);
	return true;
}

static bool write_cache(const struct carbon_source *source, PGconn *db, double now_s, const struct reading *reading,
			struct fail *fail)
{
	return db_runf(db, fail, "sssstttfb",
		       "INSERT INTO green_ml.carbon_intensity (provider, kind, factors, zone, start_at, issued_at, "
		       "fetched_at, "
		       "gco2_per_kwh, is_forecast, is_estimated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, $9) "
		       "ON CONFLICT DO NOTHING",
		       source->provider, source->signal, source->factors, source->zone, reading->start_s,
		       reading->start_s, now_s, reading->gco2_per_kwh, reading->estimated) ||
	       fail_prefix(fail, "could not store the carbon intensity");
}

/* The provider may have asked for a pause in an earlier tick. */
static bool read_pause(const struct carbon_source *source, PGconn *db, double now_s, double *until_s, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "st",
		      "SELECT extract(epoch FROM max((inputs -> 'signal' ->> 'retry_at')::timestamptz)) "
		      "FROM green_ml.decision WHERE source = $1 AND decided_at > $2::timestamptz - interval '1 day'",
		      source->label, now_s);

	if (!row)
		return fail_prefix(fail, "could not read what earlier ticks were told");
	*until_s = db_text(row, 0, 0) ? db_real(row, 0, 0) : 0;
	db_free(row);
	return true;
}

/* This hour's value from the cache, else from the provider, else a cached one that is not stale. */
static bool read_live(const struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		      struct fail *fail)
{
	char reason[sizeof(reading->reason)], text[CLOCK_TEXT_SIZE];
	double pause_until_s = 0;

	if (!read_cache(source, db, now_s, HOUR_S, reading, fail) || reading->known)
		return fail->code == 0;
	if (!read_pause(source, db, now_s, &pause_until_s, fail))
		return false;
	if (pause_until_s > now_s) {
		reading->retry_at_s = pause_until_s;
		snprintf(reading->reason, sizeof(reading->reason), "%s asked not to be asked before %s",
			 source->provider, clock_format(pause_until_s, text));
	} else {
		electricity_maps_read(source, now_s, reading);
	}
	if (reading->known)
		return !store || write_cache(source, db, now_s, reading, fail);
	memcpy(reason, reading->reason, sizeof(reason));
	if (!read_cache(source, db, now_s, CARBON_STALE_S, reading, fail))
		return false;
	memcpy(reading->reason, reason, sizeof(reason));
	return true;
}

bool carbon_read(const struct carbon_source *source, PGconn *db, double now_s, bool store, struct reading *reading,
		 struct fail *fail)
{
	*reading = (struct reading){.retry_at_s = 0};
	memcpy(reading->source, source->label, sizeof(reading->source));
	switch (source->kind) {
	case CARBON_POINTS:
		carbon_point_reading(source, now_s, reading);
		return true;
	case CARBON_ELECTRICITY_MAPS:
		return read_live(source, db, now_s, store, reading, fail);
	case CARBON_UNAVAILABLE:
		break;
	}
	snprintf(reading->reason, sizeof(reading->reason),
		 "this version has no carbon provider \"%.40s\", which the spec names: name another with --carbon",
		 source->provider);
	return true;
}

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
	PGresult *rows;

	*points = NULL;
	*count = 0;
	if (source->kind == CARBON_POINTS)
		slice_points(source, from_s, until_s, points, count);
	if (source->kind != CARBON_ELECTRICITY_MAPS)
		return true;
	rows = db_queryf(
	    db, fail, "sssstt",
	    "SELECT DISTINCT ON (start_at) extract(epoch FROM start_at), gco2_per_kwh FROM green_ml.carbon_intensity "
	    "WHERE provider = $1 AND kind = $2 AND factors = $3 AND zone = $4 AND NOT is_forecast "
	    "AND start_at >= $5 AND start_at < $6 ORDER BY start_at, fetched_at DESC",
	    source->provider, source->signal, source->factors, source->zone, from_s, until_s);
	if (!rows)
		return fail_prefix(fail, "could not read the stored carbon intensities");
	*count = (size_t)PQntuples(rows);
	*points = xcalloc(*count + 1, sizeof(**points));
	for (size_t i = 0; i < *count; i++)
		(*points)[i] = (struct carbon_point){db_real(rows, (int)i, 0), db_real(rows, (int)i, 1)};
	db_free(rows);
	return true;
}
