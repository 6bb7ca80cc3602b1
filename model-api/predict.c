#include "model-api/predict.h"

#include <stdlib.h>

#include "common/xalloc.h"
#include "model-api/request.h"

enum { BLOCK_ROWS = 256 };

/* A prediction being written. Probabilities go to a text of their own, because they follow the predictions. */
struct answer {
	const struct model *model;
	const struct request *request;
	const struct encoded *encoded;
	struct text *body;
	struct text probabilities;
	uint64_t *class_counts;
};

static void put_string(struct text *text, const char *string)
{
	text_add(text, "\"", 1);
	text_json_escape(text, string);
	text_add(text, "\"", 1);
}

static void put_probabilities(struct text *text, const struct forest *forest, const uint64_t *scores)
{
	for (int i = 0; i < forest->class_count; i++) {
		text_puts(text, i ? "," : "{");
		put_string(text, forest->labels[i]);
		text_printf(text, ":%.9g", forest_probability(forest, scores[i]));
	}
	text_puts(text, "}");
}

static void put_block(struct answer *answer, size_t first, size_t rows)
{
	const struct forest *forest = answer->model->forest;
	size_t classes = (size_t)forest->class_count;
	uint64_t *scores = answer->request->probabilities ? xcalloc(rows * classes, sizeof(*scores)) : NULL;
	uint16_t found[BLOCK_ROWS];

	model_predict(answer->model, answer->encoded->keys + first * (size_t)forest->feature_count, rows, found,
		      scores);
	for (size_t i = 0; i < rows; i++) {
		if (first + i)
			text_add(answer->body, ",", 1);
		put_string(answer->body, forest->labels[found[i]]);
		answer->class_counts[found[i]]++;
		if (scores && first + i)
			text_add(&answer->probabilities, ",", 1);
		if (scores)
			put_probabilities(&answer->probabilities, forest, scores + i * classes);
	}
	free(scores);
}

static void put_rows(struct answer *answer)
{
	size_t count = answer->request->row_count;

	text_puts(answer->body, answer->request->row ? "{\"prediction\":" : "{\"predictions\":[");
	for (size_t first = 0; first < count && !answer->body->overflow; first += BLOCK_ROWS)
		put_block(answer, first, count - first < BLOCK_ROWS ? count - first : BLOCK_ROWS);
	if (answer->request->rows)
		text_puts(answer->body, "]");
	if (!answer->request->probabilities)
		return;
	text_puts(answer->body, ",\"probabilities\":");
	if (answer->request->rows)
		text_puts(answer->body, "[");
	text_add(answer->body, answer->probabilities.data, answer->probabilities.size);
	if (answer->request->rows)
		text_puts(answer->body, "]");
}

/* One row: ["town"]. Several: [{"row":0,"columns":["town"]}, ...]. */
static void put_unseen(struct answer *answer)
{
	const struct encoded *encoded = answer->encoded;

	for (size_t i = 0; i < encoded->unseen_count; i++) {
		const struct unseen *unseen = &encoded->unseen[i];
		bool first_of_row = i == 0 || encoded->unseen[i - 1].row != unseen->row;
		bool last_of_row = i + 1 == encoded->unseen_count || encoded->unseen[i + 1].row != unseen->row;

		text_puts(answer->body, i ? "," : ",\"unseen\":[");
		if (answer->request->rows && first_of_row)
			text_printf(answer->body, "{\"row\":%zu,\"columns\":[", unseen->row);
		put_string(answer->body, answer->model->features[unseen->feature].column.name);
		if (answer->request->rows && last_of_row)
			text_puts(answer->body, "]}");
	}
	if (encoded->unseen_count)
		text_puts(answer->body, "]");
}

static void count_answer(const struct answer *answer, struct metrics *metrics)
{
	for (int i = 0; i < answer->model->forest->class_count; i++)
		if (answer->class_counts[i])
			metrics_add(metrics, answer->model->prediction_series[i], answer->class_counts[i]);
	if (answer->encoded->unseen_count)
		metrics_add(metrics, answer->model->unseen_series, answer->encoded->unseen_count);
}

static void write_answer(const struct request *request, const struct model *model, const struct encoded *encoded,
			 struct metrics *metrics, struct reply *reply)
{
	struct answer answer = {.model = model, .request = request, .encoded = encoded, .body = &reply->body};
	bool complete;

	reply_clear(reply);
	text_init(&answer.probabilities, reply->body.max_size);
	answer.class_counts = xcalloc((size_t)model->forest->class_count, sizeof(*answer.class_counts));
	put_rows(&answer);
	put_unseen(&answer);
	text_puts(answer.body, ",\"pipeline\":");
	put_string(answer.body, model->pipeline);
	text_printf(answer.body, ",\"model\":%d,\"promotion\":%d}\n", model->model_id, model->promotion_id);
	complete = !answer.body->overflow && !answer.probabilities.overflow;
	if (complete && metrics)
		count_answer(&answer, metrics);
	if (!complete)
		reply_error(reply, 400, "the answer would be longer than %zu bytes: ask for fewer rows at once",
			    reply->body.max_size);
	text_release(&answer.probabilities);
	free(answer.class_counts);
}

static size_t widest(const struct champions *champions)
{
	size_t columns = 1;

	for (int i = 0; i < champions->count; i++)
		if ((size_t)champions->models[i]->forest->feature_count > columns)
			columns = (size_t)champions->models[i]->forest->feature_count;
	return columns;
}

void predict(const struct champions *champions, const char *preferred, size_t max_rows, const char *body, size_t size,
	     struct metrics *metrics, struct reply *reply)
{
	struct request_limits limits = {.max_rows = max_rows, .max_columns = widest(champions)};
	struct request request = {0};
	struct encoded encoded = {0};
	struct fail fail = {0};
	const struct model *model = NULL;
	int status = 400;

	/* Without any model nothing can be answered, and how large a request may be is not known. */
	if (champions->count == 0)
		model = champions_find(champions, NULL, preferred, &status, &fail);
	else if (request_parse(body, size, &limits, &request, &fail))
		model = champions_find(champions, request.pipeline, preferred, &status, &fail);
	if (model && !request_encode(&request, model, &encoded, &fail)) {
		status = 400;
		model = NULL;
	}
	if (model)
		write_answer(&request, model, &encoded, metrics, reply);
	else
		reply_error(reply, status, "%s", fail.text);
	encoded_release(&encoded);
	request_release(&request);
}
