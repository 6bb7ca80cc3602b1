/*
 * The carbon intensity API of NESO (Great Britain), without a token, in half hours. Zone GB: the country, with actual
 * values; GB-1 to GB-17: a region by its id, which has forecasts only, so that the half hour of now is its reading.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/provider.h"

enum { SLOT_S = 1800, DAY_S = 86400, REACH_S = 13 * DAY_S };

/* 0: the country; -1: no zone of this provider. */
static long region_of(const char *zone)
{
	char *end;
	long region;

	if (strcmp(zone, "GB") == 0)
		return 0;
	if (strncmp(zone, "GB-", 3) != 0)
		return -1;
	region = strtol(zone + 3, &end, 10);
	return *end || region < 1 || region > 17 ? -1 : region;
}

/* The API wants the times without seconds; from the half hour on, so that many ask the same. */
static void half_hour(double at_s, char text[CLOCK_TEXT_SIZE])
{
	clock_format(floor(at_s / SLOT_S) * SLOT_S, text);
	snprintf(text + 16, CLOCK_TEXT_SIZE - 16, "Z");
}

static char *address(const struct provider_request *request, enum want want)
{
	long region = region_of(request->zone);
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	half_hour(want == WANT_HISTORY ? request->from_s : request->now_s, from);
	half_hour(fmin(request->from_s + REACH_S, request->now_s), until);
	if (region < 0 || (region > 0 && want == WANT_HISTORY))
		return NULL;
	if (region > 0)
		return xasprintf("%s/regional/intensity/%s/fw48h/regionid/%ld", request->url, from, region);
	if (want == WANT_HISTORY)
		return xasprintf("%s/intensity/%s/%s", request->url, from, until);
	return xasprintf("%s/intensity/%s/%s", request->url, from, want == WANT_FORECAST ? "fw48h" : "pt24h");
}

/* A region's points are one level deeper, in an object or in an array of one. */
static const json_t *points_of(const struct provider_request *request, const json_t *reply, struct series *series)
{
	const json_t *data = json_object_get(reply, "data"),
		     *region = json_is_array(data) ? json_array_get(data, 0) : data;
	long wanted = region_of(request->zone);

	if (wanted == 0)
		return data;
	if (json_integer_value(json_object_get(region, "regionid")) == wanted)
		return json_object_get(region, "data");
	series_refuse(series, "NESO answered for region %lld instead of %ld",
		      (long long)json_integer_value(json_object_get(region, "regionid")), wanted);
	return NULL;
}

/* "2018-01-20T12:00Z" */
static double moment(const json_t *value)
{
	char text[CLOCK_TEXT_SIZE];
	const char *word = json_string_value(value);
	double at_s;

	if (!word || strlen(word) != 17 || word[16] != 'Z')
		return word && clock_parse(word, &at_s) ? at_s : NAN;
	snprintf(text, sizeof(text), "%.16s:00Z", word);
	return clock_parse(text, &at_s) ? at_s : NAN;
}

static void read(const struct provider_request *request, enum want want, const json_t *reply, struct series *series)
{
	const json_t *points = points_of(request, reply, series), *point;
	const char *key = want == WANT_FORECAST || region_of(request->zone) > 0 ? "forecast" : "actual";
	size_t index;

	json_array_foreach(points, index, point)
	{
		double start_s = moment(json_object_get(point, "from"));
		bool has_begun = start_s <= request->now_s;

		if (!isnan(start_s) && (want == WANT_FORECAST || has_begun))
			series_add(series, start_s, json_object_get(json_object_get(point, "intensity"), key), 1,
				   want != WANT_FORECAST && strcmp(key, "forecast") == 0);
	}
}

const struct provider uk_neso = {
    .name = "uk-neso",
    .title = "NESO",
    .url = "https://api.carbonintensity.org.uk",
    .signal = "average",
    .factors = "direct",
    .refresh_s = SLOT_S,
    .reach_s = REACH_S,
    .address = address,
    .read = read,
};
