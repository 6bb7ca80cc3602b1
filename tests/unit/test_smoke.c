/* Smoke rows: a model answers its own, another one does not, and damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/smoke.h"
#include "tests/unit/small_model.h"

static void columns_by_name(void **state UNUSED)
{
	assert_int_equal(model_feature(&small_model, "age"), 0);
	assert_int_equal(model_feature(&small_model, "town"), 2);
	assert_int_equal(model_feature(&small_model, "Town"), -1);
}

static void own_rows(void **state UNUSED)
{
	char *smoke = smoke_make(&small_forest), *again = smoke_make(&small_forest);
	struct fail fail = {0};

	assert_string_equal(smoke, again);
	assert_true(smoke_check(&small_forest, smoke, &fail));
	small_shares[0]--;
	small_shares[1]++;
	assert_false(smoke_check(&small_forest, smoke, &fail));
	assert_int_equal(fail.code, EXIT_FAILED);
	small_shares[0]++;
	small_shares[1]--;
	fail_clear(&fail);
	small_nodes[0].threshold = 18; /* on the threshold and just above it */
	assert_false(smoke_check(&small_forest, smoke, &fail));
	small_nodes[0].threshold = 17;
	free(smoke);
	free(again);
}

static void damaged_rows(void **state UNUSED)
{
	static const char *const texts[] = {
	    "", "[]", "{}", "[1]", "[{\"keys\":[1,2],\"scores\":[1,2]}]", "[{\"keys\":[1,2,0],\"scores\":[16777216]}]",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct fail fail = {0};

		assert_false(smoke_check(&small_forest, texts[i], &fail));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_by_name),
	    cmocka_unit_test(own_rows),
	    cmocka_unit_test(damaged_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
