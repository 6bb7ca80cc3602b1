/* The table of routes and the selection of pipelines. What the routes answer: tests/integration/40_model_api.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
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
	    {"/", "GET", 404, NULL},
	    {"", "GET", 404, NULL},
	    {"/predict/", "POST", 404, NULL},
	    {"/Predict", "POST", 404, NULL},
	    {"/version?pipeline=a", "GET", 404, NULL}, /* the query is not part of a path */
	};
	struct reply reply;

	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_clear(&reply);
		assert_int_equal(route_allows(route_find(cases[i].path), cases[i].method, &reply),
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
	    {"/predict", "application/x-www-form-urlencoded", false},
	    {"/update", "application/x-www-form-urlencoded", true}, /* its body does not matter */
	};
	struct reply reply;

	reply_init(&reply, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reply_clear(&reply);
		assert_int_equal(route_accepts(route_find(cases[i].path), cases[i].type, &reply), cases[i].accepted);
		assert_int_equal(reply.status, cases[i].accepted ? 200 : 415);
	}
	reply_release(&reply);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(methods),
	    cmocka_unit_test(content_types),
	    cmocka_unit_test(lists_of_pipelines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
