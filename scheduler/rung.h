#ifndef SCHEDULER_RUNG_H
#define SCHEDULER_RUNG_H

/*
 * When a need that may wait is started: the policy, its ladder of rungs, and the two reasons to start although the grid
 * is not clean. Part of decide(), in a file of its own for its size; pure.
 *
 *	rung_decide(policy, signal, &decision);
 *
 * decision->due_at_s, latest_start_at_s and rule are set before; verdict (train or wait), rung, start_at_s,
 * target_gco2_per_kwh and reasons are set by it, and rule where it starts early or is put off.
 *
 * The rungs, from the first that can be used: now (the policy does not wait), deadline (the next tick would come too
 * late), forecast (values are published), history (the last day is known to 80 %), percentile (at least 14 days are
 * known to 80 %), threshold, deadline (there is no reading to go by). A policy begins at the rung that it needs.
 */

#include "scheduler/decide.h"

void rung_decide(const struct policy *policy, const struct signal *signal, struct decision *decision);

#endif
