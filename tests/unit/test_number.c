#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/number.h"

static void int32_within_its_limits(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool good;
		int32_t value;
	} cases[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"+7", true, 7},
	    {"007", true, 7},
	    {"2147483647", true, INT32_MAX},
	    {"2147483648", false, 0},
	    {"-2147483648", true, INT32_MIN},
	    {"-2147483649", false, 0},
	    {"00000000000000000000000000000000000000000000000000000000000000000000000005", true, 5},
	    {"99999999999999999999999999", false, 0},
	    {"", false, 0},
	    {"-", false, 0},
	    {"+", false, 0},
	    {"--1", false, 0},
	    {"1-", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"1.0", false, 0},
	    {"1e3", false, 0},
	    {"0x10", false, 0},
	    {"1_000", false, 0},
	    {"1,000", false, 0},
	    {"\xd9\xa1", false, 0}, /* an Arabic digit */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t value = 0;

		if (number_int32(cases[i].text, strlen(cases[i].text), &value) != cases[i].good ||
		    (cases[i].good && value != cases[i].value))
			fail_msg("\"%s\" read as %d", cases[i].text, value);
	}
}

static void int64_within_its_limits(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool good;
		int64_t value;
	} cases[] = {
	    {"9223372036854775807", true, INT64_MAX},  {"9223372036854775808", false, 0},
	    {"-9223372036854775808", true, INT64_MIN}, {"-9223372036854775809", false, 0},
	    {"18446744073709551616", false, 0},	       {"18446744073709551617", false, 0},
	    {"-18446744073709551615", false, 0},       {"92233720368547758070", false, 0},
	    {"+9223372036854775807", true, INT64_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t value = 0;

		if (number_int64(cases[i].text, strlen(cases[i].text), &value) != cases[i].good ||
		    (cases[i].good && value != cases[i].value))
			fail_msg("\"%s\" read as %lld", cases[i].text, (long long)value);
	}
}

static void the_size_ends_the_text(void **state UNUSED)
{
	int32_t whole;
	float real;

	assert_true(number_int32("1234", 2, &whole));
	assert_int_equal(whole, 12);
	assert_true(number_float32("1.5e3", 3, &real));
	assert_true(real == 1.5f);
	assert_false(number_int32("1\0"
				  "2",
				  3, &whole));
	assert_false(number_float32("1\0"
				    "2",
				    3, &real));
	assert_false(number_int32("1", 0, &whole));
	assert_false(number_float32("1", 0, &real));
}

static void float32_as_postgresql_takes_it(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool good;
		float value;
	} cases[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"0.000e99", true, 0},
	    {"1", true, 1},
	    {"-1.5", true, -1.5f},
	    {".5", true, 0.5f},
	    {"5.", true, 5},
	    {"+2E+2", true, 200},
	    {"16777217", true, 16777216}, /* rounds to even */
	    {"0.1", true, 0.1f},
	    {"3.4028235e38", true, FLT_MAX},
	    {"3.5e38", false, 0},
	    {"-1e39", false, 0},
	    {"1e400", false, 0},
	    {"1.1754944e-38", true, FLT_MIN},
	    {"1e-45", true, FLT_TRUE_MIN}, /* the smallest denormal */
	    {"1.4e-45", true, FLT_TRUE_MIN},
	    {"7e-46", false, 0}, /* would be zero, and is not */
	    {"1e-400", false, 0},
	    {"", false, 0},
	    {".", false, 0},
	    {"-", false, 0},
	    {"e5", false, 0},
	    {"1e", false, 0},
	    {"1e+", false, 0},
	    {"1e5.0", false, 0},
	    {"1.2.3", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"1f", false, 0},
	    {"nan", false, 0},
	    {"NaN", false, 0},
	    {"inf", false, 0},
	    {"-Infinity", false, 0},
	    {"0x1p3", false, 0},
	    {"1,5", false, 0},
	    {"000000000000000000000000000000000000000000000000000000000000001", true, 1},   /* 63 bytes */
	    {"0000000000000000000000000000000000000000000000000000000000000001", false, 0}, /* 64 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		float value = NAN;
		bool good = number_float32(cases[i].text, strlen(cases[i].text), &value);

		if (good != cases[i].good || (good && value != cases[i].value))
			fail_msg("\"%s\" read as %g (%s)", cases[i].text, (double)value, good ? "good" : "refused");
	}
}

static void doubles_are_finite(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool good;
		double value;
	} cases[] = {
	    {"0", true, 0},	 {"-1e308", true, -1e308}, {"1.7976931348623157e308", true, DBL_MAX},
	    {"1e309", false, 0}, {"5e-324", true, 5e-324}, {"nan", false, 0},
	    {"inf", false, 0},	 {"", false, 0},	   {"1 ", false, 0},
	    {"0x10", false, 0},	 {"1e", false, 0},	   {"-", false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double value = NAN;
		bool good = number_double(cases[i].text, &value);

		if (good != cases[i].good || (good && value != cases[i].value))
			fail_msg("\"%s\" read as %g", cases[i].text, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(int32_within_its_limits), cmocka_unit_test(int64_within_its_limits),
	    cmocka_unit_test(the_size_ends_the_text),  cmocka_unit_test(float32_as_postgresql_takes_it),
	    cmocka_unit_test(doubles_are_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
