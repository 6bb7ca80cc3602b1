#include "scheduler/provider.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/http.h"
#include "common/xalloc.h"
#include "scheduler/series.h"

enum { MAX_BODY = 4 << 20, TIMEOUT_S = 15, CONNECT_TIMEOUT_S = 5 };

static const struct provider *const providers[] = {&electricity_maps, &energy_charts, &uk_neso, &watttime,
						   &carbon_aware_sdk};

const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	return NULL;
}

const char *provider_names(void)
{
	return "electricity-maps, energy-charts, uk-neso, watttime, carbon-aware-sdk";
}

/* ------------------------------------------------------------------ the reply */

static json_t *parse(const struct provider *provider, const char *body, size_t size, struct series *series)
{
	json_error_t error;
	json_t *json = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		series_refuse(series, "%s answered no JSON", provider->title);
	return json;
}

/* Numbers made up for tries, as Electricity Maps gives them for a sandbox key. */
static bool is_sandbox(const char *body, size_t size)
{
	static const char *const words[] = {"SANDBOX MODE", "SANDBOX_MODE_DATA"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (memmem(body, size, words[i], strlen(words[i])))
			return true;
	return false;
}

static void explain_status(const struct provider *provider, const struct http_reply *reply, double now_s,
			   struct series *series)
{
	json_t *json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
	const char *detail = json_string_value(json_object_get(json, "detail"));

	switch (reply->status) {
	case 401:
	case 403:
		series_refuse(series, "%s refused the token (status %ld): check it, and that it is for this zone",
			      provider->title, reply->status);
		break;
	case 429:
		series->retry_at_s = now_s + reply->retry_after_s;
		series_refuse(series, "%s says too many requests (status 429), again in %.0f s", provider->title,
			      reply->retry_after_s);
		break;
	case 204:
		series_refuse(series, "%s has nothing for that (status 204)", provider->title);
		break;
	default:
		series_refuse(series, "%s answered with status %ld%s%.100s", provider->title, reply->status,
			      detail ? ": " : "", detail ? detail : "");
	}
	json_decref(json);
}

json_t *provider_get(const struct provider *provider, const char *url, const char *header, double now_s,
		     struct series *series)
{
	const char *headers[] = {"Accept: application/json", header, NULL};
	struct http_request request = {.url = url,
				       .headers = headers,
				       .timeout_s = TIMEOUT_S,
				       .connect_timeout_s = CONNECT_TIMEOUT_S,
				       .max_body_size = MAX_BODY};
	struct http_reply reply = {0};
	struct fail fail = {0};
	json_t *json = NULL;

	if (!http_request(&request, &reply, &fail)) {
		series_refuse(series, "could not ask %s: %.190s", provider->title, fail.text);
		return NULL;
	}
	if (reply.status != 200)
		explain_status(provider, &reply, now_s, series);
	else if (reply.content_type[0] && !strstr(reply.content_type, "json"))
		series_refuse(series, "%s answered %s instead of JSON: check its URL", provider->title,
			      reply.content_type);
	else if (is_sandbox(reply.body.data, reply.body.size))
		series_refuse(series, "the key of %s is a sandbox key, its numbers are made up: use a real one",
			      provider->title);
	else
		json = parse(provider, reply.body.data, reply.body.size, series);
	http_reply_release(&reply);
	return json;
}

/* ------------------------------------------------------------------ one question */

static void take(const struct provider *provider, enum want want, const struct provider_request *request,
		 const json_t *json, struct series *series)
{
	const double earliest[] = {-INFINITY, request->from_s, request->now_s - 7200};

	series->issued_s = request->now_s;
	provider->read(request, want, json, series);
	series->answered = !series->reason[0];
	if (!series->answered)
		series->count = 0;
	series_close(series, earliest[want], INFINITY);
	if (series->count == 0)
		series_refuse(series, "%s answered without a value that can be used", provider->title);
}

void provider_read(const struct provider *provider, enum want want, const struct provider_request *request,
		   const char *body, size_t size, struct series *series)
{
	json_t *json = NULL;

	*series = (struct series){.count = 0};
	if (is_sandbox(body, size))
		series_refuse(series, "the key of %s is a sandbox key, its numbers are made up: use a real one",
			      provider->title);
	else
		json = parse(provider, body, size, series);
	if (json)
		take(provider, want, request, json, series);
	json_decref(json);
}

static bool can_answer(const struct provider *provider, const struct provider_request *request, struct series *series)
{
	if (provider->signal && strcmp(request->signal, provider->signal) != 0)
		series_refuse(series, "%s gives %s intensities, and the spec asks for a %s signal", provider->title,
			      provider->signal, request->signal);
	else if (provider->factors && strcmp(request->factors, provider->factors) != 0)
		series_refuse(series, "%s counts with %s emission factors, and the spec asks for %s ones",
			      provider->title, provider->factors, request->factors);
	else if (!provider->url && (!request->url || !*request->url))
		series_refuse(series, "%s has no address of its own: name it with --carbon-url", provider->title);
	else
		return true;
	return false;
}

void provider_ask(const struct provider *provider, enum want want, const struct provider_request *request,
		  struct series *series)
{
	struct provider_request complete = *request;
	char *url = NULL, *header = NULL;
	json_t *json = NULL;

	*series = (struct series){.count = 0};
	if (!request->url || !*request->url)
		complete.url = provider->url;
	if (can_answer(provider, request, series))
		url = provider->address(&complete, want);
	if (!url)
		series_refuse(series, "%s has no %s", provider->title,
			      want == WANT_FORECAST ? "forecast" : "values of earlier hours");
	if (url && provider->authorize)
		header = provider->authorize(&complete, series);
	if (url && !series->reason[0])
		json = provider_get(provider, url, header, request->now_s, series);
	if (json)
		take(provider, want, &complete, json, series);
	json_decref(json);
	if (header)
		explicit_bzero(header, strlen(header));
	free(header);
	free(url);
}
