#include "model-api/infer.h"

#include <string.h>

#include "common/version.h"
#include "model-api/infer_read.h"
#include "model-api/score.h"

enum { PARAMETERS_ROOM = 96 }; /* of those that are not ids */

/* ------------------------------------------------------------------ the answer of an inference */

struct answer {
	const struct model *model;
	const struct inference *inference;
	struct text *body;
	struct text probabilities; /* data of the second output, which follows the first */
};

static bool put_block(void *context, const struct score_block *block)
{
	struct answer *answer = context;
	const struct model *model = answer->model;
	size_t classes = (size_t)model->forest->class_count;

	for (size_t i = 0; i < block->rows; i++) {
		const struct model_label *label = &model->labels[block->classes[i]];
		size_t quote = model->integer_labels; /* left out on both sides */

		if (answer->inference->prediction && block->first + i)
			text_add(answer->body, ",", 1);
		if (answer->inference->prediction)
			text_add(answer->body, label->quoted + quote, label->quoted_size - 2 * quote);
		for (size_t j = 0; block->scores && j < classes; j++)
			text_printf(&answer->probabilities, "%s%.9g", block->first + i + j ? "," : "",
				    forest_probability(model->forest, block->scores[i * classes + j]));
	}
	return !answer->body->overflow && !answer->probabilities.overflow;
}

static void put_outputs(struct answer *answer, struct scoring *scoring)
{
	const struct inference *inference = answer->inference;

	text_puts(answer->body, "\"outputs\":[");
	if (inference->prediction)
		text_printf(answer->body, "{\"name\":\"prediction\",\"shape\":[%zu],\"datatype\":\"%s\",\"data\":[",
			    inference->rows, answer->model->integer_labels ? "INT64" : "BYTES");
	score_rows(scoring);
	if (inference->prediction)
		text_puts(answer->body, inference->probabilities ? "]}," : "]}");
	if (inference->probabilities) {
		text_printf(answer->body,
			    "{\"name\":\"probabilities\",\"shape\":[%zu,%d],\"datatype\":\"FP64\",\"data\":[",
			    inference->rows, answer->model->forest->class_count);
		text_add(answer->body, answer->probabilities.data, answer->probabilities.size);
		text_puts(answer->body, "]}");
	}
	text_puts(answer->body, "]");
}

/* Parameters are scalars in this protocol, so each logged row has one of its own. */
static void put_parameters(struct answer *answer, struct scoring *scoring)
{
	char id[JOURNAL_ID_SIZE];

	text_printf(answer->body, ",\"parameters\":{\"promotion_id\":%d", answer->model->promotion_id);
	if (answer->inference->encoded.unseen_count)
		text_printf(answer->body, ",\"unseen_values\":%zu", answer->inference->encoded.unseen_count);
	for (size_t i = 0; i < scoring->drawn_count; i++)
		if (score_log(scoring, i, id))
			text_printf(answer->body, ",\"prediction_id_%zu\":\"%s\"", scoring->drawn[i].row, id);
	text_puts(answer->body, "}}\n");
}

static void write_answer(const struct serving *serving, const struct model *model, const struct inference *inference,
			 struct reply *reply)
{
	struct answer answer = {.model = model, .inference = inference, .body = &reply->body};
	struct scoring scoring = {.model = model,
				  .encoded = &inference->encoded,
				  .rows = inference->rows,
				  .probabilities = inference->probabilities,
				  .journal = serving->journal,
				  .put = put_block,
				  .context = &answer};
	bool complete;

	reply_clear(reply);
	text_init(&answer.probabilities, reply->body.max_size);
	text_printf(answer.body, "{\"model_name\":\"%s\",\"model_version\":\"%d\",", model->pipeline, model->model_id);
	if (inference->id) {
		text_puts(answer.body, "\"id\":\"");
		text_json_escape(answer.body, json_string_value(inference->id));
		text_puts(answer.body, "\",");
	}
	put_outputs(&answer, &scoring);
	complete = !answer.probabilities.overflow && score_has_room(&scoring, answer.body, PARAMETERS_ROOM);
	if (complete)
		put_parameters(&answer, &scoring);
	if (!complete || answer.body->overflow)
		reply_error(reply, 400, "the answer would be longer than %zu bytes: ask for fewer rows at once",
			    reply->body.max_size);
	else if (serving->metrics)
		score_count(&scoring, serving->metrics);
	text_release(&answer.probabilities);
	score_release(&scoring);
}

void infer(const struct serving *serving, const struct infer_call *call, struct reply *reply)
{
	struct inference inference = {0};
	struct fail fail = {0};
	int status;
	const struct model *model =
	    champions_find_version(serving->champions, call->model, call->version, &status, &fail);

	if (!model) {
		reply_error(reply, status, "%s", fail.text);
		return;
	}
	if (call->json_size > call->size)
		fail_set(&fail, EXIT_BAD_DATA, "Inference-Header-Content-Length is %zu, the body has %zu bytes",
			 call->json_size, call->size);
	else if (inference_read(&inference, model, call->body, call->size, call->json_size, serving->max_rows, &fail))
		write_answer(serving, model, &inference, reply);
	if (inference.encoded.missing && serving->metrics)
		metrics_add(serving->metrics, model->missing_series, 1);
	if (fail.code)
		reply_error(reply, 400, "%s", fail.text);
	inference_release(&inference);
}

/* ------------------------------------------------------------------ metadata */

void infer_server_metadata(struct reply *reply)
{
	reply_json(reply, 200,
		   json_pack("{s:s, s:s, s:[]}", "name", "green-ml", "version", green_ml_version, "extensions"));
}

static json_t *tensor(const char *name, const char *datatype, int columns)
{
	json_t *shape = json_pack("[i]", -1);

	if (columns)
		json_array_append_new(shape, json_integer(columns));
	return json_pack("{s:s, s:s, s:o}", "name", name, "datatype", datatype, "shape", shape);
}

static json_t *input_tensors(const struct model *model)
{
	static const char *const datatypes[] = {
	    [COLUMN_INTEGER] = "INT32", [COLUMN_REAL] = "FP32", [COLUMN_CATEGORY] = "BYTES"};
	json_t *inputs = json_array();

	for (int i = 0; i < model->forest->feature_count; i++)
		json_array_append_new(
		    inputs, tensor(model->features[i].column.name, datatypes[model->features[i].column.type], 1));
	return inputs;
}

/* The classes in the order of "probabilities". */
static json_t *class_names(const struct model *model)
{
	json_t *names = json_array();

	for (int i = 0; i < model->forest->class_count; i++)
		json_array_append_new(names, json_string(model->forest->labels[i]));
	return names;
}

/* A pinned model that has become the champion is one version. */
static json_t *version_names(const struct champions *champions, const char *pipeline)
{
	json_t *versions = json_array();

	for (int i = 0; i < champions->count; i++)
		if (strcmp(champions->models[i]->pipeline, pipeline) == 0)
			json_array_append_new(versions, json_sprintf("%d", champions->models[i]->model_id));
	for (int i = 0; i < champions->pinned_count; i++)
		if (strcmp(champions->pinned[i]->pipeline, pipeline) == 0 &&
		    !champions_holds(champions, champions->pinned[i]->model_id))
			json_array_append_new(versions, json_sprintf("%d", champions->pinned[i]->model_id));
	return versions;
}

void infer_model_metadata(const struct champions *champions, const char *name, const char *version, struct reply *reply)
{
	struct fail fail = {0};
	int status;
	const struct model *model = champions_find_version(champions, name, version, &status, &fail);

	if (!model) {
		reply_error(reply, status, "%s", fail.text);
		return;
	}
	reply_json(reply, 200,
		   json_pack("{s:s, s:o, s:s, s:o, s:[o, o], s:o}", "name", model->pipeline, "versions",
			     version_names(champions, model->pipeline), "platform", "green-ml_forestv1", "inputs",
			     input_tensors(model), "outputs",
			     tensor("prediction", model->integer_labels ? "INT64" : "BYTES", 0),
			     tensor("probabilities", "FP64", model->forest->class_count), "classes",
			     class_names(model)));
}

void infer_model_ready(const struct champions *champions, const char *name, const char *version, struct reply *reply)
{
	struct fail fail = {0};
	int status;
	const struct model *model = champions_find_version(champions, name, version, &status, &fail);

	if (model)
		reply_json(reply, 200, json_pack("{s:s, s:b}", "name", model->pipeline, "ready", 1));
	else
		reply_error(reply, status, "%s", fail.text);
}
