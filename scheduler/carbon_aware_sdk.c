/*
 * The WebAPI of the Carbon Aware SDK: /emissions/bylocation and /emissions/forecasts/current. It hands on what its own
 * source says; which signal and factors that are is for whoever set it up to say in the spec.
 */

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/provider.h"

enum { DAY_S = 86400 };

static char *address(const struct provider_request *request, enum want want)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	if (want == WANT_FORECAST)
		return xasprintf("%s/emissions/forecasts/current?location=%s", request->url, request->zone);
	clock_format(want == WANT_NEWEST ? request->now_s - 7200 : request->from_s, from);
	clock_format(request->now_s, until);
	return xasprintf("%s/emissions/bylocation?location=%s&time=%s&toTime=%s", request->url, request->zone, from,
			 until);
}

static void add(const struct provider_request *request, const json_t *point, const char *time, const char *value,
		struct series *series)
{
	const char *location = json_string_value(json_object_get(point, "location"));

	if (!location || strcmp(location, request->zone) != 0)
		series_refuse(series, "the Carbon Aware SDK answered for \"%.40s\" instead of \"%s\"",
			      location ? location : "", request->zone);
	else
		series_add_text(series, json_object_get(point, time), json_object_get(point, value), 1, false);
}

static void read(const struct provider_request *request, enum want want, const json_t *reply, struct series *series)
{
	const json_t *forecast = json_array_get(reply, 0), *point;
	const char *issued = json_string_value(json_object_get(forecast, "generatedAt"));
	size_t index;

	if (!json_is_array(reply)) {
		series_refuse(series, "the Carbon Aware SDK answered no JSON array");
		return;
	}
	if (want == WANT_FORECAST) {
		if (!issued || !clock_parse(issued, &series->issued_s))
			series->issued_s = request->now_s;
		json_array_foreach(json_object_get(forecast, "forecastData"), index, point)
		    add(request, point, "timestamp", "value", series);
	} else {
		json_array_foreach(reply, index, point) add(request, point, "time", "rating", series);
	}
}

const struct provider carbon_aware_sdk = {
    .name = "carbon-aware-sdk",
    .title = "the Carbon Aware SDK",
    .signal = NULL,
    .refresh_s = 900,
    .reach_s = 31 * DAY_S,
    .address = address,
    .read = read,
};
