#ifndef SCHEDULER_REPORT_H
#define SCHEDULER_REPORT_H

/*
 * A decision for people (one line) and for programs (one JSON object per line and pipeline):
 *
 *	insurance: WAIT, until 2023-11-21T08:58:10Z at the latest (small_drop, rung threshold): accuracy ...; grid ...
 *
 * Step outputs decision_id, verdict and workflow; with several pipelines their values in the order of the specs, apart
 * by commas.
 */

#include "common/text.h"
#include "scheduler/tick.h"

/* To stdout. */
void report_print(const struct tick *tick, bool as_json);

struct outputs {
	struct text decision_id, verdict, workflow;
};

void outputs_init(struct outputs *outputs);
void outputs_add(struct outputs *outputs, const struct tick *tick);
bool outputs_write(struct outputs *outputs, struct fail *fail) MUST_USE;
void outputs_release(struct outputs *outputs);

#endif
