#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/fail.h"

static void the_first_cause_wins(void **state UNUSED)
{
	struct fail fail = {0};

	assert_false(fail_set(&fail, EXIT_BAD_DATA, "line %d", 7));
	assert_false(fail_set(&fail, EXIT_TRY_AGAIN, "clean-up"));
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	assert_string_equal(fail.text, "line 7");
}

static void a_prefix_keeps_the_code(void **state UNUSED)
{
	struct fail fail = {0};

	fail_set(&fail, EXIT_TRY_AGAIN, "refused");
	assert_false(fail_prefix(&fail, "could not read \"%s\"", "x"));
	assert_false(fail_prefix(&fail, "outer"));
	assert_int_equal(fail.code, EXIT_TRY_AGAIN);
	assert_string_equal(fail.text, "outer: could not read \"x\": refused");
}

static void long_texts_are_cut(void **state UNUSED)
{
	struct fail fail = {0};
	char text[2 * sizeof(fail.text)];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	fail_set(&fail, EXIT_FAILED, "%s", text);
	assert_int_equal(strlen(fail.text), sizeof(fail.text) - 1);
	fail_prefix(&fail, "front");
	assert_int_equal(strlen(fail.text), sizeof(fail.text) - 1);
	assert_memory_equal(fail.text, "front: aaa", 10);
	/* A prefix that fills everything leaves no room for the old text, and is still ended. */
	fail_prefix(&fail, "%s", text);
	assert_int_equal(strlen(fail.text), sizeof(fail.text) - 1);
	assert_memory_equal(fail.text, "aaaaaaa", 7);
}

static void a_cleared_fail_takes_the_next(void **state UNUSED)
{
	struct fail fail = {0};

	fail_set(&fail, EXIT_TRY_AGAIN, "first");
	fail_clear(&fail);
	assert_int_equal(fail.code, EXIT_DONE);
	assert_string_equal(fail.text, "");
	fail_set(&fail, EXIT_FAILED, "second");
	assert_int_equal(fail.code, EXIT_FAILED);
	assert_string_equal(fail.text, "second");
}

static void codes_are_those_of_the_manual(void **state UNUSED)
{
	assert_int_equal(EXIT_DONE, 0);
	assert_int_equal(EXIT_FAILED, 1);
	assert_int_equal(EXIT_WRONG_USE, 2);
	assert_int_equal(EXIT_BAD_DATA, 3);
	assert_int_equal(EXIT_TRY_AGAIN, 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_cause_wins),
	    cmocka_unit_test(a_prefix_keeps_the_code),
	    cmocka_unit_test(long_texts_are_cut),
	    cmocka_unit_test(a_cleared_fail_takes_the_next),
	    cmocka_unit_test(codes_are_those_of_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
