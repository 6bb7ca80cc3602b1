/*
 * Energy-Charts (Fraunhofer ISE), without a token: /co2eq?country=de gives the day's values and its forecast in quarter
 * hours, in arrays of one length. What is behind the last value that is known is null.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "scheduler/provider.h"

enum { DAY_S = 86400, AHEAD_S = 3 * DAY_S };

static char *address(const struct provider_request *request, enum want want)
{
	char *country = xstrdup(request->zone), *url;
	double from_s = want == WANT_HISTORY  ? request->from_s
			: want == WANT_NEWEST ? request->now_s - DAY_S
					      : request->now_s;

	for (char *c = country; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	url = xasprintf("%s/co2eq?country=%s&start=%.0f&end=%.0f", request->url, country, from_s,
			want == WANT_FORECAST ? request->now_s + AHEAD_S : request->now_s);
	free(country);
	return url;
}

static void read(const struct provider_request *request, enum want want, const json_t *reply, struct series *series)
{
	const json_t *times = json_object_get(reply, "unix_seconds");
	const json_t *values = json_object_get(reply, want == WANT_FORECAST ? "co2eq_forecast" : "co2eq");

	if (!json_is_array(times) || !json_is_array(values)) {
		series_refuse(series, "Energy-Charts answered without the arrays unix_seconds and %s",
			      want == WANT_FORECAST ? "co2eq_forecast" : "co2eq");
		return;
	}
	if (json_array_size(times) != json_array_size(values)) {
		series_refuse(series, "Energy-Charts answered %zu times and %zu values", json_array_size(times),
			      json_array_size(values));
		return;
	}
	for (size_t i = 0; i < json_array_size(times); i++) {
		const json_t *time = json_array_get(times, i);
		double start_s = json_is_integer(time) ? json_number_value(time) : -1;

		if (start_s >= 0 && (want != WANT_FORECAST || start_s > request->now_s - 900))
			series_add(series, start_s, json_array_get(values, i), 1, false);
	}
}

const struct provider energy_charts = {
    .name = "energy-charts",
    .title = "Energy-Charts",
    .url = "https://api.energy-charts.info",
    .signal = "average",
    .factors = "lifecycle",
    .refresh_s = 900,
    .reach_s = 31 * DAY_S,
    .address = address,
    .read = read,
};
