#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "scheduler/newcombe.h"

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.12f, want %.12f", got, want);
}

/* Newcombe 1998, Statistics in Medicine 17:873, table II, method 10: intervals of 95 %. */
static void published_differences(void **state UNUSED)
{
	static const struct {
		int a, m, b, n;
		double low, high;
	} cases[] = {
	    {56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090},  {6, 7, 2, 7, 0.0582, 0.8062},
	    {5, 56, 0, 29, -0.0381, 0.1926},  {0, 10, 0, 20, -0.1611, 0.2775}, {0, 10, 0, 10, -0.2775, 0.2775},
	    {10, 10, 0, 20, 0.6791, 1.0000},  {10, 10, 0, 10, 0.6075, 1.0000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct interval ends = newcombe_interval(cases[i].a, cases[i].m, cases[i].b, cases[i].n, 0.95);

		near(ends.low, cases[i].low, 0.00006);
		near(ends.high, cases[i].high, 0.00006);
	}
}

/* Quantiles to 15 digits from tables of the normal distribution. */
static void quantiles(void **state UNUSED)
{
	near(normal_quantile(0.975), 1.959963984540054, 1e-13);
	near(normal_quantile(0.025), -1.959963984540054, 1e-13);
	near(normal_quantile(0.95), 1.644853626951473, 1e-13);
	near(normal_quantile(0.995), 2.575829303548901, 1e-13);
	near(normal_quantile(0.9999), 3.719016485455709, 1e-9);
	near(normal_quantile(1e-9), -5.997807015007687, 1e-9);
	assert_true(normal_quantile(0.5) == 0);
}

/* Wilson 1927 as tabulated by Newcombe 1998, Statistics in Medicine 17:857, table I, method 3. */
static void wilson_limits(void **state UNUSED)
{
	const double z = 1.959963984540054;

	near(wilson_interval(81, 263, z).low, 0.2553, 0.00006);
	near(wilson_interval(81, 263, z).high, 0.3662, 0.00006);
	near(wilson_interval(15, 148, z).low, 0.0624, 0.00006);
	near(wilson_interval(15, 148, z).high, 0.1605, 0.00006);
	near(wilson_interval(0, 20, z).low, 0, 0);
	near(wilson_interval(0, 20, z).high, 0.1611, 0.00006);
	near(wilson_interval(29, 29, z).low, 0.8830, 0.00006);
	near(wilson_interval(29, 29, z).high, 1, 0);
}

static void looks_spend_five_percent(void **state UNUSED)
{
	double sum = 0;

	near(look_alpha(1), 0.030396355092701, 1e-12);
	near(look_alpha(2), 0.030396355092701 / 4, 1e-12);
	for (int look = 1; look <= 100000; look++)
		sum += look_alpha(look);
	assert_true(sum < 0.05);
	near(sum, 0.05, 1e-6);
}

/* A later look of the same numbers is less sure of them. */
static void later_looks_are_wider(void **state UNUSED)
{
	struct interval first = newcombe_interval(7352, 10000, 7223, 10000, 1 - look_alpha(1) / 2);
	struct interval fifth = newcombe_interval(7352, 10000, 7223, 10000, 1 - look_alpha(5) / 2);

	assert_true(fifth.low < first.low && fifth.high > first.high);
	near((first.low + first.high) / 2, 0.0129, 0.0001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_differences), cmocka_unit_test(quantiles),
	    cmocka_unit_test(wilson_limits),	     cmocka_unit_test(looks_spend_five_percent),
	    cmocka_unit_test(later_looks_are_wider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
