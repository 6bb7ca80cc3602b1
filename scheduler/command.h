#ifndef SCHEDULER_COMMAND_H
#define SCHEDULER_COMMAND_H

/*
 * A retraining as a command of this machine, for the demo and for sites without a cluster: /bin/sh -c COMMAND is run
 * and waited for, with RETRAIN_ID, PIPELINE_NAME, PIPELINE_SPEC, WORKFLOW_NAME, and GREEN_ML_NOW where the clock is
 * simulated, in its environment. What it prints goes to this program's stderr. It is asked to end (SIGTERM) when the
 * scheduler dies.
 *
 * What it costs is in the runs that its own programs open, under its own pipeline; it is left out of the next tick's.
 */

#include "common/fail.h"

struct command {
	const char *line; /* for /bin/sh -c */
	const char *pipeline, *spec_file, *workflow;
	int retrain_id;
};

/* False when it cannot be started. *status: its exit code, 128 + the signal that killed it. */
bool command_run(const struct command *command, int *status, struct fail *fail) MUST_USE;

#endif
