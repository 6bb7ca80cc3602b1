#ifndef SCHEDULER_EVIDENCE_H
#define SCHEDULER_EVIDENCE_H

/*
 * How the serving model does on rows it has never seen: the loads that its plan did not know, both splits, read with
 * its own feature set and scored now. Two windows: all of them, and the newest whole loads that hold at least
 * retrain.recent_rows rows.
 *
 * A look is taken only when at least retrain.min_new_rows rows came since this model's last one (the first:
 * retrain.min_rows rows since its plan); otherwise the last look stands, as green_ml.evaluation holds it. A look scores
 * only the loads that no look at this model has scored before. Nothing is written until evidence_store():
 *
 *	struct standing standing;			scheduler/standing.h fills standing.evidence
 *	if (evidence_is_due(&evidence, &config) && !evidence_look(db, pipeline, &config, &evidence, &fail)) ...
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
	int64_t evaluation_id; /* of the last look, once it is stored; 0: none */
	int64_t k[WINDOWS], n[WINDOWS];
	struct input_drift drift;
	/* of a fresh look */
	char *loads, *load_k;	      /* "{1,2}", and how many rows of each were right */
	char *drift_json;	      /* of the rows that it scored; NULL: not known */
	char sha256[DIGEST_HEX_SIZE]; /* over the sorted load ids and the hashes of their rows */
};

bool evidence_is_due(const struct evidence *evidence, const struct config *config);

/* Takes a look. On error the evidence is as it was. */
bool evidence_look(PGconn *db, const char *pipeline, const struct config *config, struct evidence *evidence,
		   struct fail *fail) MUST_USE;
void evidence_release(struct evidence *evidence);

void evidence_to_signal(const struct evidence *evidence, struct signal *signal);

/* Stores a fresh look with the interval ends that decide() computed, and sets evaluation_id. Another tick that stored
 * the same look first is EXIT_TRY_AGAIN. */
bool evidence_store(PGconn *db, struct evidence *evidence, const struct decision *decision, int64_t run_id,
		    double now_s, bool simulated, struct fail *fail) MUST_USE;

#endif
