#ifndef SCHEDULER_EVIDENCE_H
#define SCHEDULER_EVIDENCE_H

/*
 * How the serving model does on rows it has never seen: the loads that its plan did not know, both splits, read with
 * its own feature set and scored now. Two windows: all of them, and the newest whole loads that hold at least
 * retrain.recent_rows rows.
 *
 * A look is taken only when at least retrain.min_new_rows rows came since this model's last one (the first:
 * retrain.min_rows rows since its plan); otherwise the last look stands, as green_ml.evaluation holds it. Nothing is
 * written here:
 *
 *	struct evidence evidence;
 *	if (!evidence_read(db, pipeline, &config, true, &evidence, &fail)) ...
 *	evidence_to_signal(&evidence, &signal);
 *	... decide ...
 *	evidence_store(db, &evidence, &decision, ...)	inside the work's transaction, when evidence.fresh
 *	evidence_release(&evidence);
 */

#include <libpq-fe.h>

#include "common/registry.h"
#include "scheduler/config.h"
#include "scheduler/decide.h"

struct evidence {
	int pipeline_id;
	struct champion champion;
	int feature_set_id;    /* the champion's, else the current one */
	int64_t rows;	       /* now */
	int look;	       /* that the windows hold; 0: none */
	bool fresh;	       /* it was taken now and is not stored yet */
	int64_t evaluation_id; /* of the look, once it is stored */
	int64_t k[WINDOWS], n[WINDOWS];
	char *loads;		      /* of a fresh look: "{1,2}" */
	char sha256[DIGEST_HEX_SIZE]; /* of a fresh look: over the sorted load ids and the hashes of their rows */
};

/* may_look: false where a retraining is on its way. A pipeline that is not registered is EXIT_WRONG_USE. On error there
 * is nothing to release. */
bool evidence_read(PGconn *db, const char *pipeline, const struct config *config, bool may_look,
		   struct evidence *evidence, struct fail *fail) MUST_USE;
void evidence_release(struct evidence *evidence);

void evidence_to_signal(const struct evidence *evidence, struct signal *signal);

/* Stores a fresh look with the interval ends that decide() computed, and sets evaluation_id. Another tick that stored
 * the same look first is EXIT_TRY_AGAIN. */
bool evidence_store(PGconn *db, struct evidence *evidence, const struct decision *decision, int64_t run_id,
		    double now_s, bool simulated, struct fail *fail) MUST_USE;

#endif
