#ifndef SCHEDULER_REPORT_H
#define SCHEDULER_REPORT_H

/*
 * A decision for people (one line) and for programs (one JSON object per line and pipeline):
 *
 *	insurance: WAIT, at the latest until 2023-11-21T08:58:10Z: accuracy 78.90 % -> 77.60 % ...; grid 448 g/kWh now ...
 *
 * Step outputs decision_id, verdict and workflow; with several pipelines their values in the order of the specs, apart by
 * commas.
 */

#include "common/text.h"
#include "scheduler/tick.h"

void report_text(const struct tick *tick, struct text *text);
/* free() */
char *report_json(const struct tick *tick);

struct outputs {
	struct text decision_id, verdict, workflow;
};

void outputs_init(struct outputs *outputs);
void outputs_add(struct outputs *outputs, const struct tick *tick);
bool outputs_write(struct outputs *outputs, struct fail *fail) MUST_USE;
void outputs_release(struct outputs *outputs);

#endif
