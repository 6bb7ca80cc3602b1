#ifndef SCHEDULER_INPUTS_H
#define SCHEDULER_INPUTS_H

/*
 * Everything decide() was given, as the JSON that decision.inputs keeps for replays: {"policy": {...}, "signal":
 * {...}}. Keys are the fields' names, times are ISO texts, what is not known is left out. The tests' decision cases
 * have the same signal.
 *
 *	char *json = inputs_json(&policy, &signal);			free()
 *	struct inputs inputs;
 *	if (!inputs_read(json, &inputs, &fail)) ...			the same policy and signal again
 *	inputs_release(&inputs);
 */

#include "common/fail.h"
#include "scheduler/decide.h"

char *inputs_json(const struct policy *policy, const struct signal *signal);

/* Owns what the signal points to. */
struct inputs {
	struct policy policy;
	struct signal signal;
	struct carbon_point *history;
	struct forecast_point *forecast;
};

/* The policy's start rule is not in the text but in its name: policy.h makes it. */
bool inputs_read(const char *json, struct inputs *inputs, struct fail *fail) MUST_USE;
void inputs_release(struct inputs *inputs);

#endif
