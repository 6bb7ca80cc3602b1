/* When cells are kept, and when they are summed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "preprocessing/cells.h"

static void kept_from_four_rows_per_cell(void **state UNUSED)
{
	assert_true(cells_are_worth_it(25, 100));
	assert_false(cells_are_worth_it(26, 100));
	assert_false(cells_are_worth_it(25, 99));
	assert_true(cells_are_worth_it(1, 1000000000000));
	assert_false(cells_are_worth_it(1000000000000, 1000000000000));
}

static void counted_again_when_it_can_have_changed(void **state UNUSED)
{
	assert_int_equal(cells_count_next_at(100, 100), 400);
	assert_int_equal(cells_count_next_at(50, 100), 200);
	assert_int_equal(cells_count_next_at(30, 100), 125);
	assert_int_equal(cells_count_next_at(26, 100), 125);
	assert_false(cells_are_worth_it(50, cells_count_next_at(50, 100) - 1));
	assert_true(cells_are_worth_it(50, cells_count_next_at(50, 100)));
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
	    cmocka_unit_test(kept_from_four_rows_per_cell),
	    cmocka_unit_test(counted_again_when_it_can_have_changed),
	    cmocka_unit_test(summed_up_beyond_twice_the_base_and_100000),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
