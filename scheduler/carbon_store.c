#include "scheduler/carbon_store.h"

#include <math.h>

#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_ARRAY = 16 << 20 };

#define SAME_SOURCE "provider = $1 AND kind = $2 AND factors = $3 AND zone = $4 "

static void add_number(struct text *array, double number, bool first)
{
	text_printf(array, "%s%.17g", first ? "" : ",", number);
}

bool carbon_store_series(PGconn *db, const struct carbon_source *source, const struct series *series, bool is_forecast,
			 double now_s, struct fail *fail)
{
	struct text starts, values, estimates;
	bool done;

	text_init(&starts, MAX_ARRAY);
	text_init(&values, MAX_ARRAY);
	text_init(&estimates, MAX_ARRAY);
	for (size_t i = 0; i < series->count; i++) {
		add_number(&starts, series->points[i].start_s, i == 0);
		add_number(&values, series->points[i].gco2_per_kwh, i == 0);
		text_printf(&estimates, "%s%c", i ? "," : "", series->points[i].estimated ? 't' : 'f');
	}
	done = db_runf(
	    db, fail, "ssssssstbt",
	    "INSERT INTO green_ml.carbon_intensity (provider, kind, factors, zone, start_at, issued_at, fetched_at, "
	    "gco2_per_kwh, is_forecast, is_estimated) "
	    "SELECT $1, $2, $3, $4, p.start_at, p.issued_at, $8, p.value, $9, p.estimated FROM ("
	    "	SELECT to_timestamp(start_s) AS start_at, CASE WHEN $9 THEN $10 ELSE to_timestamp(start_s) END AS "
	    "issued_at, "
	    "	       value, estimated "
	    "	FROM unnest(('{' || $5 || '}')::float8[], ('{' || $6 || '}')::float8[], ('{' || $7 || '}')::boolean[]) "
	    "	     AS n (start_s, value, estimated)) AS p "
	    "WHERE NOT EXISTS (SELECT FROM green_ml.carbon_intensity WHERE " SAME_SOURCE
	    "	AND start_at = p.start_at AND issued_at = p.issued_at AND is_forecast = $9 AND gco2_per_kwh = p.value) "
	    "ON CONFLICT DO NOTHING",
	    source->provider, source->signal, source->factors, source->zone, starts.data, values.data, estimates.data,
	    now_s, is_forecast, series->issued_s);
	text_release(&starts);
	text_release(&values);
	text_release(&estimates);
	return done || fail_prefix(fail, "could not store the carbon intensity");
}

bool carbon_store_newest(PGconn *db, const struct carbon_source *source, double now_s, double age_s,
			 struct reading *reading, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "sssstt",
		      "SELECT gco2_per_kwh, extract(epoch FROM start_at), is_estimated FROM green_ml.carbon_intensity "
		      "WHERE " SAME_SOURCE "AND NOT is_forecast "
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

bool carbon_store_extent(PGconn *db, const struct carbon_source *source, double now_s, double *forecast_fetched_s,
			 double *oldest_s, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "sssst",
				  "SELECT extract(epoch FROM max(fetched_at) FILTER (WHERE is_forecast)), "
				  "       extract(epoch FROM min(start_at) FILTER (WHERE NOT is_forecast)) "
				  "FROM green_ml.carbon_intensity WHERE " SAME_SOURCE
				  "AND start_at > $5::timestamptz - interval '31 days' AND fetched_at <= $5",
				  source->provider, source->signal, source->factors, source->zone, now_s);

	if (!row)
		return fail_prefix(fail, "could not read the stored carbon intensities");
	*forecast_fetched_s = db_text(row, 0, 0) ? db_real(row, 0, 0) : NAN;
	*oldest_s = db_text(row, 0, 1) ? db_real(row, 0, 1) : NAN;
	db_free(row);
	return true;
}

bool carbon_store_history(PGconn *db, const struct carbon_source *source, double from_s, double until_s,
			  struct carbon_point **points, size_t *count, struct fail *fail)
{
	PGresult *rows =
	    db_queryf(db, fail, "sssstt",
		      "SELECT extract(epoch FROM date_trunc('hour', start_at)), avg(gco2_per_kwh) FROM ("
		      "	SELECT DISTINCT ON (start_at) start_at, gco2_per_kwh FROM green_ml.carbon_intensity "
		      "	WHERE " SAME_SOURCE "AND NOT is_forecast AND start_at >= $5 AND start_at < $6 "
		      "	ORDER BY start_at, fetched_at DESC) AS newest GROUP BY 1 ORDER BY 1",
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

bool carbon_store_forecast(PGconn *db, const struct carbon_source *source, double from_s, double due_s, double now_s,
			   struct forecast_point **points, size_t *count, struct fail *fail)
{
	PGresult *rows = db_queryf(
	    db, fail, "ssssttt",
	    "WITH issue AS (SELECT start_at, issued_at, fetched_at, gco2_per_kwh FROM green_ml.carbon_intensity "
	    "	WHERE " SAME_SOURCE "AND is_forecast AND start_at >= $5 AND issued_at <= $7), "
	    "known AS ("
	    "	(SELECT DISTINCT ON (start_at) * FROM issue WHERE issued_at <= start_at "
	    "	 ORDER BY start_at, issued_at DESC, fetched_at DESC) UNION "
	    "	(SELECT DISTINCT ON (start_at) * FROM issue WHERE issued_at <= $6::timestamptz + interval '1 s' AND "
	    "start_at >= $6::timestamptz - "
	    "interval '1 h' "
	    "	 ORDER BY start_at, issued_at DESC, fetched_at DESC) UNION "
	    "	(SELECT DISTINCT ON (start_at) * FROM issue WHERE start_at >= $7::timestamptz - interval '1 h' "
	    "	 ORDER BY start_at, issued_at DESC, fetched_at DESC)) "
	    "SELECT extract(epoch FROM issued_at), extract(epoch FROM date_trunc('hour', start_at)), avg(gco2_per_kwh) "
	    "FROM known GROUP BY 1, 2 ORDER BY 1, 2",
	    source->provider, source->signal, source->factors, source->zone, from_s, due_s, now_s);

	if (!rows)
		return fail_prefix(fail, "could not read the stored forecasts");
	*count = (size_t)PQntuples(rows);
	*points = xcalloc(*count + 1, sizeof(**points));
	for (size_t i = 0; i < *count; i++)
		(*points)[i] = (struct forecast_point){db_real(rows, (int)i, 0), db_real(rows, (int)i, 1),
						       db_real(rows, (int)i, 2)};
	db_free(rows);
	return true;
}

bool carbon_store_pause(PGconn *db, const struct carbon_source *source, double now_s, double *until_s,
			struct fail *fail)
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
