/*
 * WattTime v3: the marginal emission rate of a region (co2_moer) in lb/MWh. /login with user and password gives a token
 * for half an hour; a process of this program is shorter than that, or asks anew.
 */

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/provider.h"

enum { REACH_S = 31 * 86400 };

static const double lb_per_mwh = 0.45359237; /* in g/kWh */

static char *address(const struct provider_request *request, enum want want)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	if (want == WANT_FORECAST)
		return xasprintf("%s/v3/forecast?region=%s&signal_type=co2_moer&horizon_hours=72", request->url,
				 request->zone);
	clock_format(want == WANT_NEWEST ? request->now_s - 7200 : request->from_s, from);
	clock_format(request->now_s, until);
	return xasprintf("%s/v3/historical?region=%s&signal_type=co2_moer&start=%s&end=%s", request->url, request->zone,
			 from, until);
}

static char *base64(const char *text)
{
	size_t size = strlen(text);
	char *out = xcalloc(size / 3 * 4 + 5, 1);

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)size);
	return out;
}

static char *authorize(const struct provider_request *request, struct series *series)
{
	char *both, *code, *header, *url;
	const char *token;
	json_t *reply;

	if (!request->user || !*request->user || !request->password || !*request->password) {
		series_refuse(series, "there is no WATTTIME_USER with a WATTTIME_PASSWORD (or WATTTIME_PASSWORD_FILE)");
		return NULL;
	}
	both = xasprintf("%s:%s", request->user, request->password);
	code = base64(both);
	header = xasprintf("Authorization: Basic %s", code);
	url = xasprintf("%s/login", request->url);
	reply = provider_get(&watttime, url, header, request->now_s, series);
	token = json_string_value(json_object_get(reply, "token"));
	explicit_bzero(both, strlen(both));
	explicit_bzero(code, strlen(code));
	explicit_bzero(header, strlen(header));
	free(both);
	free(code);
	free(header);
	free(url);
	header = token ? xasprintf("Authorization: Bearer %s", token) : NULL;
	if (!token)
		series_refuse(series, "WattTime gave no token");
	json_decref(reply);
	return header;
}

static bool is_ours(const struct provider_request *request, const json_t *meta, struct series *series)
{
	const char *region = json_string_value(json_object_get(meta, "region"));
	const char *units = json_string_value(json_object_get(meta, "units"));
	const char *signal = json_string_value(json_object_get(meta, "signal_type"));

	if (!region || strcmp(region, request->zone) != 0)
		series_refuse(series, "WattTime answered for region \"%.40s\" instead of \"%s\"", region ? region : "",
			      request->zone);
	else if (!units || strcmp(units, "lbs_co2_per_mwh") != 0)
		series_refuse(series, "WattTime answered in \"%.40s\" instead of lbs_co2_per_mwh", units ? units : "");
	else if (!signal || strcmp(signal, "co2_moer") != 0)
		series_refuse(series, "WattTime answered with the signal \"%.40s\" instead of co2_moer",
			      signal ? signal : "");
	else
		return true;
	return false;
}

static void read(const struct provider_request *request, enum want want, const json_t *reply, struct series *series)
{
	const json_t *meta = json_object_get(reply, "meta"), *point;
	const char *issued = json_string_value(json_object_get(meta, "generated_at"));
	size_t index;

	if (!is_ours(request, meta, series))
		return;
	if (want == WANT_FORECAST && (!issued || !clock_parse(issued, &series->issued_s)))
		series->issued_s = request->now_s;
	json_array_foreach(json_object_get(reply, "data"), index, point) series_add_text(
	    series, json_object_get(point, "point_time"), json_object_get(point, "value"), lb_per_mwh, false);
}

const struct provider watttime = {
    .name = "watttime",
    .title = "WattTime",
    .url = "https://api.watttime.org",
    .signal = "marginal",
    .factors = "direct",
    .refresh_s = 900,
    .reach_s = REACH_S,
    .address = address,
    .authorize = authorize,
    .read = read,
};
