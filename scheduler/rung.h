#ifndef SCHEDULER_RUNG_H
#define SCHEDULER_RUNG_H

/*
 * When a need that may wait is started: the policy, its ladder of rungs, and the two reasons to start although the grid
 * is not clean. Part of decide(), in a file of its own for its size; pure.
 *
 *	rung_decide(policy, signal, &decision);
 *
 * decision->due_at_s, latest_start_at_s and rule are set before; verdict (train or wait), rung, start_at_s,
 * target_gco2_per_kwh and reasons are set by it, and rule where it starts early.
 */

#include "scheduler/decide.h"

enum {
	HISTORY_HOURS = 720,	  /* the percentile is of the 30 days before the need fell due */
	HISTORY_MIN_HOURS = 336,  /* and wants at least 14 days of them, */
	HISTORY_MIN_PERCENT = 80, /* of which so many hours are known */
};

void rung_decide(const struct policy *policy, const struct signal *signal, struct decision *decision);

/* The p-th percentile (0..100) with linear interpolation between neighbours; count > 0, values are sorted by it. */
double percentile(double *values, size_t count, double p);

#endif
