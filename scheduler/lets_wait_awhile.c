#include "scheduler/lets_wait_awhile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { ONE_O_CLOCK = 2, NINE = 18, SEVENTEEN = 34, MONDAY = 0, THURSDAY = 3, SATURDAY = 5, SUNDAY = 6, WEEK = 7 };

static void finish(struct lwa_result *result, double spent, double baseline, double now, double divisor)
{
	result->mean_gco2_per_kwh = spent / divisor;
	result->baseline_gco2_per_kwh = baseline / divisor;
	result->now_gco2_per_kwh = now / divisor;
	result->saving_vs_baseline_pct = baseline > 0 ? 100 * (1 - spent / baseline) : NAN;
	result->saving_vs_now_pct = now > 0 ? 100 * (1 - spent / now) : NAN;
}

bool lwa_nightly(const double *values, long count, long window, struct lwa_result *result)
{
	double spent = 0, now = 0;

	*result = (struct lwa_result){.jobs = 0};
	for (long due = ONE_O_CLOCK; result->jobs < LWA_NIGHTS && due + window < count; due += LWA_STEPS_PER_DAY) {
		double best = INFINITY;

		result->jobs++;
		now += values[due];
		for (long at = due - window; due >= window && at <= due + window; at++)
			best = fmin(best, values[at]);
		spent += due >= window ? best : 0;
	}
	if (result->jobs == 0)
		return false;
	finish(result, spent, now, now, (double)result->jobs);
	return true;
}

static long to_nine(long time, long days)
{
	return NINE - time + days * LWA_STEPS_PER_DAY;
}

static long to_next_workday(int weekday, long time)
{
	if (weekday == SATURDAY)
		return to_nine(time, 2);
	if (weekday == SUNDAY || time > SEVENTEEN) /* from Friday evening to Saturday, as they have it */
		return to_nine(time, 1);
	return time < NINE ? to_nine(time, 0) : 0;
}

static long to_monday_or_thursday(int weekday, long time)
{
	bool is_first_half =
	    (weekday > MONDAY || time > NINE) && (weekday < THURSDAY || (weekday == THURSDAY && time <= NINE));

	return to_nine(time, is_first_half ? THURSDAY - weekday : (WEEK - weekday) % WEEK);
}

long lwa_slack(enum lwa_constraint constraint, int weekday, long end)
{
	int ends_on = (int)((weekday + end / LWA_STEPS_PER_DAY) % WEEK);
	long time = end % LWA_STEPS_PER_DAY;

	return constraint == LWA_NEXT_WORKDAY ? to_next_workday(ends_on, time) : to_monday_or_thursday(ends_on, time);
}

static double sum_of(const double *values, long count)
{
	double sum = 0;

	for (long i = 0; i < count; i++)
		sum += values[i];
	return sum;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The cleanest `steps` of that many values. */
static double cleanest(const double *values, long count, long steps)
{
	double *sorted = xcalloc((size_t)count, sizeof(*sorted)), sum;

	memcpy(sorted, values, (size_t)count * sizeof(*sorted));
	qsort(sorted, (size_t)count, sizeof(*sorted), compare);
	sum = sum_of(sorted, steps);
	free(sorted);
	return sum;
}

/* The cleanest unbroken row of `steps`. */
static double cleanest_row(const double *values, long count, long steps)
{
	double sum = sum_of(values, steps), best = sum;

	for (long start = 1; start + steps <= count; start++) {
		sum += values[start + steps - 1] - values[start - 1];
		best = fmin(best, sum);
	}
	return best;
}

bool lwa_training(const double *values, long count, int weekday, const struct lwa_job *jobs, size_t job_count,
		  enum lwa_constraint constraint, bool interruptible, struct lwa_result *result)
{
	double spent = 0, baseline = 0, now = 0, steps = 0;

	*result = (struct lwa_result){.jobs = 0};
	for (size_t i = 0; i < job_count; i++) {
		const struct lwa_job *job = &jobs[i];
		const double *at = values + job->start;
		long left = count - job->start, least = job->steps + 1, window;

		if (job->start < 0 || job->steps < 1 || least > left)
			return false;
		window = least + lwa_slack(constraint, weekday, job->start + job->steps);
		if (window > left)
			window = left;
		spent += (interruptible ? cleanest : cleanest_row)(at, window, job->steps);
		baseline += cleanest_row(at, least, job->steps);
		now += sum_of(at, job->steps);
		steps += (double)job->steps;
		result->jobs++;
	}
	finish(result, spent, baseline, now, steps > 0 ? steps : 1);
	return true;
}
