#include "scheduler/electricity_maps.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>

#include "common/clock.h"
#include "common/http.h"
#include "common/xalloc.h"

enum { MAX_BODY = 64 * 1024, FUTURE_S = 300 };

static void none(struct reading *reading, const char *format, ...) PRINTF_LIKE(2, 3);

static void none(struct reading *reading, const char *format, ...)
{
	va_list arguments;

	reading->known = false;
	va_start(arguments, format);
	vsnprintf(reading->reason, sizeof(reading->reason), format, arguments);
	va_end(arguments);
}

static bool has_words(const char *body, size_t size, const char *words)
{
	return memmem(body, size, words, strlen(words)) != NULL;
}

/* The reply's zone and factor type must be the ones asked for. */
static bool is_ours(const json_t *reply, const char *zone, const char *factors, struct reading *reading)
{
	const char *its_zone = json_string_value(json_object_get(reply, "zone"));
	const json_t *its_factors = json_object_get(reply, "emissionFactorType");

	if (!its_zone || strcmp(its_zone, zone) != 0)
		none(reading, "Electricity Maps answered for zone \"%.40s\" instead of \"%s\"",
		     its_zone ? its_zone : "", zone);
	else if (its_factors && (!json_is_string(its_factors) || strcmp(json_string_value(its_factors), factors) != 0))
		none(reading, "Electricity Maps answered with \"%.40s\" emission factors instead of \"%s\"",
		     json_is_string(its_factors) ? json_string_value(its_factors) : "", factors);
	else
		return true;
	return false;
}

static void take_value(const json_t *reply, double now_s, struct reading *reading)
{
	const json_t *value = json_object_get(reply, "carbonIntensity");
	const char *moment = json_string_value(json_object_get(reply, "datetime"));
	double intensity, start_s;

	if (!json_is_number(value)) {
		none(reading, "Electricity Maps answered %s",
		     json_is_null(value) ? "that the intensity is not known (null)"
					 : "without a numeric carbonIntensity");
		return;
	}
	intensity = json_number_value(value);
	if (!(intensity >= 0 && intensity <= CARBON_MAX_INTENSITY))
		none(reading, "Electricity Maps answered %g gCO2/kWh, which is not between 0 and %d", intensity,
		     (int)CARBON_MAX_INTENSITY);
	else if (!moment || !clock_parse(moment, &start_s))
		none(reading, "Electricity Maps answered without a datetime that can be read");
	else if (now_s - start_s > CARBON_STALE_S)
		none(reading, "the newest hour of Electricity Maps began %.1f hours ago, more than %d",
		     (now_s - start_s) / 3600, CARBON_STALE_S / 3600);
	else if (start_s - now_s > FUTURE_S)
		none(reading, "the newest hour of Electricity Maps begins %.1f hours after now: check the clock",
		     (start_s - now_s) / 3600);
	else {
		reading->known = true;
		reading->gco2_per_kwh = intensity;
		reading->start_s = start_s;
		reading->age_s = fmax(0, now_s - start_s);
		reading->estimated = json_is_true(json_object_get(reply, "isEstimated"));
	}
}

void electricity_maps_parse(const char *body, size_t size, const char *zone, const char *factors, double now_s,
			    struct reading *reading)
{
	json_error_t error;
	json_t *reply;

	reading->known = false;
	if (has_words(body, size, "SANDBOX MODE") || has_words(body, size, "SANDBOX_MODE_DATA")) {
		none(reading, "the key of Electricity Maps is a sandbox key, its numbers are made up: use a real one");
		return;
	}
	reply = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(reply))
		none(reading, "Electricity Maps answered no JSON object");
	else if (is_ours(reply, zone, factors, reading))
		take_value(reply, now_s, reading);
	json_decref(reply);
}

static void explain_status(const struct http_reply *reply, double now_s, struct reading *reading)
{
	switch (reply->status) {
	case 401:
	case 403:
		none(reading,
		     "Electricity Maps refused the token (status %ld): check ELECTRICITY_MAPS_TOKEN and its zone",
		     reply->status);
		break;
	case 429:
		reading->retry_at_s = now_s + reply->retry_after_s;
		none(reading, "Electricity Maps says too many requests (status 429), again in %.0f s",
		     reply->retry_after_s);
		break;
	default:
		none(reading, "Electricity Maps answered with status %ld", reply->status);
	}
}

static void ask(const struct carbon_source *source, double now_s, struct reading *reading)
{
	char *url = xasprintf("%s/carbon-intensity/latest?zone=%s&emissionFactorType=%s", source->url, source->zone,
			      source->factors);
	char *token = xasprintf("auth-token: %s", source->token);
	const char *headers[] = {token, "Accept: application/json", NULL};
	struct http_request request = {
	    .url = url, .headers = headers, .timeout_s = 15, .connect_timeout_s = 5, .max_body_size = MAX_BODY};
	struct http_reply reply = {0};
	struct fail fail = {0};

	if (!http_request(&request, &reply, &fail))
		none(reading, "could not ask Electricity Maps: %.200s", fail.text);
	else if (reply.status != 200)
		explain_status(&reply, now_s, reading);
	else if (reply.content_type[0] && !strstr(reply.content_type, "json"))
		none(reading, "Electricity Maps answered %s instead of JSON: check --electricity-maps-url",
		     reply.content_type);
	else
		electricity_maps_parse(reply.body.data, reply.body.size, source->zone, source->factors, now_s, reading);
	if (fail.code == 0)
		http_reply_release(&reply);
	explicit_bzero(token, strlen(token));
	free(token);
	free(url);
}

void electricity_maps_read(const struct carbon_source *source, double now_s, struct reading *reading)
{
	if (strcmp(source->signal, "average") != 0)
		none(reading, "Electricity Maps gives average intensities, and the spec asks for a %s signal",
		     source->signal);
	else if (!source->token || !*source->token)
		none(reading, "there is no ELECTRICITY_MAPS_TOKEN (or ELECTRICITY_MAPS_TOKEN_FILE)");
	else
		ask(source, now_s, reading);
}
