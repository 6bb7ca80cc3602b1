/* The table of routes and the selection of pipelines. What the routes answer: tests/integration/40_model_api.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/attr.h"
#include "model-api/openapi.h"
#include "model-api/route.h"
#include "model-api/selection.h"

static void methods(void **state UNUSED)
{
	static const struct {
		const char *path, *method;
		int status; /* 0: allowed */
		const char *allow;
	} cases[] = {
	    {"/predict", "POST", 0, NULL},
	    {"/predict", "GET", 405, "POST"},
	    {"/predict", "HEAD", 405, "POST"},
	    {"/predict", "post", 405, "POST"},
	    {"/update", "POST", 0, NULL},
	    {"/version", "GET", 0, NULL},
	    {"/version", "HEAD", 0, NULL},
	    {"/version", "POST", 405, "GET, HEAD"},
	    {"/metrics", "OPTIONS", 405, "GET, HEAD"},
	    {"/health/live", "GET", 0, NULL},
	    {"/health/ready", "GET", 0, NULL},
	    {"/v2/health/live", "GET", 0, NULL},
	    {"/v2/health/ready", "GET", 0, NULL},
	    {"/feedback", "GET", 405, "POST"},
	    {"/openapi.json", "GET", 0, NULL},
	    {"/v2", "GET", 0, NULL},
	    {"/v2/", "GET", 0, NULL},
	    {"/v2/models", "GET", 404, NULL},
	    {"/v2/models/", "GET", 404, NULL},
	    {"/v2/models/insurance", "GET", 0, NULL},
	    {"/v2/models/insurance/", "GET", 404, NULL},
	    {"/v2/models/insurance", "POST", 405, "GET, HEAD"},
	    {"/v2/models/insurance/ready", "GET", 0, NULL},
	    {"/v2/models/insurance/infer", "POST", 0, NULL},
	    {"/v2/models/insurance/infer", "GET", 405, "POST"},
	    {"/v2/models/insurance/versions/7", "GET", 0, NULL},
	    {"/v2/models/insurance/versions//infer", "POST", 404, NULL},
	    {"/v2/models/insurance/versions/7/ready", "GET", 0, NULL},
	    {"/v2/models/insurance/versions/7/infer", "POST", 0, NULL},
	    {"/v2/models/insurance/versions/123456789012/infer", "POST", 404, NULL}, /* no int */
	    {"/v2/models/abcdefghijklmnopqrstuvwxyzabcdefgh/infer", "POST", 404, NULL},
	    {"/", "GET", 404, NULL},
	    {"", "GET", 404, NULL},
	    {"/predict/", "POST", 404, NULL},
	    {"/Predict", "POST", 404, NULL},
	    {"/version?pipeline=a", "GET", 404, NULL}, /* the query is not part of a path */
	};
	struct route_names names;
	struct reply reply;

	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_clear(&reply);
		assert_int_equal(route_allows(route_find(cases[i].path, &names), cases[i].method, &reply),
				 cases[i].status == 0);
		assert_int_equal(reply.status, cases[i].status ? cases[i].status : 200);
		if (cases[i].allow)
			assert_string_equal(reply.allow, cases[i].allow);
		else
			assert_null(reply.allow);
	}
	reply_release(&reply);
}

static void content_types(void **state UNUSED)
{
	static const struct {
		const char *path, *type;
		bool accepted;
	} cases[] = {
	    {"/predict", NULL, true},
	    {"/predict", "", true},
	    {"/predict", "application/json", true},
	    {"/predict", "Application/Json", true},
	    {"/predict", "application/json;charset=utf-8", true},
	    {"/predict", "application/json; charset=\"UTF-8\"", true},
	    {"/predict", "application/json; profile=x; charset=utf8", true},
	    {"/predict", "application/json ; x=y", true},
	    {"/predict", "application/json; charset=iso-8859-1", false},
	    {"/predict", "application/json; charset=utf-16", false},
	    {"/predict", "application/jsonp", false},
	    {"/predict", "application/js", false},
	    {"/predict", "text/json", false},
	    {"/predict", "application/octet-stream", false},
	    {"/v2/models/a/infer", "application/octet-stream", true},
	    {"/v2/models/a/infer", "application/json", true},
	    {"/v2/models/a/infer", "text/plain", false},
	    {"/predict", "application/x-www-form-urlencoded", false},
	    {"/update", "application/x-www-form-urlencoded", true}, /* its body does not matter */
	};
	struct route_names names;
	struct reply reply;

	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_clear(&reply);
		assert_int_equal(route_accepts(route_find(cases[i].path, &names), cases[i].type, &reply),
				 cases[i].accepted);
		assert_int_equal(reply.status, cases[i].accepted ? 200 : 415);
	}
	reply_release(&reply);
}

static void names_in_paths(void **state UNUSED)
{
	struct route_names names;

	route_find("/v2/models/insurance/versions/12/infer", &names);
	assert_string_equal(names.model, "insurance");
	assert_string_equal(names.version, "12");
	assert_string_equal(route_path(route_find("/v2/models/a/ready", &names)), "/v2/models/{model}/ready");
	assert_string_equal(names.version, "");
	route_find("/predict", &names);
	assert_string_equal(names.model, "");
}

/* With a port of their own, routes of the operator are unknown elsewhere. */
static void doors(void **state UNUSED)
{
	static const struct {
		const char *path;
		bool moves;
	} cases[] = {{"/metrics", true}, {"/update", true}, {"/predict", false}, {"/health/live", false}};
	struct service with = {.has_admin_port = true}, without = {0};
	struct route_names names;
	struct reply reply;

	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int route = route_find(cases[i].path, &names);

		assert_true(route_is_open(route, &without, DOOR_PUBLIC, &reply));
		assert_true(route_is_open(route, &with, DOOR_ADMIN, &reply));
		assert_int_equal(route_is_open(route, &with, DOOR_PUBLIC, &reply), !cases[i].moves);
	}
	assert_int_equal(reply.status, 404);
	reply_release(&reply);
}

static void tokens(void **state UNUSED)
{
	static const struct {
		const char *path, *authorization;
		bool permitted;
	} cases[] = {
	    {"/update", NULL, false},
	    {"/update", "", false},
	    {"/update", "Bearer", false},
	    {"/update", "Bearer ", false},
	    {"/update", "Bearer secre", false},
	    {"/update", "Bearer secret", true},
	    {"/update", "bearer secret", true},
	    {"/update", "Bearer secrets", false},
	    {"/update", "Bearer  secret", false},
	    {"/update", "Basic secret", false},
	    {"/feedback", "Bearer secret", true},
	    {"/feedback", NULL, false},
	    {"/predict", NULL, true},
	    {"/metrics", NULL, true},
	};
	char path[] = "/tmp/green-ml-token.XXXXXX";
	int fd = mkstemp(path);
	struct service service = {0};
	struct route_names names;
	struct fail fail = {0};
	struct reply reply;

	assert_true(fd >= 0 && write(fd, "secret\n", 7) == 7);
	service.guard = guard_new(path, &fail);
	assert_non_null(service.guard);
	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_clear(&reply);
		assert_int_equal(
		    route_permits(route_find(cases[i].path, &names), &service, cases[i].authorization, &reply),
		    cases[i].permitted);
		assert_int_equal(reply.status, cases[i].permitted ? 200 : 401);
	}
	/* An empty file is no token: the old one stays. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_false(guard_reload(service.guard, &fail));
	assert_true(guard_allows(service.guard, "Bearer secret"));
	fail_clear(&fail);
	unlink(path);
	assert_null(guard_new(path, &fail));
	assert_int_equal(fail.code, EXIT_WRONG_USE);
	close(fd);
	guard_free(service.guard);
	reply_release(&reply);
}

static void lists_of_pins(void **state UNUSED)
{
	static const struct {
		const char *text;
		int count; /* -1: refused */
	} cases[] = {
	    {NULL, 0},		{"", 0},
	    {"insurance=7", 1}, {"insurance=7,flights=12", 2},
	    {"a=1,a=1", 1},	{"a=1,a=2", 2},
	    {"a", -1},		{"a=", -1},
	    {"=1", -1},		{"a=0", -1},
	    {"a=01", -1},	{"a=-1", -1},
	    {"A=1", -1},	{"a=1,", -1},
	    {"a=1 ", -1},	{"a=1}',", -1},
	    {"a==1", -1},	{"a=12345678901", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};
		char **pins = NULL;
		int count = 0;
		bool good = selection_take_pins(cases[i].text, &pins, &count, &fail);

		assert_int_equal(good, cases[i].count >= 0);
		assert_int_equal(good ? count : -1, cases[i].count);
		selection_release(pins, count);
	}
}

static void lists_of_pipelines(void **state UNUSED)
{
	static const struct {
		const char *names, *joined; /* NULL: refused */
	} cases[] = {
	    {NULL, ""},
	    {"", ""},
	    {"insurance", "insurance,"},
	    {"insurance,flights-2", "insurance,flights-2,"},
	    {"a,b,a", "a,b,"},
	    {"a,", NULL},
	    {",a", NULL},
	    {"a, b", NULL},
	    {"A", NULL},
	    {"a}','x", NULL},
	    {"abcdefghijklmnopqrstuvwxyzabcdefgh", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};
		char **pipelines = NULL, joined[256] = "";
		int count = 0;
		bool good = selection_take(cases[i].names, NULL, NULL, &pipelines, &count, &fail);

		assert_int_equal(good, cases[i].joined != NULL);
		assert_int_equal(fail.code, good ? EXIT_DONE : EXIT_WRONG_USE);
		for (int j = 0; j < count; j++)
			snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s,", pipelines[j]);
		if (good)
			assert_string_equal(joined, cases[i].joined);
		selection_release(pipelines, count);
	}
}

static void every_route_is_described(void **state UNUSED)
{
	size_t size;
	const char *description = openapi_json(&size);
	json_t *root = json_loadb(description, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *paths = json_object_get(root, "paths");
	int routes = 0;

	for (; strcmp(route_path(routes), "other") != 0; routes++)
		if (!json_object_get(paths, route_path(routes)))
			fail_msg("docs/openapi.json does not describe %s", route_path(routes));
	assert_int_equal(json_object_size(paths), routes);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(methods),
	    cmocka_unit_test(content_types),
	    cmocka_unit_test(names_in_paths),
	    cmocka_unit_test(doors),
	    cmocka_unit_test(tokens),
	    cmocka_unit_test(lists_of_pins),
	    cmocka_unit_test(lists_of_pipelines),
	    cmocka_unit_test(every_route_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
