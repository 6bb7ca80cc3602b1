/* When cells are kept, and when they are summed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "preprocessing/cells.h"

static void kept_up_to_a_quarter_of_the_rows(void **state UNUSED)
{
	assert_true(cells_are_worth_it(5, 25, 100));
	assert_false(cells_are_worth_it(5, 26, 100));
	assert_true(cells_are_worth_it(1, 1, 1000000000000));
	assert_false(cells_are_worth_it(1, 1000000000000, 1000000000000));
	assert_false(cells_are_worth_it(5, 0, 0));
}

static void kept_up_to_24_features(void **state UNUSED)
{
	assert_true(cells_are_worth_it(24, 1, 100));
	assert_false(cells_are_worth_it(25, 1, 100));
}

static void summed_up_beyond_twice_the_base_and_100000(void **state UNUSED)
{
	assert_false(cells_are_scattered(0, 0));
	assert_false(cells_are_scattered(100000, 0));
	assert_true(cells_are_scattered(100001, 0));
	assert_false(cells_are_scattered(100000 + 2 * 65000, 65000));
	assert_true(cells_are_scattered(100001 + 2 * 65000, 65000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kept_up_to_a_quarter_of_the_rows),
	    cmocka_unit_test(kept_up_to_24_features),
	    cmocka_unit_test(summed_up_beyond_twice_the_base_and_100000),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
