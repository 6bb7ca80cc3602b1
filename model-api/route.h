#ifndef MODEL_API_ROUTE_H
#define MODEL_API_ROUTE_H

/*
 * What the server answers, without a socket: a table of routes, each a path, its methods and a function
 * (service, call) -> reply. docs/API.md describes them.
 *
 *	int route = route_find(path);
 *	if (!route_allows(route, method, &reply)) ...			404 or 405 is in the reply
 *	if (!route_accepts(route, content_type, &reply)) ...		415 is in the reply
 *	route_answer(route, service, &call, &reply);
 *
 * A route that has to wait for the registry leaves a ticket in the reply instead of an answer: call it again with that
 * ticket once the watch has finished it, or when it was waited for long enough.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model-api/champions.h"
#include "model-api/metrics.h"
#include "model-api/reply.h"
#include "model-api/watch.h"

/* What the routes work on; shared by all threads, owned by main. */
struct service {
	struct model_table *table;
	struct metrics *metrics;
	struct watch *watch;
	const char *default_pipeline; /* NULL: champions_find() */
	const char *instance;
	size_t max_rows;
	atomic_bool draining; /* not ready any more */
};

struct call {
	const char *body;
	size_t size;
	const char *pipeline; /* ?pipeline=, or NULL */
	uint64_t ticket;      /* not 0: the call is repeated */
};

int route_find(const char *path); /* never fails: the last route stands for all unknown paths */
void route_name_all(struct metrics *metrics);
bool route_allows(int route, const char *method, struct reply *reply);
bool route_accepts(int route, const char *content_type, struct reply *reply);
void route_answer(int route, struct service *service, const struct call *call, struct reply *reply);

#endif
