/* What of an answer comes into the prediction log, with a journal that has no thread and no database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/text.h"
#include "model-api/infer.h"
#include "model-api/journal_internal.h"
#include "model-api/predict.h"
#include "tests/unit/small_model.h"

static struct model *models[] = {&small_model};
static struct champions champions = {.known = true, .count = 1, .models = models};

static struct journal *make_journal(void)
{
	static char instance[] = "here";
	struct journal *journal = calloc(1, sizeof(*journal));

	assert_non_null(journal);
	journal->settings = (struct journal_settings){.sample = 1, .instance = instance};
	journal->threshold = UINT64_MAX;
	journal->metrics = metrics_new(1);
	journal->dropped_series = metrics_series(journal->metrics, METRIC_LOGGED, "result=\"dropped\"");
	text_init(&journal->lines, JOURNAL_BUFFER_BYTES);
	text_init(&journal->batch, JOURNAL_BUFFER_BYTES);
	pthread_mutex_init(&journal->lock, NULL);
	pthread_cond_init(&journal->wake, NULL);
	return journal;
}

static void free_journal(struct journal *journal)
{
	metrics_free(journal->metrics);
	journal_free(journal);
}

enum { ROWS = 20 };

static int predict_rows(struct journal *journal, bool probabilities, size_t max_answer, size_t *size)
{
	struct serving serving = {.champions = &champions, .max_rows = ROWS, .journal = journal};
	struct reply reply;
	struct text body;
	int status;

	text_init(&body, 1 << 16);
	text_puts(&body, "{\"rows\":[");
	for (int i = 0; i < ROWS; i++)
		text_printf(&body, "%s[34,2.5,\"Berlin\"]", i ? "," : "");
	text_printf(&body, "],\"probabilities\":%s}", probabilities ? "true" : "false");
	reply_init(&reply, max_answer);
	predict(&serving, body.data, body.size, &reply);
	status = reply.status;
	*size = reply.body.size;
	reply_release(&reply);
	text_release(&body);
	return status;
}

static int infer_rows(struct journal *journal, bool probabilities, size_t max_answer, size_t *size)
{
	struct serving serving = {.champions = &champions, .max_rows = ROWS, .journal = journal};
	struct infer_call call = {.model = small_model.pipeline};
	struct reply reply;
	struct text body;
	int status;

	text_init(&body, 1 << 16);
	text_printf(&body, "{\"inputs\":[{\"name\":\"row\",\"shape\":[%d,3],\"datatype\":\"INT64\",\"data\":[", ROWS);
	for (int i = 0; i < ROWS; i++)
		text_printf(&body, "%s34,2,7", i ? "," : "");
	text_printf(&body, "]}],\"outputs\":[{\"name\":\"prediction\"}%s]}",
		    probabilities ? ",{\"name\":\"probabilities\"}" : "");
	call.body = body.data;
	call.size = call.json_size = body.size;
	reply_init(&reply, max_answer);
	infer(&serving, &call, &reply);
	status = reply.status;
	*size = reply.body.size;
	reply_release(&reply);
	text_release(&body);
	return status;
}

/* At every limit an answer either comes with all its ids or is refused, and then the log has nothing of it. */
static void what_is_refused_is_not_logged(void **state UNUSED)
{
	static int (*const ask[])(struct journal *, bool, size_t, size_t *) = {predict_rows, infer_rows};

	for (int i = 0; i < 4; i++) {
		size_t whole, size;
		struct journal *journal = make_journal();

		assert_int_equal(ask[i / 2](journal, i % 2, 1 << 16, &whole), 200);
		assert_int_equal(journal->line_count, ROWS);
		free_journal(journal);
		for (size_t most = 64; most < whole + 1000; most += 7) {
			int status;

			journal = make_journal();
			status = ask[i / 2](journal, i % 2, most, &size);
			assert_true(status == 200 || status == 400);
			assert_int_equal(journal->line_count, status == 200 ? ROWS : 0);
			free_journal(journal);
		}
		/* Without a log every byte of the limit can be used. */
		assert_int_equal(ask[i / 2](NULL, i % 2, 1 << 16, &whole), 200);
		assert_int_equal(ask[i / 2](NULL, i % 2, whole, &size), 200);
		assert_int_equal(size, whole);
		assert_int_equal(ask[i / 2](NULL, i % 2, whole - 1, &size), 400);
	}
}

static void add_until_full(struct journal *journal)
{
	char id[JOURNAL_ID_SIZE];

	for (int i = 0; i < JOURNAL_BUFFER_BYTES && journal_add(journal, &small_model, 1, id); i++)
		continue;
}

static void what_the_buffer_does_not_take_is_counted(void **state UNUSED)
{
	struct journal *journal = make_journal();
	struct fail fail = {0};
	struct text text;
	size_t size;

	journal->try_at_s = 1e18; /* the database is away */
	add_until_full(journal);
	assert_in_range(journal->lines.size, JOURNAL_BUFFER_BYTES - 1000, JOURNAL_BUFFER_BYTES);
	assert_int_equal(journal->losses.count, 1);
	/* What is taken to be written makes room; it is as old as its first line. */
	journal->lines_from_s = 1000;
	assert_false(journal_write_log(journal, &fail));
	assert_true(journal->batch_from_s > 999 && journal->batch_from_s < 1001);
	add_until_full(journal);
	assert_true(journal->lines_from_s > 1001);
	assert_int_equal(journal->losses.count, 2);
	/* An answer comes all the same, without ids. */
	assert_int_equal(predict_rows(journal, false, 1 << 16, &size), 200);
	assert_int_equal(journal->losses.count, 2 + ROWS);
	assert_true(size < 20 * ROWS);
	text_init(&text, 1 << 20);
	metrics_write(journal->metrics, &text);
	assert_non_null(strstr(text.data, "\ngreen_ml_api_logged_predictions_total{result=\"dropped\"} 22\n"));
	text_release(&text);
	free_journal(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_refused_is_not_logged),
	    cmocka_unit_test(what_the_buffer_does_not_take_is_counted),
	};

	return cmocka_run_group_tests(tests, small_model_setup, small_model_teardown);
}
