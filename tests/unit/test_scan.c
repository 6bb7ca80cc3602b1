/* The short way through POST /predict: what it takes, and that request.h reads the same from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/attr.h"
#include "model-api/request.h"
#include "model-api/scan.h"

static char left[] = "left", right[] = "right", name[] = "pairs";
static int32_t missing_keys[] = {-1};
static struct forest_feature forest_features[] = {{.name = left, .type = COLUMN_INTEGER},
						  {.name = right, .type = COLUMN_INTEGER}};
static struct forest forest = {.feature_count = 2, .features = forest_features};
static struct model_feature features[] = {
    {{left, COLUMN_INTEGER, NULL, 0}, NULL, 0},
    {{right, COLUMN_INTEGER, NULL, 0}, missing_keys, 1},
};
static const struct model model = {.pipeline = name, .forest = &forest, .features = features};
static const struct request_limits limits = {
    .max_rows = 3, .max_columns = 2, .max_others = REQUEST_OTHERS, .max_depth = REQUEST_DEPTH};

/* rows -1: left to the parser. */
static void check(const char *text, int rows, bool single, const int32_t *keys)
{
	size_t size = strlen(text);
	/* A copy without anything behind it: the sanitizer sees a byte read too far. */
	char *body = malloc(size ? size : 1);
	struct encoded by_scan = {0}, by_parser = {0};
	struct request request = {0};
	struct scanned scanned;
	struct fail fail = {0};

	memcpy(body, text, size);
	if (scan_body(body, size, &model, limits.max_rows, &by_scan, &scanned) != (rows >= 0))
		fail_msg("%s: %s", text, rows >= 0 ? "left to the parser" : "taken");
	if (rows >= 0) {
		assert_int_equal(scanned.rows, rows);
		assert_int_equal(scanned.single, single);
		assert_memory_equal(by_scan.keys, keys, (size_t)rows * 2 * sizeof(*keys));
		assert_true(request_parse(body, size, &limits, &request, &fail) &&
			    request_encode(&request, &model, &by_parser, &fail));
		assert_int_equal(request.row_count, rows);
		assert_memory_equal(by_parser.keys, keys, (size_t)rows * 2 * sizeof(*keys));
	}
	encoded_release(&by_scan);
	encoded_release(&by_parser);
	request_release(&request);
	free(body);
}

static void taken(void **state UNUSED)
{
	check("{\"row\":[1,2]}", 1, true, (int32_t[]){1, 2});
	check("{\"row\":[0,-2147483648]}", 1, true, (int32_t[]){0, INT32_MIN});
	check(" { \"row\" : [ 2147483647 ,\t0 ]\r\n}\n", 1, true, (int32_t[]){INT32_MAX, 0});
	check("{\"rows\":[[1,2]]}", 1, false, (int32_t[]){1, 2});
	check("{\"rows\":[[1,2],[3,4],[-5,60000]]}", 3, false, (int32_t[]){1, 2, 3, 4, -5, 60000});
	check("{\"rows\": [[1, 2], [3, 4]]}", 2, false, (int32_t[]){1, 2, 3, 4});
}

static void left_to_the_parser(void **state UNUSED)
{
	static const char *const bodies[] = {
	    "",
	    "{",
	    "{}",
	    "[]",
	    "{\"row\"",
	    "{\"row\":",
	    "{\"row\":[",
	    "{\"row\":[1",
	    "{\"row\":[1,2",
	    "{\"row\":[1,2]",
	    "{\"row\":[1,2]}}",
	    "{\"row\":[1,2]} x",
	    "{\"row\":[1]}",
	    "{\"row\":[1,2,3]}",
	    "{\"row\":[1,]}",
	    "{\"row\":[01,2]}",
	    "{\"row\":[+1,2]}",
	    "{\"row\":[-,2]}",
	    "{\"row\":[-0,2]}",
	    "{\"row\":[1.0,2]}",
	    "{\"row\":[1e0,2]}",
	    "{\"row\":[2147483648,2]}",
	    "{\"row\":[99999999999999999999,2]}",
	    "{\"row\":[1,-1]}", /* missing */
	    "{\"row\":[null,2]}",
	    "{\"row\":[\"1\",2]}",
	    "{\"row\":[[1,2]]}",
	    "{\"row\":{\"left\":1,\"right\":2}}",
	    "{\"row\":[1,2],\"probabilities\":true}",
	    "{\"row\":[1,2],\"row\":[1,2]}",
	    "{\"rows\":[]}",
	    "{\"rows\":[1,2]}",
	    "{\"rows\":[[1,2],]}",
	    "{\"rows\":[[1,2],[1]]}",
	    "{\"rows\":[[1,2],[1,2],[1,2],[1,2]]}", /* more than allowed */
	    "{\"pipeline\":\"pairs\",\"row\":[1,2]}",
	    "{\"Row\":[1,2]}",
	    "{\"row\\u0073\":[[1,2]]}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		check(bodies[i], -1, false, NULL);
	forest_features[1].type = features[1].column.type = COLUMN_REAL;
	check("{\"row\":[1,2]}", -1, false, NULL);
	forest_features[1].type = features[1].column.type = COLUMN_INTEGER;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken),
	    cmocka_unit_test(left_to_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
