/* What counts as "this promotion is served". The command: tests/integration/41_verify.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/attr.h"
#include "model-api/verify.h"

static void replies(void **state UNUSED)
{
	static const struct {
		long status;
		const char *body;
		const char *reason; /* NULL: it is served */
	} cases[] = {
	    {200, "{\"pipeline\":\"towns\",\"promotion_id\":7}", NULL},
	    {200, "{\"pipeline\":\"towns\",\"promotion_id\":8,\"model_id\":1}", NULL},
	    {200, "{\"pipeline\":\"towns\",\"promotion_id\":6}", "promotion 6"},
	    {200, "{\"pipeline\":\"town\",\"promotion_id\":7}", "\"town\""},
	    {200, "{\"pipeline\":\"towns\",\"promotion_id\":\"7\"}", "is it a model-api"},
	    {200, "{\"pipeline\":\"towns\"}", "is it a model-api"},
	    {200, "{\"promotion_id\":7}", "is it a model-api"},
	    {200, "[7]", "is it a model-api"},
	    {200, "", "is it a model-api"},
	    {200, "<html>", "is it a model-api"},
	    {503, "{\"pipeline\":\"towns\",\"promotion_id\":7}", "status 503"},
	    {404, "{\"error\":\"no\"}", "status 404"},
	};
	struct verify verify = {.pipeline = "towns", .promotion_id = 7};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};

		assert_int_equal(verify_reply(&verify, cases[i].status, cases[i].body, strlen(cases[i].body), &fail),
				 cases[i].reason == NULL);
		if (cases[i].reason)
			assert_non_null(strstr(fail.text, cases[i].reason));
		else
			assert_int_equal(fail.code, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
