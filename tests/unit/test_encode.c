/* Which texts a column's type takes: what PostgreSQL would read and common/number.h would not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "preprocessing/encode.h"

static const struct {
	const char *text;
	bool integer, real;
} cases[] = {
    {"0", true, true},		{"-1", true, true},	     {"+5", true, true},	  {"007", true, true},
    {"2147483647", true, true}, {"2147483648", false, true}, {"-2147483648", true, true}, {"1.5", false, true},
    {"1e3", false, true},	{".5", false, true},	     {"", false, false},	  {" 5", false, false},
    {"5 ", false, false},	{"1_000", false, false},     {"0x1F", false, false},	  {"NaN", false, false},
    {"Infinity", false, false}, {"1e39", false, false},	     {"1e-60", false, false},	  {"0e-60", false, true},
    {"five", false, false},
};

static void numbers(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size = strlen(cases[i].text);

		if (encode_accepts(COLUMN_INTEGER, cases[i].text, size) != cases[i].integer)
			fail_msg("integer \"%s\": want %d", cases[i].text, cases[i].integer);
		if (encode_accepts(COLUMN_REAL, cases[i].text, size) != cases[i].real)
			fail_msg("real \"%s\": want %d", cases[i].text, cases[i].real);
	}
}

static void a_category_takes_everything(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_true(encode_accepts(COLUMN_CATEGORY, cases[i].text, strlen(cases[i].text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(a_category_takes_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
