#ifndef MODEL_API_METRICS_H
#define MODEL_API_METRICS_H

/*
 * Counters for GET /metrics in Prometheus' text format 0.0.4. Each serving thread counts in a lane of its own, without
 * locks; a scrape adds the lanes up. Names and labels are a contract: docs/API.md.
 *
 *	struct metrics *metrics = metrics_new(threads + 1);	the last lane is shared by all that do not serve
 *	metrics_claim_lane();					each serving thread, as often as it likes
 *	int series = metrics_series(metrics, METRIC_UNSEEN, "pipeline=\"insurance\"");
 *	metrics_add(metrics, series, 1);			any thread
 *	metrics_write(metrics, &text);				any thread
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct metrics;

/* Counters whose label values are known only at run time. */
enum metric_family {
	METRIC_PREDICTIONS, /* pipeline, class */
	METRIC_UNSEEN,	    /* pipeline */
	METRIC_MISSING,	    /* pipeline */
	METRIC_LOGGED,	    /* result */
	METRIC_FEEDBACK,    /* result */
	METRIC_RELOADS,	    /* result */
	METRIC_CONNECTIONS,
	METRIC_CONNECTIONS_FAILED,
	METRIC_REQUESTS_ABORTED,
	METRIC_FAMILY_COUNT
};

enum { METRICS_MAX_ROUTES = 24, METRICS_MAX_SERIES = 1024 };

struct metrics *metrics_new(int lanes);
void metrics_free(struct metrics *metrics);

/* The number of a series, made at the first call with these labels ("" = none; values escaped by metrics_label());
 * -1 when there are METRICS_MAX_SERIES already, which metrics_add() ignores. Takes a lock. */
int metrics_series(struct metrics *metrics, enum metric_family family, const char *labels);
void metrics_label(struct text *text, const char *name, const char *value);
void metrics_add(struct metrics *metrics, int series, uint64_t amount);

/* route: 0 .. METRICS_MAX_ROUTES - 1; names by metrics_name_route() before the first request. */
void metrics_name_route(struct metrics *metrics, int route, const char *name);
void metrics_request_begin(struct metrics *metrics);
void metrics_request_end(struct metrics *metrics, int route, int status, double seconds);
int64_t metrics_in_flight(struct metrics *metrics);
int64_t metrics_requests(struct metrics *metrics, int route, int status);

/* Requests, latencies, all series, and the process: CPU, memory, descriptors, threads. */
void metrics_write(struct metrics *metrics, struct text *text);
/* # HELP and # TYPE lines. */
void metrics_head(struct text *text, const char *name, const char *type, const char *help);

/* The calling thread's lane of so many: one of its own for who has claimed one, as long as there are enough; the last
 * one for everybody else. */
void metrics_claim_lane(void);
int metrics_lane(int lanes);

#endif
