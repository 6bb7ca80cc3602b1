#ifndef SCHEDULER_INPUTS_H
#define SCHEDULER_INPUTS_H

/*
 * Everything decide() was given, as the JSON that decision.inputs keeps for replays: {"policy": {...}, "signal":
 * {...}}. Keys are the fields' names, times are ISO texts, what is not known is left out. The tests' decision cases
 * have the same signal.
 */

#include "scheduler/decide.h"

/* free() */
char *inputs_json(const struct policy *policy, const struct signal *signal);

#endif
