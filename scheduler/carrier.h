#ifndef SCHEDULER_CARRIER_H
#define SCHEDULER_CARRIER_H

/*
 * Who carries a retraining out: Argo (--via argo, --via kube) or a command (--via command).
 *
 *	carrier_follow()	what became of an open retraining, from the database first, then from the workflow
 *	carrier_start()		submits an intent that is stored and committed, and stores what came of it
 *
 * A command is waited for, so that one tick sees its end; a tick that finds such a retraining still accepted knows that
 * the one which ran it has died.
 */

#include "common/spec.h"
#include "scheduler/argo.h"
#include "scheduler/retrain.h"

struct carrier {
	const struct config *config;
	const struct spec *spec;
	struct argo argo; /* when via is argo or kube */
	bool has_argo;
};

/* Checks the settings of --via. On error there is nothing to release. */
bool carrier_open(const struct config *config, const struct spec *spec, struct carrier *carrier,
		  struct fail *fail) MUST_USE;
void carrier_release(struct carrier *carrier);

enum followed {
	FOLLOWED,	    /* change->any tells whether there is something to store */
	FOLLOW_UNREACHABLE, /* the server did not say, and fail why not; nothing has changed */
	FOLLOW_FAILED,	    /* fail is set: the database, or a setting */
};

enum followed carrier_follow(const struct carrier *carrier, PGconn *db, double now_s, struct retrain *retrain,
			     struct change *change, struct fail *fail) MUST_USE;

/* workflow: the intent's name. False: fail says why it was not accepted or how it failed; the row says the same. */
bool carrier_start(const struct carrier *carrier, PGconn *db, const char *workflow, const struct writer *writer,
		   struct retrain *retrain, struct fail *fail) MUST_USE;

#endif
