#include "scheduler/carrier.h"

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "scheduler/command.h"

bool carrier_open(const struct config *config, const struct spec *spec, struct carrier *carrier, struct fail *fail)
{
	*carrier = (struct carrier){.config = config, .spec = spec, .has_argo = strcmp(config->via, "command") != 0};
	if (carrier->has_argo)
		return argo_open(config, &carrier->argo, fail);
	if (!*config->command)
		return fail_set(fail, EXIT_WRONG_USE, "--via command needs the command: give it with --command");
	return true;
}

void carrier_release(struct carrier *carrier)
{
	if (carrier->has_argo)
		argo_release(&carrier->argo);
}

/* An attempt without an outcome in the database. */
static enum followed follow_workflow(const struct carrier *carrier, double now_s, struct retrain *retrain,
				     struct change *change, struct fail *fail)
{
	char label[RETRAIN_LABEL_SIZE], reason[400];
	struct argo_workflow workflow;

	retrain_label(retrain, label);
	switch (argo_look(&carrier->argo, retrain->workflow, label, &workflow, fail)) {
	case ARGO_ERROR:
		return FOLLOW_UNREACHABLE;
	case ARGO_ABSENT:
		snprintf(reason, sizeof(reason), "workflow %s is gone and stored no outcome", retrain->workflow);
		break;
	case ARGO_FOREIGN:
		snprintf(reason, sizeof(reason), "workflow %s is not ours: its label is another one",
			 retrain->workflow);
		break;
	case ARGO_OURS:
		if (strcmp(workflow.phase, "Succeeded") != 0 && strcmp(workflow.phase, "Failed") != 0 &&
		    strcmp(workflow.phase, "Error") != 0)
			return FOLLOWED;
		snprintf(reason, sizeof(reason), "workflow %s ended as %s and stored no outcome%s%s", retrain->workflow,
			 workflow.phase, *workflow.message ? ": " : "", workflow.message);
		break;
	}
	retrain_end(retrain, OUTCOME_NONE, reason, now_s, change);
	return FOLLOWED;
}

static enum followed follow_accepted(const struct carrier *carrier, PGconn *db, double now_s, struct retrain *retrain,
				     struct change *change, struct fail *fail)
{
	struct retrain as_it_was = *retrain;
	enum followed followed;
	enum outcome outcome;
	char reason[256];

	if (!retrain_outcome(db, retrain->id, &outcome, reason, fail))
		return FOLLOW_FAILED;
	if (outcome == OUTCOME_NONE && carrier->has_argo) {
		followed = follow_workflow(carrier, now_s, retrain, change, fail);
		if (followed != FOLLOWED || !change->any)
			return followed;
		/* The outcome may have been stored between the two questions. */
		if (!retrain_outcome(db, as_it_was.id, &outcome, reason, fail))
			return FOLLOW_FAILED;
		if (outcome == OUTCOME_NONE)
			return FOLLOWED;
		*retrain = as_it_was;
	} else if (outcome == OUTCOME_NONE) {
		snprintf(reason, sizeof(reason),
			 "the scheduler that ran the command is gone, and no outcome was stored");
	}
	retrain_end(retrain, outcome, reason, now_s, change);
	return FOLLOWED;
}

/* An intent may have been submitted by a tick that died before it could say so. */
static enum followed follow_intended(const struct carrier *carrier, double now_s, struct retrain *retrain,
				     struct change *change, struct fail *fail)
{
	char label[RETRAIN_LABEL_SIZE], name[WORKFLOW_NAME_SIZE];
	struct argo_workflow workflow;

	retrain_label(retrain, label);
	if (!carrier->has_argo)
		return FOLLOWED;
	if (!retrain_workflow(carrier->config->template, carrier->spec->name, retrain, name, fail))
		return FOLLOW_FAILED;
	switch (argo_look(&carrier->argo, name, label, &workflow, fail)) {
	case ARGO_ERROR:
		return FOLLOW_UNREACHABLE;
	case ARGO_OURS:
		retrain_found(retrain, name, workflow.uid, change);
		break;
	case ARGO_FOREIGN:
		retrain_end(retrain, OUTCOME_NONE, "a foreign workflow has taken the name", now_s, change);
		break;
	case ARGO_ABSENT:
		break;
	}
	return FOLLOWED;
}

enum followed carrier_follow(const struct carrier *carrier, PGconn *db, double now_s, struct retrain *retrain,
			     struct change *change, struct fail *fail)
{
	enum followed followed = FOLLOWED;

	*change = (struct change){.any = false};
	if (retrain->need.state == NEED_ACCEPTED)
		followed = follow_accepted(carrier, db, now_s, retrain, change, fail);
	else if (retrain->need.state == NEED_INTENDED)
		followed = follow_intended(carrier, now_s, retrain, change, fail);
	if (change->any)
		log_info("retraining followed", "pipeline", "%s", carrier->spec->name, "retrain_id", "%d",
			 change->retrain_id, "state", "%s", change->state, "reason", "%s", change->reason, NULL);
	if (followed != FOLLOWED)
		fail_prefix(fail, "could not find out what became of retraining %d", retrain->id);
	return followed;
}

static bool store_change(PGconn *db, const struct change *change, const struct writer *writer, struct fail *fail)
{
	if (db_begin(db, fail) && retrain_store_change(db, change, writer, fail) && db_commit(db, fail))
		return true;
	db_rollback(db);
	return false;
}

static bool store_accepted(PGconn *db, struct retrain *retrain, const char *workflow, const char *uid,
			   const struct writer *writer, bool *accepted, struct fail *fail)
{
	if (!db_begin(db, fail) || !retrain_accept(db, retrain, workflow, uid, writer, accepted, fail) ||
	    !db_commit(db, fail)) {
		db_rollback(db);
		return false;
	}
	if (*accepted)
		retrain->need.state = NEED_ACCEPTED;
	log_info(*accepted ? "retraining accepted" : "retraining was closed by a promotion in the meantime",
		 "retrain_id", "%d", retrain->id, "workflow", "%s", workflow, NULL);
	return true;
}

static bool start_argo(const struct carrier *carrier, PGconn *db, const char *name, const struct writer *writer,
		       struct retrain *retrain, struct fail *fail)
{
	char label[RETRAIN_LABEL_SIZE], now[CLOCK_TEXT_SIZE];
	char *pipeline = xasprintf("pipeline=%s", carrier->spec->name), *id = xasprintf("retrain_id=%d", retrain->id);
	char *simulated = xasprintf("now=%s", clock_format(writer->now_s, now));
	const char *parameters[] = {pipeline, id, writer->simulated ? simulated : NULL, NULL};
	struct submission submission = {.name = name, .label = label, .parameters = parameters};
	struct argo_workflow workflow;
	struct change change;
	struct fail unwritten = {0};
	bool accepted, done = false;

	retrain_label(retrain, label);
	switch (argo_submit(&carrier->argo, &submission, &workflow, fail)) {
	case ARGO_OURS:
		done = store_accepted(db, retrain, name, workflow.uid, writer, &accepted, fail);
		break;
	case ARGO_FOREIGN:
		retrain_end(retrain, OUTCOME_NONE, "a foreign workflow has taken the name", writer->now_s, &change);
		if (store_change(db, &change, writer, fail))
			fail_set(fail, EXIT_FAILED,
				 "workflow \"%s\" exists already and is not ours: the attempt counts as failed", name);
		break;
	case ARGO_ABSENT:
	case ARGO_ERROR:
		if (!retrain_not_accepted(db, retrain, fail->text, writer, &unwritten))
			log_warning("could not write down why the intent was not accepted", "retrain_id", "%d",
				    retrain->id, "error", "%s", unwritten.text, NULL);
		break;
	}
	free(pipeline);
	free(id);
	free(simulated);
	return done;
}

static bool end_command(PGconn *db, int status, const struct writer *writer, struct retrain *retrain, struct fail *fail)
{
	enum outcome outcome;
	struct change change;
	char reason[256];

	if (!retrain_outcome(db, retrain->id, &outcome, reason, fail))
		return false;
	if (outcome == OUTCOME_NONE)
		snprintf(reason, sizeof(reason), "the command ended with status %d and stored no outcome", status);
	retrain_end(retrain, outcome, reason, writer->now_s, &change);
	log_event(outcome == OUTCOME_NONE ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "retraining ended", "retrain_id", "%d",
		  change.retrain_id, "state", "%s", change.state, "reason", "%s", reason, NULL);
	if (!store_change(db, &change, writer, fail))
		return false;
	return outcome != OUTCOME_NONE ||
	       fail_set(fail, EXIT_FAILED, "attempt %d of retraining %d failed: %s",
			change.state[0] == 'w' ? change.attempt - 1 : change.attempt, change.retrain_id, reason);
}

static bool start_command(const struct carrier *carrier, PGconn *db, const char *name, const struct writer *writer,
			  struct retrain *retrain, struct fail *fail)
{
	struct command command = {.line = carrier->config->command,
				  .pipeline = carrier->spec->name,
				  .spec_file = carrier->spec->file,
				  .workflow = name,
				  .retrain_id = retrain->id};
	bool accepted;
	int status;

	/* Accepted before it runs: the promotion that it makes would cancel an intent. */
	if (!store_accepted(db, retrain, name, "", writer, &accepted, fail))
		return false;
	if (!accepted)
		return true;
	return command_run(&command, &status, fail) && end_command(db, status, writer, retrain, fail);
}

bool carrier_start(const struct carrier *carrier, PGconn *db, const char *workflow, const struct writer *writer,
		   struct retrain *retrain, struct fail *fail)
{
	if (carrier->has_argo)
		return start_argo(carrier, db, workflow, writer, retrain, fail);
	return start_command(carrier, db, workflow, writer, retrain, fail);
}
