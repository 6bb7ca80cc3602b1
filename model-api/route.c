#include "model-api/route.h"

#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/version.h"
#include "model-api/predict.h"

/* ------------------------------------------------------------------ predictions and models */

static void answer_predict(struct service *service, const struct call *call, struct reply *reply)
{
	const struct champions *champions = model_table_enter(service->table);

	predict(champions, service->default_pipeline, service->max_rows, call->body, call->size, service->metrics,
		reply);
	model_table_leave(service->table);
}

static json_t *describe(const struct model *model)
{
	char promoted_at[CLOCK_TEXT_SIZE], loaded_at[CLOCK_TEXT_SIZE];

	return json_pack("{s:s, s:i, s:i, s:s, s:s, s:s}", "pipeline", model->pipeline, "promotion_id",
			 model->promotion_id, "model_id", model->model_id, "sha256", model->sha256, "promoted_at",
			 clock_format(model->promoted_at_s, promoted_at), "served_since",
			 clock_format(model->loaded_at_s, loaded_at));
}

static void answer_version(struct service *service, const struct call *call, struct reply *reply)
{
	const struct champions *champions = model_table_enter(service->table);
	struct fail fail = {0};
	int status = 0;
	const struct model *model =
	    champions_find(champions, call->pipeline, service->default_pipeline, &status, &fail);
	json_t *value = model ? describe(model) : NULL;

	model_table_leave(service->table);
	if (!model) {
		reply_error(reply, status, "%s", fail.text);
		return;
	}
	json_object_set_new(value, "instance", json_string(service->instance));
	json_object_set_new(value, "version", json_string(green_ml_version));
	reply_json(reply, 200, value);
}

/* The first call asks for a look at the registry, the second says what came of it. */
static void answer_update(struct service *service, const struct call *call, struct reply *reply)
{
	const struct champions *champions;
	json_t *models = json_array();
	char text[512];

	if (call->ticket == 0) {
		json_decref(models);
		reply_clear(reply);
		reply->ticket = watch_ask(service->watch, false);
		return;
	}
	if (watch_finished(service->watch) < call->ticket) {
		json_decref(models);
		reply_error(reply, 503, "the registry has not answered in time; what is loaded keeps serving");
		return;
	}
	if (!watch_result(service->watch, text, sizeof(text))) {
		json_decref(models);
		reply_error(reply, 503, "the models are not up to date: %s", text);
		return;
	}
	champions = model_table_enter(service->table);
	for (int i = 0; i < champions->count; i++)
		json_array_append_new(models, describe(champions->models[i]));
	model_table_leave(service->table);
	reply_json(reply, 200,
		   json_pack("{s:s, s:s, s:o}", "status", "ok", "instance", service->instance, "models", models));
}

/* ------------------------------------------------------------------ health */

static void answer_live(struct service *service UNUSED, const struct call *call UNUSED, struct reply *reply)
{
	reply_json(reply, 200, json_pack("{s:b}", "live", 1));
}

static void answer_ready(struct service *service, const struct call *call UNUSED, struct reply *reply)
{
	bool draining = atomic_load(&service->draining);
	int models = model_table_enter(service->table)->count;

	model_table_leave(service->table);
	if (draining)
		reply_error(reply, 503, "the server is shutting down");
	else if (models == 0)
		reply_error(reply, 503, "no model is loaded yet");
	else
		reply_json(reply, 200, json_pack("{s:b}", "ready", 1));
}

/* ------------------------------------------------------------------ metrics */

static void write_model(struct text *text, const struct model *model)
{
	struct text labels;

	text_init(&labels, 1024);
	metrics_label(&labels, "pipeline", model->pipeline);
	text_printf(text, "green_ml_api_model_info{%s,model_id=\"%d\",promotion_id=\"%d\",sha256=\"%s\"} 1\n",
		    labels.data, model->model_id, model->promotion_id, model->sha256);
	text_release(&labels);
}

static void write_models(struct service *service, struct text *text)
{
	const struct champions *champions = model_table_enter(service->table);

	metrics_head(text, "green_ml_api_model_info", "gauge", "The models served.");
	for (int i = 0; i < champions->count; i++)
		write_model(text, champions->models[i]);
	metrics_head(text, "green_ml_api_model_promotion_id", "gauge", "The promotion served, by pipeline.");
	for (int i = 0; i < champions->count; i++)
		text_printf(text, "green_ml_api_model_promotion_id{pipeline=\"%s\"} %d\n",
			    champions->models[i]->pipeline, champions->models[i]->promotion_id);
	metrics_head(text, "green_ml_api_model_loaded_timestamp_seconds", "gauge", "When the model was loaded.");
	for (int i = 0; i < champions->count; i++)
		text_printf(text, "green_ml_api_model_loaded_timestamp_seconds{pipeline=\"%s\"} %.3f\n",
			    champions->models[i]->pipeline, champions->models[i]->loaded_at_s);
	model_table_leave(service->table);
}

static void answer_metrics(struct service *service, const struct call *call UNUSED, struct reply *reply)
{
	reply_clear(reply);
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_head(&reply->body, "green_ml_api_build_info", "gauge", "The program's version.");
	text_printf(&reply->body, "green_ml_api_build_info{version=\"%s\"} 1\n", green_ml_version);
	write_models(service, &reply->body);
	watch_write(service->watch, &reply->body);
	metrics_write(service->metrics, &reply->body);
	if (reply->body.overflow)
		reply_error(reply, 500, "the metrics are longer than %zu bytes", reply->body.max_size);
}

/* ------------------------------------------------------------------ the table */

enum { GET = 1, POST = 2, JSON_BODY = 4 };

static const struct route {
	const char *path;
	int flags;
	void (*answer)(struct service *service, const struct call *call, struct reply *reply);
} routes[] = {
    {"/predict", POST | JSON_BODY, answer_predict},
    {"/update", POST, answer_update},
    {"/version", GET, answer_version},
    {"/metrics", GET, answer_metrics},
    {"/health/live", GET, answer_live},
    {"/health/ready", GET, answer_ready},
    {"/v2/health/live", GET, answer_live},
    {"/v2/health/ready", GET, answer_ready},
};
enum { ROUTE_COUNT = sizeof(routes) / sizeof(*routes) };
_Static_assert((int)ROUTE_COUNT < (int)METRICS_MAX_ROUTES,
	       "the metrics need a place for every route and one for unknown paths");

int route_find(const char *path)
{
	int route = 0;

	while (route < ROUTE_COUNT && strcmp(routes[route].path, path) != 0)
		route++;
	return route;
}

void route_name_all(struct metrics *metrics)
{
	for (int i = 0; i < ROUTE_COUNT; i++)
		metrics_name_route(metrics, i, routes[i].path);
	metrics_name_route(metrics, ROUTE_COUNT, "other");
}

bool route_allows(int route, const char *method, struct reply *reply)
{
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	const char *allow;

	if (route == ROUTE_COUNT) {
		reply_error(reply, 404, "there is no such path");
		return false;
	}
	if (routes[route].flags & (reads ? GET : strcmp(method, "POST") == 0 ? POST : 0))
		return true;
	allow = routes[route].flags & GET ? "GET, HEAD" : "POST";
	reply_error(reply, 405, "%s allows %s only", routes[route].path, allow);
	reply->allow = allow;
	return false;
}

/* application/json, in any case of letters, with parameters; a charset other than UTF-8 is none that JSON has. */
static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	const char *charset;
	size_t length = strcspn(type, "; \t");

	if (length != strlen(json) || strncasecmp(type, json, length) != 0)
		return false;
	charset = strcasestr(type + length, "charset=");
	if (!charset)
		return true;
	charset += strlen("charset=");
	charset += *charset == '"';
	return strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "utf8", 4) == 0 ||
	       strncasecmp(charset, "us-ascii", 8) == 0;
}

bool route_accepts(int route, const char *content_type, struct reply *reply)
{
	if (!content_type || !*content_type || !(routes[route].flags & JSON_BODY) || is_json(content_type))
		return true;
	reply_error(reply, 415, "the body must be JSON in UTF-8: send it with Content-Type: application/json");
	return false;
}

void route_answer(int route, struct service *service, const struct call *call, struct reply *reply)
{
	routes[route].answer(service, call, reply);
}
