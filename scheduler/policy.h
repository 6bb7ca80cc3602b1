#ifndef SCHEDULER_POLICY_H
#define SCHEDULER_POLICY_H

/*
 * Start policies by name: now, threshold:T, percentile:P, forecast and the others of scheduler/rule.h. A name that is
 * none of these is an error that lists them (EXIT_WRONG_USE).
 *
 *	struct policy policy;
 *	if (!policy_make(&config, &policy, &fail)) ...
 *
 * CARBON_INTENSITY_THRESHOLD (--carbon-intensity-threshold) sets the threshold rung of the ladder. With the preset seed
 * it moves the preset's own threshold too, as it did in the first version.
 */

#include "common/fail.h"
#include "scheduler/config.h"
#include "scheduler/decide.h"

bool policy_make(const struct config *config, struct policy *policy, struct fail *fail) MUST_USE;

#endif
