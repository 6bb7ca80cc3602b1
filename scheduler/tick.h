#ifndef SCHEDULER_TICK_H
#define SCHEDULER_TICK_H

/*
 * One pipeline's tick, from the first question to the submission:
 *
 *	lock the pipeline (a second tick waits, and then sees what this one did)
 *	follow the open retraining
 *	take or take over the look at the evidence
 *	read the grid
 *	decide
 *	one transaction: what was followed, the look, the decision, the retrain row, the run
 *	submit what was intended, and store what came of it
 *
 * A tick that dies between the last two leaves the intent; the next one asks for the same workflow name. tick_explain()
 * does everything up to the decision, writes nothing and submits nothing.
 */

#include <libpq-fe.h>

#include "common/spec.h"
#include "scheduler/config.h"
#include "scheduler/decide.h"
#include "scheduler/evidence.h"
#include "scheduler/retrain.h"

struct tick {
	const struct spec *spec;
	struct policy policy;
	struct signal signal;
	struct carbon_point *history;	 /* owned; signal.history points to it */
	struct forecast_point *forecast; /* likewise */
	struct evidence evidence;
	struct decision decision;
	int64_t decision_id; /* 0: not stored */
	int retrain_id;	     /* 0: none */
	char workflow[WORKFLOW_NAME_SIZE];
};

/* tick->decision_id is set as soon as the decision is stored, also where the submission failed afterwards. The tick is
 * to be released in any case. */
bool tick_run(PGconn *db, const struct config *config, const struct spec *spec, struct tick *tick,
	      struct fail *fail) MUST_USE;
bool tick_explain(PGconn *db, const struct config *config, const struct spec *spec, struct tick *tick,
		  struct fail *fail) MUST_USE;
void tick_release(struct tick *tick);

#endif
