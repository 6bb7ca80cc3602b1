#include "model-api/predict.h"

#include <stdlib.h>

#include "model-api/request.h"
#include "model-api/scan.h"
#include "model-api/score.h"

/* What was asked, however it was read. */
struct question {
	const struct model *model;
	struct encoded encoded;
	size_t rows;
	bool single; /* "row", not "rows" */
	bool probabilities;
};

/* A prediction being written. Probabilities go to a text of their own, because they follow the predictions. */
struct answer {
	const struct question *question;
	struct text *body;
	struct text probabilities;
};

static void put_probabilities(struct text *text, const struct model *model, const uint64_t *scores)
{
	for (int i = 0; i < model->forest->class_count; i++) {
		text_add(text, i ? "," : "{", 1);
		text_add(text, model->labels[i].quoted, model->labels[i].quoted_size);
		text_printf(text, ":%.9g", forest_probability(model->forest, scores[i]));
	}
	text_add(text, "}", 1);
}

static bool put_block(void *context, const struct score_block *block)
{
	struct answer *answer = context;
	const struct model *model = answer->question->model;
	size_t classes = (size_t)model->forest->class_count;

	for (size_t i = 0; i < block->rows; i++) {
		const struct model_label *label = &model->labels[block->classes[i]];

		if (block->first + i)
			text_add(answer->body, ",", 1);
		text_add(answer->body, label->quoted, label->quoted_size);
		if (!block->scores)
			continue;
		if (block->first + i)
			text_add(&answer->probabilities, ",", 1);
		put_probabilities(&answer->probabilities, model, block->scores + i * classes);
	}
	return !answer->body->overflow && !answer->probabilities.overflow;
}

static void put_rows(struct answer *answer, struct scoring *scoring)
{
	const struct question *question = answer->question;

	text_puts(answer->body, question->single ? "{\"prediction\":" : "{\"predictions\":[");
	score_rows(scoring);
	if (!question->single)
		text_add(answer->body, "]", 1);
	if (!question->probabilities)
		return;
	text_puts(answer->body, question->single ? ",\"probabilities\":" : ",\"probabilities\":[");
	text_add(answer->body, answer->probabilities.data, answer->probabilities.size);
	if (!question->single)
		text_add(answer->body, "]", 1);
}

/* One row: ["town"]. Several: [{"row":0,"columns":["town"]}, ...]. */
static void put_unseen(struct answer *answer)
{
	const struct question *question = answer->question;
	const struct encoded *encoded = &question->encoded;

	for (size_t i = 0; i < encoded->unseen_count; i++) {
		const struct unseen *unseen = &encoded->unseen[i];
		bool first_of_row = i == 0 || encoded->unseen[i - 1].row != unseen->row;
		bool last_of_row = i + 1 == encoded->unseen_count || encoded->unseen[i + 1].row != unseen->row;

		text_puts(answer->body, i ? "," : ",\"unseen\":[");
		if (!question->single && first_of_row)
			text_printf(answer->body, "{\"row\":%zu,\"columns\":[", unseen->row);
		text_add(answer->body, "\"", 1);
		text_json_escape(answer->body, question->model->features[unseen->feature].column.name);
		text_add(answer->body, "\"", 1);
		if (!question->single && last_of_row)
			text_puts(answer->body, "]}");
	}
	if (encoded->unseen_count)
		text_puts(answer->body, "]");
}

/* The ids under which the drawn predictions are logged; what the log has no room for has none. */
static void put_ids(struct answer *answer, struct scoring *scoring)
{
	const char *separator = ",\"ids\":[";
	char id[JOURNAL_ID_SIZE];

	for (size_t i = 0; i < scoring->drawn_count; i++) {
		if (!score_log(scoring, i, id))
			continue;
		if (answer->question->single) {
			text_printf(answer->body, ",\"id\":\"%s\"", id);
			return;
		}
		text_printf(answer->body, "%s{\"row\":%zu,\"id\":\"%s\"}", separator, scoring->drawn[i].row, id);
		separator = ",";
	}
	if (*separator == ',' && separator[1] == '\0')
		text_puts(answer->body, "]");
}

static void write_answer(const struct question *question, const struct serving *serving, struct reply *reply)
{
	struct answer answer = {.question = question, .body = &reply->body};
	struct scoring scoring = {.model = question->model,
				  .encoded = &question->encoded,
				  .rows = question->rows,
				  .probabilities = question->probabilities,
				  .journal = serving->journal,
				  .put = put_block,
				  .context = &answer};
	bool complete;

	reply_clear(reply);
	if (question->probabilities)
		text_init(&answer.probabilities, reply->body.max_size);
	put_rows(&answer, &scoring);
	put_unseen(&answer);
	complete = !answer.probabilities.overflow && score_has_room(&scoring, answer.body, question->model->tail_size);
	if (complete)
		put_ids(&answer, &scoring);
	text_add(answer.body, question->model->tail, question->model->tail_size);
	complete = complete && !answer.body->overflow;
	if (complete && serving->metrics)
		score_count(&scoring, serving->metrics);
	if (!complete)
		reply_error(reply, 400, "the answer would be longer than %zu bytes: ask for fewer rows at once",
			    reply->body.max_size);
	text_release(&answer.probabilities);
	score_release(&scoring);
}

/* ------------------------------------------------------------------ reading */

size_t serving_columns(const struct serving *serving)
{
	size_t columns = 1;

	for (int i = 0; i < serving->champions->count; i++)
		if ((size_t)serving->champions->models[i]->forest->feature_count > columns)
			columns = (size_t)serving->champions->models[i]->forest->feature_count;
	return columns;
}

static bool read_short(struct question *question, const struct serving *serving, const char *body, size_t size)
{
	struct scanned scanned;
	struct fail fail = {0};
	int status;

	question->model = champions_find(serving->champions, NULL, serving->preferred, &status, &fail);
	if (!question->model ||
	    !scan_body(body, size, question->model, serving->max_rows, &question->encoded, &scanned)) {
		encoded_release(&question->encoded);
		question->model = NULL;
		return false;
	}
	question->rows = scanned.rows;
	question->single = scanned.single;
	return true;
}

static bool read_whole(struct question *question, const struct serving *serving, const char *body, size_t size,
		       int *status, struct fail *fail)
{
	struct request_limits limits = {.max_rows = serving->max_rows,
					.max_columns = serving_columns(serving),
					.max_others = REQUEST_OTHERS,
					.max_depth = REQUEST_DEPTH};
	struct request request = {0};
	bool good;

	*status = 400;
	if (!request_parse(body, size, &limits, &request, fail))
		return false;
	question->rows = request.row_count;
	question->single = request.row != NULL;
	question->probabilities = request.probabilities;
	question->model = champions_find(serving->champions, request.pipeline, serving->preferred, status, fail);
	good = question->model && request_encode(&request, question->model, &question->encoded, fail);
	if (question->model && !good) {
		*status = 400;
		if (question->encoded.missing && serving->metrics)
			metrics_add(serving->metrics, question->model->missing_series, 1);
	}
	request_release(&request);
	return good;
}

void predict(const struct serving *serving, const char *body, size_t size, struct reply *reply)
{
	struct question question = {0};
	struct fail fail = {0};
	int status = 400;
	bool good = false;

	/* Without any model nothing can be answered, and how large a request may be is not known. */
	if (serving->champions->count == 0)
		question.model = champions_find(serving->champions, NULL, serving->preferred, &status, &fail);
	else
		good = read_short(&question, serving, body, size) ||
		       read_whole(&question, serving, body, size, &status, &fail);
	if (good)
		write_answer(&question, serving, reply);
	else
		reply_error(reply, status, "%s", fail.text);
	encoded_release(&question.encoded);
}
