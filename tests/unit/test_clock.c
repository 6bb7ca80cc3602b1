#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"

static void times_are_read(void **state UNUSED)
{
	static const struct {
		const char *text;
		double unix_s;
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2023-11-14", 1699920000},
	    {"2023-11-14T09:00:00Z", 1699952400},
	    {"2023-11-14T09:00Z", 1699952400},
	    {"2023-11-14 09:00:00Z", 1699952400},
	    {"2023-11-14T09:00:00z", 1699952400},
	    {"2023-11-14T10:00:00+01:00", 1699952400},
	    {"2023-11-14T10:00:00+0100", 1699952400},
	    {"2023-11-14T03:15:00-05:45", 1699952400},
	    {"2023-11-14T09:00:00+00:00", 1699952400},
	    {"2023-11-14T09:00:00.250Z", 1699952400.25},
	    {"2023-11-14T09:00:00.000000001Z", 1699952400},
	    {"2023-12-31T23:59:59Z", 1704067199},
	    {"2024-01-01T00:30:00+01:00", 1704065400}, /* still last year in UTC */
	    {"2016-12-31T23:59:60Z", 1483228800},      /* leap second: the next minute's first */
	    {"2024-02-29T00:00:00Z", 1709164800},
	    {"2000-02-29T12:00:00Z", 951825600},
	    {"2038-01-19T03:14:08Z", 2147483648.0},
	    {"9999-12-31T23:59:59Z", 253402300799.0},
	    {"1970-01-01T00:00:00+01:00", -3600},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double unix_s = NAN;

		if (!clock_parse(cases[i].text, &unix_s) || fabs(unix_s - cases[i].unix_s) > 1e-6)
			fail_msg("\"%s\" read as %.6f, expected %.6f", cases[i].text, unix_s, cases[i].unix_s);
	}
}

static void what_is_no_time_is_refused(void **state UNUSED)
{
	static const char *const cases[] = {
	    "",
	    "now",
	    "2023",
	    "2023-11",
	    "2023-11-14T",
	    "2023-11-14T09",
	    "2023-11-14T09:00",
	    "2023-11-14T09:00:00",   /* no zone */
	    "2023-11-14T09:00:00 Z", /* text in between */
	    "2023-11-14T09:00:00Zx", /* and behind */
	    "2023-11-14T09:00:00Z ",
	    " 2023-11-14T09:00:00Z", /* and before */
	    "2023-11-14T09:00:00.Z", /* a point without digits */
	    "2023-11-14T09:00:00,5Z",
	    "2023-11-14T24:00:00Z",
	    "2023-11-14T09:60:00Z",
	    "2023-11-14T09:00:61Z",
	    "2023-11-14T09:00:00+24:00",
	    "2023-11-14T09:00:00+01:60",
	    "2023-11-14T09:00:00+1:00",
	    "2023-11-14T09:00:00+01",
	    "2023-00-14T09:00:00Z",
	    "2023-13-14T09:00:00Z",
	    "2023-11-00T09:00:00Z",
	    "2023-11-31T09:00:00Z", /* November has 30 days */
	    "2023-02-29T00:00:00Z", /* no leap year */
	    "1900-02-29T00:00:00Z",
	    "1969-12-31T23:59:59Z", /* before the first year */
	    "10000-01-01T00:00:00Z",
	    "-2023-11-14T09:00:00Z",
	    "2023-1-14T09:00:00Z",
	    "2023/11/14T09:00:00Z",
	    "+023-11-14T09:00:00Z",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double unix_s;

		if (clock_parse(cases[i], &unix_s))
			fail_msg("\"%s\" was taken for a time", cases[i]);
	}
}

static void times_are_written(void **state UNUSED)
{
	static const struct {
		double unix_s;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {1699952400, "2023-11-14T09:00:00Z"},
	    {1699952400.25, "2023-11-14T09:00:00.250Z"},
	    {1699952400.9996, "2023-11-14T09:00:01Z"}, /* rounds into the next second */
	    {1704067199.9999, "2024-01-01T00:00:00Z"}, /* and year */
	    {1699952400.0004, "2023-11-14T09:00:00Z"},
	    {-0.5, "1969-12-31T23:59:59.500Z"},
	    {951782400, "2000-02-29T00:00:00Z"},
	    {253402300799.0, "9999-12-31T23:59:59Z"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[CLOCK_TEXT_SIZE];

		assert_string_equal(clock_format(cases[i].unix_s, text), cases[i].text);
	}
}

/* Every day from 1970 to 2100 is read as it was written. */
static void written_times_are_read_back(void **state UNUSED)
{
	for (int day = 0; day < 131 * 365; day++) {
		char text[CLOCK_TEXT_SIZE];
		double want_s = day * 86400.0 + day % 86400, got_s;

		clock_format(want_s, text);
		assert_true(clock_parse(text, &got_s));
		assert_true(got_s == want_s);
	}
}

static void the_clock_can_be_simulated(void **state UNUSED)
{
	double before_s = clock_monotonic_s();

	assert_false(clock_is_simulated());
	assert_true(clock_now_s() > 1700000000);
	clock_simulate(1699952400.5);
	assert_true(clock_is_simulated());
	assert_true(clock_now_s() == 1699952400.5);
	/* Durations are real. */
	for (int i = 0; i < 1000000 && clock_monotonic_s() == before_s; i++)
		;
	assert_true(clock_monotonic_s() > before_s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_read),
	    cmocka_unit_test(what_is_no_time_is_refused),
	    cmocka_unit_test(times_are_written),
	    cmocka_unit_test(written_times_are_read_back),
	    cmocka_unit_test(the_clock_can_be_simulated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
