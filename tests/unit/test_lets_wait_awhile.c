/* The scenarios of "Let's Wait Awhile" on values that can be worked out by hand. 2020-01-01 was a Wednesday. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "scheduler/lets_wait_awhile.h"

enum { WEDNESDAY = 2, DAY = LWA_STEPS_PER_DAY };

/* A job that would end on that day (0 = Wednesday) at that hour may end so many hours later. */
static void slack(void **state UNUSED)
{
	static const struct {
		int day;
		double ends_h, next_workday_h, semi_weekly_h;
	} cases[] = {
	    {0, 8.5, 0.5, 24.5},		      /* Wednesday morning */
	    {0, 9, 0, 24},			      /* within working hours */
	    {0, 17, 0, 16},			      /* their last moment */
	    {0, 17.5, 15.5, 15.5},		      /* Wednesday evening */
	    {1, 9, 0, 0},			      /* Thursday 09:00 itself */
	    {1, 9.5, 0, 95.5},			      /* then until Monday */
	    {2, 12, 0, 69},			      /* Friday noon */
	    {2, 18, 15, 63},			      /* Friday evening: Saturday 09:00 */
	    {3, 0, 57, 57},			      /* Saturday: Monday */
	    {3, 23.5, 33.5, 33.5}, {4, 10, 23, 23},   /* Sunday: the next day */
	    {5, 0, 9, 9},			      /* Monday before nine */
	    {5, 9, 0, 0},	   {5, 9.5, 0, 71.5}, /* Monday after nine: Thursday */
	    {6, 20, 13, 37},			      /* Tuesday evening */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		long end = cases[i].day * DAY + lround(2 * cases[i].ends_h);

		assert_int_equal(lwa_slack(LWA_NEXT_WORKDAY, WEDNESDAY, end), lround(2 * cases[i].next_workday_h));
		assert_int_equal(lwa_slack(LWA_SEMI_WEEKLY, WEDNESDAY, end), lround(2 * cases[i].semi_weekly_h));
	}
}

/* Three days at 100; 50 at 00:30 of each, 20 at 05:00, 10 at 20:00. */
static void nightly(void **state UNUSED)
{
	double values[3 * DAY];
	struct lwa_result result;

	for (int i = 0; i < 3 * DAY; i++)
		values[i] = i % DAY == 1 ? 50 : i % DAY == 10 ? 20 : i % DAY == 40 ? 10 : 100;
	assert_true(lwa_nightly(values, 3 * DAY, 0, &result));
	assert_int_equal(result.jobs, 3);
	assert_true(result.mean_gco2_per_kwh == 100 && result.saving_vs_baseline_pct == 0);
	assert_true(lwa_nightly(values, 3 * DAY, 1, &result));
	assert_true(result.mean_gco2_per_kwh == 50 && result.saving_vs_baseline_pct == 50);
	/* The first day's window would begin the day before: it counts as nothing. */
	assert_true(lwa_nightly(values, 3 * DAY, 8, &result));
	assert_true(fabs(result.mean_gco2_per_kwh - 2 * 20 / 3.0) < 1e-9);
	/* At 20:00 of the day before: five hours. */
	assert_true(lwa_nightly(values, 3 * DAY, 10, &result));
	assert_true(fabs(result.mean_gco2_per_kwh - 2 * 10 / 3.0) < 1e-9);
	assert_true(lwa_nightly(values, 5, 2, &result));
	assert_int_equal(result.jobs, 1);
	assert_false(lwa_nightly(values, 4, 2, &result));
}

/* Two hours from Wednesday 16:00 on, at 100, 100, 100, 100 (ends at 18:00: until Thursday 09:00), then 40 at 20:00 and
 * 20:30, and 20 at 22:00, 23:00. */
static void training(void **state UNUSED)
{
	static const struct lwa_job job = {32, 4}, late = {100, 1};
	double values[DAY * 2 + 4];
	struct lwa_result result;

	for (int i = 0; i < DAY * 2 + 4; i++)
		values[i] = i == 40 || i == 41 ? 40 : i == 44 || i == 46 ? 20 : 100;
	assert_true(lwa_training(values, DAY * 2 + 4, WEDNESDAY, &job, 1, LWA_NEXT_WORKDAY, false, &result));
	/* The best row: 21:30 to 23:30 with 100, 20, 100, 20, or 22:00 on: 20, 100, 20, 100. */
	assert_true(result.mean_gco2_per_kwh == 60 && result.saving_vs_now_pct == 40 && result.jobs == 1);
	assert_true(lwa_training(values, DAY * 2 + 4, WEDNESDAY, &job, 1, LWA_NEXT_WORKDAY, true, &result));
	assert_true(result.mean_gco2_per_kwh == 30 && result.saving_vs_baseline_pct == 70);
	values[36] = 0; /* 18:00 is within the half hour that is always free */
	assert_true(lwa_training(values, DAY * 2 + 4, WEDNESDAY, &job, 1, LWA_NEXT_WORKDAY, false, &result));
	assert_true(result.baseline_gco2_per_kwh == 75 && result.now_gco2_per_kwh == 100);
	assert_true(fabs(result.saving_vs_baseline_pct - 20) < 1e-9);
	assert_false(lwa_training(values, DAY * 2 + 4, WEDNESDAY, &late, 1, LWA_NEXT_WORKDAY, false, &result));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slack),
	    cmocka_unit_test(nightly),
	    cmocka_unit_test(training),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
