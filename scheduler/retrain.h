#ifndef SCHEDULER_RETRAIN_H
#define SCHEDULER_RETRAIN_H

/*
 * The need of a pipeline, as green_ml.retrain keeps it: one open row (waiting, intended, accepted) at most, closed as
 * succeeded, refused, failed or cancelled; every change is a row of retrain_event too. standing.h reads the open row.
 *
 *	retrain_earlier()	what closed rows and refused challengers say to decide()
 *	retrain_outcome()	what the training stored: the gate's verdict on the plan that carries this id
 *	retrain_end(), retrain_found()	what became of an attempt, in memory; retrain_store_change() writes it
 *	retrain_apply()		carries out decision.step inside the work's transaction
 *	retrain_accept()	the intent was accepted
 *
 * Workflow names are made of the row alone, so that a tick that does not know whether the one before it has submitted
 * asks for the same name: <template>-<pipeline>-<retrain id>-<attempt>, label green-ml/retrain=<uid>.<attempt>.
 */

#include <libpq-fe.h>

#include "common/fail.h"
#include "scheduler/decide.h"
#include "scheduler/evidence.h"

enum { WORKFLOW_NAME_SIZE = 64, RETRAIN_LABEL_SIZE = 64 };

struct retrain {
	int id; /* 0: none */
	char uid[40];
	struct need need;
	char workflow[WORKFLOW_NAME_SIZE]; /* "" before it was intended */
};

/* Who writes: for the events' columns. */
struct writer {
	int64_t run_id;
	double now_s;
	bool simulated;
};

enum outcome { OUTCOME_NONE, OUTCOME_PROMOTED, OUTCOME_REFUSED };

/* The end of an attempt: closed for good, or waiting for the next one. */
struct change {
	bool any;
	int retrain_id;
	const char *state; /* succeeded, refused, failed, waiting, accepted */
	int attempt;
	double not_before_s; /* 0: none */
	char reason[512];
	char workflow[WORKFLOW_NAME_SIZE]; /* of an accepted one, with its uid */
	char workflow_uid[64];
};

/* change: what this tick has found out and not stored yet. */
bool retrain_earlier(PGconn *db, const struct evidence *evidence, const struct change *change, struct signal *signal,
		     struct fail *fail) MUST_USE;
bool retrain_outcome(PGconn *db, int retrain_id, enum outcome *outcome, char reason[256], struct fail *fail) MUST_USE;

/* The attempt has ended: retrain loses its need, or goes back to waiting where the attempt failed and was not the last.
 */
void retrain_end(struct retrain *retrain, enum outcome outcome, const char *reason, double now_s,
		 struct change *change);
/* It was found to be submitted already. */
void retrain_found(struct retrain *retrain, const char *workflow, const char *workflow_uid, struct change *change);
bool retrain_store_change(PGconn *db, const struct change *change, const struct writer *writer,
			  struct fail *fail) MUST_USE;

/* Opens, moves or cancels the row; a new one gets its id and uid here. A row or a champion that somebody else has
 * changed since they were read is EXIT_TRY_AGAIN, here and in retrain_store_change(). */
bool retrain_apply(PGconn *db, const struct evidence *evidence, const struct decision *decision,
		   const struct writer *writer, struct retrain *retrain, struct fail *fail) MUST_USE;

/* A promotion may have cancelled the row in between; then nothing is changed, and *accepted is false. */
bool retrain_accept(PGconn *db, const struct retrain *retrain, const char *workflow, const char *workflow_uid,
		    const struct writer *writer, bool *accepted, struct fail *fail) MUST_USE;

/* Writes down why the intent was not accepted; nothing is changed. */
bool retrain_not_accepted(PGconn *db, const struct retrain *retrain, const char *reason, const struct writer *writer,
			  struct fail *fail) MUST_USE;

/* Lifts the block of the pipeline's last, failed row; *lifted says whether there was one. */
bool retrain_unblock(PGconn *db, int pipeline_id, const struct writer *writer, bool *lifted,
		     struct fail *fail) MUST_USE;

/* EXIT_WRONG_USE when the name is longer than 63 characters. */
bool retrain_workflow(const char *template, const char *pipeline, const struct retrain *retrain,
		      char name[WORKFLOW_NAME_SIZE], struct fail *fail) MUST_USE;
void retrain_label(const struct retrain *retrain, char label[RETRAIN_LABEL_SIZE]);

#endif
