#ifndef SCHEDULER_LETS_WAIT_AWHILE_H
#define SCHEDULER_LETS_WAIT_AWHILE_H

/*
 * The two scenarios of Wiesner et al., "Let's Wait Awhile" (Middleware 2021), with a perfect forecast, the oddities of
 * their published figures included. Pure. Time is counted in half hours from a midnight on.
 *
 *	if (!lwa_nightly(values, count, 8, &result) ...			the trace is too short
 *	if (!lwa_training(values, count, weekday, jobs, n, constraint, interruptible, &result)) ...
 *
 * Nightly: a job of half an hour at 01:00 of each of the first 365 days, moved to the cleanest half hour within so many
 * half hours before and after. A window that begins before the trace does leaves that day out of the sum, but not out
 * of the count.
 *
 * Training: a job may end later than it would when started at once, by its slack:
 *	next workday	an end outside of 09:00 to 17:00 of a working day: until 09:00 of the next day, of Monday from a
 *			Saturday on
 *	semi-weekly	until the next Monday or Thursday, 09:00
 * One more half hour is always free, for the baseline too: it takes the better of its first two starts. An
 * interruptible job runs in the cleanest half hours, another one in the cleanest unbroken row of them.
 */

#include <stdbool.h>
#include <stddef.h>

enum { LWA_STEPS_PER_DAY = 48, LWA_NIGHTS = 365 };

enum lwa_constraint { LWA_NEXT_WORKDAY, LWA_SEMI_WEEKLY };

struct lwa_job {
	long start, steps;
};

struct lwa_result {
	long jobs;
	double mean_gco2_per_kwh, baseline_gco2_per_kwh,
	    now_gco2_per_kwh; /* now: started at once, without that half hour */
	double saving_vs_baseline_pct, saving_vs_now_pct;
};

/* window: in half hours to either side. False: not one day lies within the trace. */
bool lwa_nightly(const double *values, long count, long window, struct lwa_result *result);

/* weekday: of the first midnight, 0 = Monday. False: the job at index result->jobs does not lie within the trace. */
bool lwa_training(const double *values, long count, int weekday, const struct lwa_job *jobs, size_t job_count,
		  enum lwa_constraint constraint, bool interruptible, struct lwa_result *result);

/* By how many half hours a job may end later that ends at `end` when started at once. */
long lwa_slack(enum lwa_constraint constraint, int weekday, long end);

#endif
