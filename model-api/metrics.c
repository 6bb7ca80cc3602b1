#include "model-api/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "model-api/process.h"

enum { BUCKET_COUNT = 13, STATUS_COUNT = 14, CACHE_LINE = 64 };

static const double bucket_s[BUCKET_COUNT] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
					      0.01,    0.025,  0.05,	0.1,	0.25,  1};
static const char *const bucket_text[BUCKET_COUNT] = {
    "5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1"};
/* The last one stands for every other. */
static const int statuses[STATUS_COUNT] = {200, 202, 400, 401, 404, 405, 408, 409, 413, 415, 431, 500, 503, 0};

static const struct {
	const char *name, *help;
} families[METRIC_FAMILY_COUNT] = {
    [METRIC_PREDICTIONS] = {"green_ml_api_predictions_total", "Predicted rows by pipeline and class."},
    [METRIC_UNSEEN] = {"green_ml_api_unseen_values_total", "Text values that the training data did not hold."},
    [METRIC_MISSING] = {"green_ml_api_missing_values_total", "Requests refused because a value is missing."},
    [METRIC_LOGGED] = {"green_ml_api_logged_predictions_total", "Predictions drawn for the log, by what came of them."},
    [METRIC_FEEDBACK] = {"green_ml_api_feedback_total", "Truths received, by what came of them."},
    [METRIC_RELOADS] = {"green_ml_api_reloads_total", "Looks into the registry by what came of them."},
    [METRIC_CONNECTIONS] = {"green_ml_api_connections_total", "Connections accepted."},
    [METRIC_CONNECTIONS_FAILED] = {"green_ml_api_connections_failed_total",
				   "Connections that ended before the headers of a request were understood."},
    [METRIC_REQUESTS_ABORTED] = {"green_ml_api_requests_aborted_total",
				 "Requests that ended before their answer was sent."},
};

struct lane {
	_Alignas(CACHE_LINE) atomic_uint_fast64_t begun;
	atomic_uint_fast64_t ended;
	atomic_uint_fast64_t requests[METRICS_MAX_ROUTES][STATUS_COUNT];
	atomic_uint_fast64_t buckets[METRICS_MAX_ROUTES][BUCKET_COUNT + 1];
	atomic_uint_fast64_t nanoseconds[METRICS_MAX_ROUTES];
	atomic_uint_fast64_t series[METRICS_MAX_SERIES];
};

struct series {
	enum metric_family family;
	char *labels;
};

struct metrics {
	int lane_count;
	struct lane *lanes;
	const char *routes[METRICS_MAX_ROUTES];
	pthread_mutex_t lock; /* of series and series_count */
	int series_count;
	struct series series[METRICS_MAX_SERIES];
};

/* Not claimed at the first use: threads that only watch or write would take lanes that serving threads then share. */
static _Thread_local int my_number = -1;

void metrics_claim_lane(void)
{
	static atomic_int next;

	if (my_number < 0)
		my_number = atomic_fetch_add(&next, 1);
}

int metrics_lane(int lanes)
{
	return my_number < 0 || lanes < 2 ? lanes - 1 : my_number % (lanes - 1);
}

struct metrics *metrics_new(int lanes)
{
	struct metrics *metrics = xcalloc(1, sizeof(*metrics));

	metrics->lane_count = lanes;
	metrics->lanes = aligned_alloc(CACHE_LINE, (size_t)lanes * sizeof(struct lane));
	if (!metrics->lanes)
		abort();
	memset(metrics->lanes, 0, (size_t)lanes * sizeof(struct lane));
	pthread_mutex_init(&metrics->lock, NULL);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (int i = 0; i < metrics->series_count; i++)
		free(metrics->series[i].labels);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics->lanes);
	free(metrics);
}

/* ------------------------------------------------------------------ counting */

static void add(atomic_uint_fast64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static struct lane *my_lane(struct metrics *metrics)
{
	return &metrics->lanes[metrics_lane(metrics->lane_count)];
}

int metrics_series(struct metrics *metrics, enum metric_family family, const char *labels)
{
	int found = -1;

	pthread_mutex_lock(&metrics->lock);
	for (int i = 0; i < metrics->series_count && found < 0; i++)
		if (metrics->series[i].family == family && strcmp(metrics->series[i].labels, labels) == 0)
			found = i;
	if (found < 0 && metrics->series_count < METRICS_MAX_SERIES) {
		found = metrics->series_count++;
		metrics->series[found].family = family;
		metrics->series[found].labels = xstrdup(labels);
	}
	pthread_mutex_unlock(&metrics->lock);
	return found;
}

void metrics_add(struct metrics *metrics, int series, uint64_t amount)
{
	if (series >= 0)
		add(&my_lane(metrics)->series[series], amount);
}

void metrics_name_route(struct metrics *metrics, int route, const char *name)
{
	metrics->routes[route] = name;
}

void metrics_request_begin(struct metrics *metrics)
{
	add(&my_lane(metrics)->begun, 1);
}

static int status_index(int status)
{
	int i = 0;

	while (i < STATUS_COUNT - 1 && statuses[i] != status)
		i++;
	return i;
}

void metrics_request_end(struct metrics *metrics, int route, int status, double seconds)
{
	struct lane *lane = my_lane(metrics);
	int bucket = 0;

	while (bucket < BUCKET_COUNT && seconds > bucket_s[bucket])
		bucket++;
	add(&lane->buckets[route][bucket], 1);
	add(&lane->nanoseconds[route], seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
	add(&lane->requests[route][status_index(status)], 1);
	add(&lane->ended, 1);
}

/* ------------------------------------------------------------------ writing */

/* The sum over all lanes of the counter that lies at `offset` in each. */
static uint64_t sum(struct metrics *metrics, const atomic_uint_fast64_t *in_first_lane)
{
	size_t offset = (size_t)((const char *)in_first_lane - (const char *)metrics->lanes);
	uint64_t total = 0;

	for (int i = 0; i < metrics->lane_count; i++)
		total += atomic_load_explicit((atomic_uint_fast64_t *)((char *)&metrics->lanes[i] + offset),
					      memory_order_relaxed);
	return total;
}

int64_t metrics_in_flight(struct metrics *metrics)
{
	/* Read in this order the difference never comes out negative. */
	uint64_t ended = sum(metrics, &metrics->lanes->ended);

	return (int64_t)(sum(metrics, &metrics->lanes->begun) - ended);
}

int64_t metrics_requests(struct metrics *metrics, int route, int status)
{
	return (int64_t)sum(metrics, &metrics->lanes->requests[route][status_index(status)]);
}

void metrics_head(struct text *text, const char *name, const char *type, const char *help)
{
	text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(struct text *text, const char *name, const char *value)
{
	text_printf(text, "%s%s=\"", text->size ? "," : "", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			text_puts(text, "\\");
		text_add(text, *value == '\n' ? "\\n" : value, *value == '\n' ? 2 : 1);
	}
	text_puts(text, "\"");
}

static void write_requests(struct metrics *metrics, struct text *text)
{
	static const char name[] = "green_ml_api_requests_total";

	metrics_head(text, name, "counter", "Requests answered, by route and HTTP status.");
	for (int route = 0; route < METRICS_MAX_ROUTES; route++)
		for (int i = 0; metrics->routes[route] && i < STATUS_COUNT; i++) {
			uint64_t count = sum(metrics, &metrics->lanes->requests[route][i]);
			char other[] = "other", code[16];

			snprintf(code, sizeof(code), "%d", statuses[i]);
			if (count)
				text_printf(text, "%s{route=\"%s\",code=\"%s\"} %llu\n", name, metrics->routes[route],
					    statuses[i] ? code : other, (unsigned long long)count);
		}
	metrics_head(text, "green_ml_api_requests_in_flight", "gauge", "Requests begun and not yet answered.");
	text_printf(text, "green_ml_api_requests_in_flight %lld\n", (long long)metrics_in_flight(metrics));
}

static void write_latency(struct metrics *metrics, struct text *text)
{
	static const char name[] = "green_ml_api_request_duration_seconds";

	metrics_head(text, name, "histogram", "From a request's headers to the last byte of its answer.");
	for (int route = 0; route < METRICS_MAX_ROUTES; route++) {
		const char *label = metrics->routes[route];
		uint64_t below = 0;

		if (!label)
			continue;
		for (int i = 0; i <= BUCKET_COUNT; i++) {
			below += sum(metrics, &metrics->lanes->buckets[route][i]);
			text_printf(text, "%s_bucket{route=\"%s\",le=\"%s\"} %llu\n", name, label,
				    i < BUCKET_COUNT ? bucket_text[i] : "+Inf", (unsigned long long)below);
		}
		text_printf(text, "%s_sum{route=\"%s\"} %.9g\n", name, label,
			    (double)sum(metrics, &metrics->lanes->nanoseconds[route]) / 1e9);
		text_printf(text, "%s_count{route=\"%s\"} %llu\n", name, label, (unsigned long long)below);
	}
}

static void write_family(struct metrics *metrics, struct text *text, enum metric_family family)
{
	metrics_head(text, families[family].name, "counter", families[family].help);
	pthread_mutex_lock(&metrics->lock);
	for (int i = 0; i < metrics->series_count; i++) {
		const struct series *series = &metrics->series[i];
		unsigned long long count = sum(metrics, &metrics->lanes->series[i]);

		if (series->family == family && *series->labels)
			text_printf(text, "%s{%s} %llu\n", families[family].name, series->labels, count);
		else if (series->family == family)
			text_printf(text, "%s %llu\n", families[family].name, count);
	}
	pthread_mutex_unlock(&metrics->lock);
}

void metrics_write(struct metrics *metrics, struct text *text)
{
	write_requests(metrics, text);
	write_latency(metrics, text);
	for (int family = 0; family < METRIC_FAMILY_COUNT; family++)
		write_family(metrics, text, (enum metric_family)family);
	process_write(text);
}
