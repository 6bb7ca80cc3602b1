#ifndef SCHEDULER_LETS_WAIT_AWHILE_COMMAND_H
#define SCHEDULER_LETS_WAIT_AWHILE_COMMAND_H

/* "scheduler backtest --method lets-wait-awhile": reads its files, runs a scenario and prints it. */

#include "common/setting.h"

struct lwa_request {
	const struct setting_list *actual;
	const char *scenario;	/* "nightly" or "ml" */
	const char *constraint; /* "next_workday" or "semi_weekly" */
	const char *jobs;	/* CSV start_step,duration_steps of ml; NULL: none was given */
	double window_h;	/* of nightly, to either side */
	bool interruptible, json;
};

bool lwa_command(const struct lwa_request *request, struct fail *fail) MUST_USE;

#endif
