#ifndef MODEL_API_ROUTE_H
#define MODEL_API_ROUTE_H

/*
 * What the server answers, without a socket: a table of routes, each a path, its methods and a function
 * (service, call) -> reply. docs/API.md and docs/openapi.json describe them.
 *
 *	int route = route_find(path, &names);
 *	if (!route_is_open(route, service, door, &reply)) ...		404 is in the reply
 *	if (!route_allows(route, method, &reply)) ...			404 or 405 is in the reply
 *	if (!route_permits(route, service, authorization, &reply)) ...	401 is in the reply
 *	if (!route_accepts(route, content_type, &reply)) ...		415 is in the reply
 *	route_answer(route, service, &call, &reply);
 *
 * A route that has to wait leaves a ticket in the reply instead of an answer: call it again with that ticket once
 * route_finished() says so, or when it was waited for long enough.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/spec.h"
#include "model-api/champions.h"
#include "model-api/guard.h"
#include "model-api/journal.h"
#include "model-api/metrics.h"
#include "model-api/reply.h"
#include "model-api/watch.h"

/* What the routes work on; shared by all threads, owned by main. */
struct service {
	struct model_table *table;
	struct metrics *metrics;
	struct watch *watch;
	struct journal *journal;      /* NULL: predictions are not logged */
	struct guard *guard;	      /* NULL: no token is asked for */
	const char *default_pipeline; /* NULL: champions_find() */
	const char *instance;
	size_t max_rows;
	bool has_admin_port;
	atomic_bool draining; /* not ready any more */
};

/* The parts of a path that are names: /v2/models/{model}/versions/{version}. */
struct route_names {
	char model[SPEC_MAX_NAME + 1]; /* "": none */
	char version[12];
};

struct call {
	const char *body;
	size_t size;
	size_t json_size;     /* of the body; the rest is binary tensor data */
	const char *pipeline; /* ?pipeline=, or NULL */
	const struct route_names *names;
	struct ticket ticket; /* the call is repeated */
};

enum route_door { DOOR_PUBLIC, DOOR_ADMIN };

int route_find(const char *path, struct route_names *names); /* never fails: the last route stands for unknown paths */
const char *route_path(int route);
void route_name_all(struct metrics *metrics);
/* What a route needs of the headers besides the usual. */
enum route_wants { ROUTE_WANTS_QUERY, ROUTE_WANTS_JSON_SIZE, ROUTE_WANTS_TOKEN };
bool route_wants(int route, enum route_wants what);

bool route_is_open(int route, const struct service *service, enum route_door door, struct reply *reply);
bool route_allows(int route, const char *method, struct reply *reply);
bool route_permits(int route, const struct service *service, const char *authorization, struct reply *reply);
bool route_accepts(int route, const char *content_type, struct reply *reply);
void route_answer(int route, struct service *service, const struct call *call, struct reply *reply);
bool route_finished(const struct service *service, const struct ticket *ticket);

#endif
