#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-api/metrics.h"
#include "model-api/process.h"

static bool has_line(const struct text *text, const char *line)
{
	size_t size = strlen(line);

	for (const char *at = strstr(text->data, line); at; at = strstr(at + 1, line))
		if ((at == text->data || at[-1] == '\n') && at[size] == '\n')
			return true;
	print_message("# no line \"%s\" in:\n%s", line, text->data);
	return false;
}

static struct text scrape(struct metrics *metrics)
{
	struct text text;

	text_init(&text, 1 << 20);
	metrics_write(metrics, &text);
	return text;
}

static void counts_requests_and_buckets(void **state UNUSED)
{
	struct metrics *metrics = metrics_new(2);
	struct text text;

	metrics_name_route(metrics, 0, "/predict");
	for (int i = 0; i < 3; i++)
		metrics_request_begin(metrics);
	metrics_request_end(metrics, 0, 200, 0.00005); /* a bound belongs to its own bucket */
	metrics_request_end(metrics, 0, 999, 2);
	assert_int_equal(metrics_in_flight(metrics), 1);
	assert_int_equal(metrics_requests(metrics, 0, 200), 1);
	text = scrape(metrics);
	assert_true(has_line(&text, "green_ml_api_requests_total{route=\"/predict\",code=\"200\"} 1"));
	assert_true(has_line(&text, "green_ml_api_requests_total{route=\"/predict\",code=\"other\"} 1"));
	assert_true(has_line(&text, "green_ml_api_requests_in_flight 1"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_bucket{route=\"/predict\",le=\"5e-05\"} 1"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_bucket{route=\"/predict\",le=\"1\"} 1"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_bucket{route=\"/predict\",le=\"+Inf\"} 2"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_sum{route=\"/predict\"} 2.00005"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_count{route=\"/predict\"} 2"));
	assert_non_null(strstr(text.data, "\nprocess_resident_memory_bytes "));
	assert_non_null(strstr(text.data, "\nprocess_open_fds "));
	text_release(&text);
	metrics_free(metrics);
}

static void boot_time_stands_behind_any_number_of_interrupts(void **state UNUSED)
{
	char path[] = "/tmp/green-ml-metrics.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fprintf(file, "cpu  1 2 3\nintr 1");
	for (int i = 0; i < 20000; i++)
		fprintf(file, " 0");
	fprintf(file, "\nctxt 5\nbtime 1700000000\nprocesses 7\n");
	fclose(file);
	assert_true(process_boot_time_s(path) == 1700000000);
	assert_int_equal(truncate(path, 100), 0);
	assert_true(process_boot_time_s(path) == 0);
	unlink(path);
	assert_true(process_boot_time_s(path) == 0);
}

static void labels_are_escaped(void **state UNUSED)
{
	struct metrics *metrics = metrics_new(2);
	struct text labels, text;

	text_init(&labels, 1024);
	metrics_label(&labels, "pipeline", "a");
	metrics_label(&labels, "class", "\"x\\\n");
	assert_string_equal(labels.data, "pipeline=\"a\",class=\"\\\"x\\\\\\n\"");
	metrics_add(metrics, metrics_series(metrics, METRIC_PREDICTIONS, labels.data), 5);
	text = scrape(metrics);
	assert_true(has_line(&text, "green_ml_api_predictions_total{pipeline=\"a\",class=\"\\\"x\\\\\\n\"} 5"));
	text_release(&text);
	text_release(&labels);
	metrics_free(metrics);
}

static void series_are_made_once_and_bounded(void **state UNUSED)
{
	struct metrics *metrics = metrics_new(2);
	int first = metrics_series(metrics, METRIC_UNSEEN, "pipeline=\"a\"");

	assert_int_equal(metrics_series(metrics, METRIC_UNSEEN, "pipeline=\"a\""), first);
	assert_int_not_equal(metrics_series(metrics, METRIC_RELOADS, "pipeline=\"a\""), first);
	for (int i = 0; i < METRICS_MAX_SERIES; i++) {
		char labels[32];

		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		metrics_add(metrics, metrics_series(metrics, METRIC_RELOADS, labels), 1);
	}
	assert_int_equal(metrics_series(metrics, METRIC_RELOADS, "one=\"more\""), -1);
	metrics_free(metrics);
}

enum { THREADS = 5, ROUNDS = 20000 };

static void *count(void *context)
{
	for (int i = 0; i < ROUNDS; i++) {
		metrics_request_begin(context);
		metrics_add(context, 0, 2);
		metrics_request_end(context, 0, 200, 0.001);
	}
	return NULL;
}

static void no_count_is_lost_between_threads(void **state UNUSED)
{
	struct metrics *metrics = metrics_new(2); /* fewer lanes than threads: they share */
	pthread_t threads[THREADS];
	struct text text;

	metrics_name_route(metrics, 0, "/predict");
	assert_int_equal(metrics_series(metrics, METRIC_UNSEEN, ""), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, metrics), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	text = scrape(metrics);
	assert_true(has_line(&text, "green_ml_api_unseen_values_total 200000"));
	assert_true(has_line(&text, "green_ml_api_requests_total{route=\"/predict\",code=\"200\"} 100000"));
	assert_true(has_line(&text, "green_ml_api_request_duration_seconds_sum{route=\"/predict\"} 100"));
	assert_int_equal(metrics_in_flight(metrics), 0);
	text_release(&text);
	metrics_free(metrics);
}

/* Those that serve come first or last: their lanes are their own. */
static void *lane_of_a_server(void *context)
{
	metrics_claim_lane();
	metrics_claim_lane();
	*(int *)context = metrics_lane(THREADS + 1);
	return NULL;
}

static void *lane_of_another(void *context)
{
	*(int *)context = metrics_lane(THREADS + 1);
	return NULL;
}

static void serving_threads_share_no_lane(void **state UNUSED)
{
	int lanes[2 * THREADS], used[THREADS + 1] = {0};

	for (int i = 0; i < 2 * THREADS; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, i % 2 ? lane_of_a_server : lane_of_another, &lanes[i]),
				 0);
		pthread_join(thread, NULL);
		assert_in_range(lanes[i], 0, THREADS);
		used[lanes[i]]++;
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(used[i], 1);
	assert_int_equal(used[THREADS], THREADS);
	assert_int_equal(metrics_lane(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_requests_and_buckets),
	    cmocka_unit_test(labels_are_escaped),
	    cmocka_unit_test(series_are_made_once_and_bounded),
	    cmocka_unit_test(no_count_is_lost_between_threads),
	    cmocka_unit_test(serving_threads_share_no_lane),
	    cmocka_unit_test(boot_time_stands_behind_any_number_of_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
