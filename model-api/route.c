#include "model-api/route.h"

#include <string.h>
#include <strings.h>

#include "model-api/answers.h"

/* BINARY: tensor data may follow the JSON. SECRET: asks for the token where there is one. ADMIN: on the admin port
 * only, where there is one. */
enum { GET = 1, POST = 2, JSON_BODY = 4, BINARY = 8, SECRET = 16, ADMIN = 32 };

static const struct route {
	const char *path; /* {model} and {version} stand for one segment each */
	int flags;
	void (*answer)(struct service *service, const struct call *call, struct reply *reply);
} routes[] = {
    {"/predict", POST | JSON_BODY, answer_predict},
    {"/update", POST | SECRET | ADMIN, answer_update},
    {"/feedback", POST | JSON_BODY | SECRET, answer_feedback},
    {"/version", GET, answer_version},
    {"/metrics", GET | ADMIN, answer_metrics},
    {"/openapi.json", GET, answer_openapi},
    {"/health/live", GET, answer_live},
    {"/health/ready", GET, answer_ready},
    {"/v2", GET, answer_server_metadata},
    {"/v2/", GET, answer_server_metadata},
    {"/v2/health/live", GET, answer_live},
    {"/v2/health/ready", GET, answer_ready},
    {"/v2/models/{model}", GET, answer_model_metadata},
    {"/v2/models/{model}/ready", GET, answer_model_ready},
    {"/v2/models/{model}/infer", POST | JSON_BODY | BINARY, answer_infer},
    {"/v2/models/{model}/versions/{version}", GET, answer_model_metadata},
    {"/v2/models/{model}/versions/{version}/ready", GET, answer_model_ready},
    {"/v2/models/{model}/versions/{version}/infer", POST | JSON_BODY | BINARY, answer_infer},
};
enum { ROUTE_COUNT = sizeof(routes) / sizeof(*routes) };
_Static_assert((int)ROUTE_COUNT < (int)METRICS_MAX_ROUTES,
	       "the metrics need a place for every route and one for unknown paths");

/* ------------------------------------------------------------------ finding */

/* The segment of the path into the name; longer ones are nobody's. */
static bool take_name(const char **path, char *name, size_t size)
{
	size_t length = strcspn(*path, "/");

	if (length == 0 || length >= size)
		return false;
	memcpy(name, *path, length);
	name[length] = '\0';
	*path += length;
	return true;
}

static bool matches(const char *pattern, const char *path, struct route_names *names)
{
	static const char model[] = "{model}", version[] = "{version}";

	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
		} else if (strncmp(pattern, model, strlen(model)) == 0) {
			if (!take_name(&path, names->model, sizeof(names->model)))
				return false;
			pattern += strlen(model);
		} else if (strncmp(pattern, version, strlen(version)) == 0) {
			if (!take_name(&path, names->version, sizeof(names->version)))
				return false;
			pattern += strlen(version);
		} else {
			return false;
		}
	}
	return *path == '\0';
}

int route_find(const char *path, struct route_names *names)
{
	int route = 0;

	do
		names->model[0] = names->version[0] = '\0';
	while (!matches(routes[route].path, path, names) && ++route < ROUTE_COUNT);
	return route;
}

const char *route_path(int route)
{
	return route < ROUTE_COUNT ? routes[route].path : "other";
}

void route_name_all(struct metrics *metrics)
{
	for (int i = 0; i <= ROUTE_COUNT; i++)
		metrics_name_route(metrics, i, route_path(i));
}

bool route_wants(int route, enum route_wants what)
{
	static const int flags[] = {
	    [ROUTE_WANTS_QUERY] = GET, [ROUTE_WANTS_JSON_SIZE] = BINARY, [ROUTE_WANTS_TOKEN] = SECRET};

	return route < ROUTE_COUNT && routes[route].flags & flags[what];
}

/* ------------------------------------------------------------------ checks */

static bool no_such_path(struct reply *reply)
{
	reply_error(reply, 404, "there is no such path");
	return false;
}

bool route_is_open(int route, const struct service *service, enum route_door door, struct reply *reply)
{
	if (route < ROUTE_COUNT && routes[route].flags & ADMIN && service->has_admin_port && door != DOOR_ADMIN)
		return no_such_path(reply);
	return true;
}

bool route_allows(int route, const char *method, struct reply *reply)
{
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	const char *allow;

	if (route == ROUTE_COUNT)
		return no_such_path(reply);
	if (routes[route].flags & (reads ? GET : strcmp(method, "POST") == 0 ? POST : 0))
		return true;
	allow = routes[route].flags & GET ? "GET, HEAD" : "POST";
	reply_error(reply, 405, "%s allows %s only", routes[route].path, allow);
	reply->allow = allow;
	return false;
}

bool route_permits(int route, const struct service *service, const char *authorization, struct reply *reply)
{
	if (!(routes[route].flags & SECRET) || guard_allows(service->guard, authorization))
		return true;
	reply_error(reply, 401, "%s asks for a token: send it as Authorization: Bearer ...", routes[route].path);
	reply->asks_token = true;
	return false;
}

/* application/json, in any case of letters, with parameters; a charset other than UTF-8 is none that JSON has. */
static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	const char *charset;
	size_t length = strcspn(type, "; \t");

	if (length != strlen(json) || strncasecmp(type, json, length) != 0)
		return false;
	charset = strcasestr(type + length, "charset=");
	if (!charset)
		return true;
	charset += strlen("charset=");
	charset += *charset == '"';
	return strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "utf8", 4) == 0 ||
	       strncasecmp(charset, "us-ascii", 8) == 0;
}

bool route_accepts(int route, const char *content_type, struct reply *reply)
{
	if (!content_type || !*content_type || !(routes[route].flags & JSON_BODY) || is_json(content_type))
		return true;
	if (routes[route].flags & BINARY && strcasecmp(content_type, "application/octet-stream") == 0)
		return true;
	reply_error(reply, 415, "the body must be JSON in UTF-8: send it with Content-Type: application/json");
	return false;
}

/* ------------------------------------------------------------------ answering */

void route_answer(int route, struct service *service, const struct call *call, struct reply *reply)
{
	routes[route].answer(service, call, reply);
}

bool route_finished(const struct service *service, const struct ticket *ticket)
{
	switch (ticket->of) {
	case TICKET_LOOK:
		return watch_finished(service->watch) >= ticket->number;
	case TICKET_FEEDBACK:
		return journal_finished(service->journal) >= ticket->number;
	case TICKET_NONE:
		break;
	}
	return true;
}
