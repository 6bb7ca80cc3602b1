#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/version.h"

static void starts_with_a_number(void **state UNUSED)
{
	int major = -1, minor = -1, patch = -1;

	assert_int_equal(sscanf(green_ml_version, "%d.%d.%d", &major, &minor, &patch), 3);
	assert_true(major >= 0 && minor >= 0 && patch >= 0);
}

static void is_one_word(void **state UNUSED)
{
	assert_int_equal(strcspn(green_ml_version, " \t\r\n\""), strlen(green_ml_version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_with_a_number),
	    cmocka_unit_test(is_one_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
