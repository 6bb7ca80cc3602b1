#include "model-api/answers.h"

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/version.h"
#include "model-api/feedback.h"
#include "model-api/infer.h"
#include "model-api/openapi.h"
#include "model-api/predict.h"

/* ------------------------------------------------------------------ predictions and models */

static struct serving enter(struct service *service)
{
	return (struct serving){.champions = model_table_enter(service->table),
				.preferred = service->default_pipeline,
				.max_rows = service->max_rows,
				.metrics = service->metrics,
				.journal = service->journal};
}

void answer_predict(struct service *service, const struct call *call, struct reply *reply)
{
	struct serving serving = enter(service);

	predict(&serving, call->body, call->size, reply);
	model_table_leave(service->table);
}

/* NULL: the path names none. */
static const char *version_of(const struct call *call)
{
	return *call->names->version ? call->names->version : NULL;
}

void answer_infer(struct service *service, const struct call *call, struct reply *reply)
{
	struct serving serving = enter(service);
	struct infer_call infer_call = {.model = call->names->model,
					.version = version_of(call),
					.body = call->body,
					.size = call->size,
					.json_size = call->json_size};

	infer(&serving, &infer_call, reply);
	model_table_leave(service->table);
}

void answer_server_metadata(struct service *service UNUSED, const struct call *call UNUSED, struct reply *reply)
{
	infer_server_metadata(reply);
}

void answer_model_metadata(struct service *service, const struct call *call, struct reply *reply)
{
	infer_model_metadata(model_table_enter(service->table), call->names->model, version_of(call), reply);
	model_table_leave(service->table);
}

void answer_model_ready(struct service *service, const struct call *call, struct reply *reply)
{
	if (atomic_load(&service->draining)) {
		reply_error(reply, 503, "the server is shutting down");
		return;
	}
	infer_model_ready(model_table_enter(service->table), call->names->model, version_of(call), reply);
	model_table_leave(service->table);
}

void answer_feedback(struct service *service, const struct call *call, struct reply *reply)
{
	if (call->ticket.of == TICKET_NONE)
		feedback_take(service->journal, call->body, call->size, reply);
	else
		feedback_answer(service->journal, call->ticket.number, reply);
}

void answer_openapi(struct service *service UNUSED, const struct call *call UNUSED, struct reply *reply)
{
	size_t size;
	const char *json = openapi_json(&size);

	reply_clear(reply);
	text_add(&reply->body, json, size);
}

static json_t *describe(const struct model *model)
{
	char promoted_at[CLOCK_TEXT_SIZE], loaded_at[CLOCK_TEXT_SIZE], trained_at[CLOCK_TEXT_SIZE];
	json_t *value = json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s}", "pipeline", model->pipeline, "promotion_id",
				  model->promotion_id, "model_id", model->model_id, "sha256", model->sha256,
				  "trained_at", clock_format(model->trained_at_s, trained_at), "promoted_at",
				  clock_format(model->promoted_at_s, promoted_at), "served_since",
				  clock_format(model->loaded_at_s, loaded_at));

	if (model->holdout_n)
		json_object_set_new(value, "accuracy", json_real((double)model->holdout_k / (double)model->holdout_n));
	json_object_set_new(value, "holdout_rows", json_integer(model->holdout_n));
	return value;
}

void answer_version(struct service *service, const struct call *call, struct reply *reply)
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
void answer_update(struct service *service, const struct call *call, struct reply *reply)
{
	const struct champions *champions;
	json_t *models = json_array();
	char text[512];

	if (call->ticket.of == TICKET_NONE) {
		json_decref(models);
		reply_clear(reply);
		reply->ticket = (struct ticket){TICKET_LOOK, watch_ask(service->watch, false)};
		return;
	}
	if (watch_finished(service->watch) < call->ticket.number) {
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

void answer_live(struct service *service UNUSED, const struct call *call UNUSED, struct reply *reply)
{
	reply_json(reply, 200, json_pack("{s:b}", "live", 1));
}

void answer_ready(struct service *service, const struct call *call UNUSED, struct reply *reply)
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
	/* A pinned model that has become the champion is one model. */
	for (int i = 0; i < champions->pinned_count; i++)
		if (!champions_holds(champions, champions->pinned[i]->model_id))
			write_model(text, champions->pinned[i]);
	metrics_head(text, "green_ml_api_model_promotion_id", "gauge", "The promotion served, by pipeline.");
	for (int i = 0; i < champions->count; i++)
		text_printf(text, "green_ml_api_model_promotion_id{pipeline=\"%s\"} %d\n",
			    champions->models[i]->pipeline, champions->models[i]->promotion_id);
	metrics_head(text, "green_ml_api_model_loaded_timestamp_seconds", "gauge", "When the model was loaded.");
	for (int i = 0; i < champions->count; i++)
		text_printf(text, "green_ml_api_model_loaded_timestamp_seconds{pipeline=\"%s\"} %.3f\n",
			    champions->models[i]->pipeline, champions->models[i]->loaded_at_s);
	metrics_head(text, "green_ml_api_model_trained_timestamp_seconds", "gauge",
		     "When the model was trained: its age is the time since then.");
	for (int i = 0; i < champions->count; i++)
		text_printf(text, "green_ml_api_model_trained_timestamp_seconds{pipeline=\"%s\"} %.3f\n",
			    champions->models[i]->pipeline, champions->models[i]->trained_at_s);
	model_table_leave(service->table);
}

void answer_metrics(struct service *service, const struct call *call UNUSED, struct reply *reply)
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
