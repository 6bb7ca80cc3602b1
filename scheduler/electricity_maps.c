/*
 * Electricity Maps: /carbon-intensity/latest, /history (the last 24 h) and /forecast (of paid keys), header auth-token.
 */

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/provider.h"

static char *address(const struct provider_request *request, enum want want)
{
	static const char *const paths[] = {"latest", "history", "forecast"};

	return xasprintf("%s/carbon-intensity/%s?zone=%s&emissionFactorType=%s", request->url, paths[want],
			 request->zone, request->factors);
}

static char *authorize(const struct provider_request *request, struct series *series)
{
	if (request->token && *request->token)
		return xasprintf("auth-token: %s", request->token);
	series_refuse(series, "there is no ELECTRICITY_MAPS_TOKEN (or ELECTRICITY_MAPS_TOKEN_FILE)");
	return NULL;
}

/* The factors must be the ones asked for, where they are told. */
static bool has_our_factors(const struct provider_request *request, const json_t *reply, struct series *series)
{
	const json_t *factors = json_object_get(reply, "emissionFactorType");
	const char *text = json_string_value(factors);

	if (!factors || (text && strcmp(text, request->factors) == 0))
		return true;
	series_refuse(series, "Electricity Maps answered with \"%.40s\" emission factors instead of \"%s\"",
		      text ? text : "", request->factors);
	return false;
}

static void add(const struct provider_request *request, const json_t *point, struct series *series)
{
	if (has_our_factors(request, point, series))
		series_add_text(series, json_object_get(point, "datetime"), json_object_get(point, "carbonIntensity"),
				1, json_is_true(json_object_get(point, "isEstimated")));
}

/* Why the one value that was asked for is none. */
static void explain(const json_t *reply, struct series *series)
{
	const json_t *value = json_object_get(reply, "carbonIntensity");

	if (json_is_null(value))
		series_refuse(series, "Electricity Maps answered that the intensity is not known (null)");
	else if (!json_is_number(value))
		series_refuse(series, "Electricity Maps answered without a numeric carbonIntensity");
	else if (!(json_number_value(value) >= 0 && json_number_value(value) <= PROVIDER_MAX_INTENSITY))
		series_refuse(series, "Electricity Maps answered %g gCO2/kWh, which is not between 0 and %d",
			      json_number_value(value), (int)PROVIDER_MAX_INTENSITY);
	else
		series_refuse(series, "Electricity Maps answered without a datetime that can be read");
}

static void read(const struct provider_request *request, enum want want, const json_t *reply, struct series *series)
{
	static const char *const lists[] = {NULL, "history", "forecast"};
	const char *zone = json_string_value(json_object_get(reply, "zone"));
	const char *updated = json_string_value(json_object_get(reply, "updatedAt"));
	const json_t *point;
	size_t index;

	if (!json_is_object(reply)) {
		series_refuse(series, "Electricity Maps answered no JSON object");
		return;
	}
	if (!zone || strcmp(zone, request->zone) != 0) {
		series_refuse(series, "Electricity Maps answered for zone \"%.40s\" instead of \"%s\"",
			      zone ? zone : "", request->zone);
		return;
	}
	if (want == WANT_NEWEST) {
		add(request, reply, series);
		if (series->count == 0)
			explain(reply, series);
		return;
	}
	if (want == WANT_FORECAST && (!updated || !clock_parse(updated, &series->issued_s)))
		series->issued_s = request->now_s;
	json_array_foreach(json_object_get(reply, lists[want]), index, point) add(request, point, series);
}

const struct provider electricity_maps = {
    .name = "electricity-maps",
    .title = "Electricity Maps",
    .url = "https://api.electricitymaps.com/v3",
    .signal = "average",
    .refresh_s = 3600,
    .reach_s = 86400,
    .address = address,
    .authorize = authorize,
    .read = read,
};
