#include "scheduler/retrain.h"

#include <math.h>

#include "common/clock.h"
#include "common/db.h"

/* A time as a parameter, NULL where there is none. */
static const char *time_or_null(double at_s, char text[CLOCK_TEXT_SIZE])
{
	return isfinite(at_s) && at_s > 0 ? clock_format(at_s, text) : NULL;
}

/* $1 pipeline, $2 champion's model or null, $3 feature set, $4 the look's evaluation or 0, $5 a need that has an
 * outcome although its row does not say so yet, or 0. */
static const char earlier_sql[] =
    "WITH last AS ("
    "	SELECT * FROM green_ml.retrain WHERE pipeline_id = $1 ORDER BY retrain_id DESC LIMIT 1), "
    "blocked AS ("
    "	SELECT updated_at FROM last WHERE state = 'failed' "
    "	AND NOT EXISTS (SELECT FROM green_ml.promotion p WHERE p.pipeline_id = $1 AND p.promoted_at > last.updated_at) "
    "	AND NOT EXISTS (SELECT FROM green_ml.retrain_event e WHERE e.retrain_id = last.retrain_id AND e.state = "
    "'unblocked')), "
    "refused AS ("
    "	SELECT t.known_loads FROM green_ml.gate g JOIN green_ml.training_plan t USING (plan_id) "
    "	WHERE t.pipeline_id = $1 AND NOT g.promoted AND g.champion_model_id IS NOT DISTINCT FROM $2::int "
    "	ORDER BY t.plan_id DESC LIMIT 1) "
    "SELECT (SELECT coalesce(sum(d.rows), 0) FROM green_ml.preprocessing d "
    "	 WHERE d.feature_set_id = $3 AND d.preprocessed_at > b.updated_at), "
    "	(SELECT coalesce(sum(d.rows), 0) FROM green_ml.preprocessing d "
    "	 WHERE d.feature_set_id = $3 AND d.load_id <> ALL (r.known_loads)), "
    "	b.updated_at IS NOT NULL, r.known_loads IS NOT NULL, "
    "	EXISTS (SELECT FROM green_ml.retrain x WHERE x.evaluation_id = $4 "
    "	AND (x.state IN ('succeeded', 'refused') OR x.retrain_id = $5)) "
    "FROM (SELECT 1) AS one LEFT JOIN blocked b ON true LEFT JOIN refused r ON true";

bool retrain_earlier(PGconn *db, const struct evidence *evidence, const struct change *change, struct signal *signal,
		     struct fail *fail)
{
	bool has_failed = change->any && strcmp(change->state, "failed") == 0;
	bool has_ended =
	    change->any && (strcmp(change->state, "succeeded") == 0 || strcmp(change->state, "refused") == 0);
	char model[16];
	PGresult *row;

	snprintf(model, sizeof(model), "%d", evidence->champion.model_id);
	row = db_queryf(db, fail, "dsdld", earlier_sql, evidence->pipeline_id, evidence->champion.exists ? model : NULL,
			evidence->feature_set_id, evidence->evaluation_id, has_ended ? change->retrain_id : 0);
	if (!row)
		return fail_prefix(fail, "could not read what became of earlier retrainings");
	signal->rows_since_failed = has_failed ? 0 : db_int(row, 0, 0);
	signal->rows_since_refused = db_int(row, 0, 1);
	signal->failed = has_failed || db_bool(row, 0, 2);
	signal->refused = db_bool(row, 0, 3);
	signal->answered = db_bool(row, 0, 4);
	db_free(row);
	return true;
}

bool retrain_outcome(PGconn *db, int retrain_id, enum outcome *outcome, char reason[256], struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "d",
	    "SELECT g.promoted, g.model_id, g.reason FROM green_ml.training_plan t JOIN green_ml.gate g USING "
	    "(plan_id) WHERE t.retrain_id = $1 ORDER BY t.plan_id DESC LIMIT 1",
	    retrain_id);

	*outcome = OUTCOME_NONE;
	if (!row)
		return fail_prefix(fail, "could not read the outcome of retraining %d", retrain_id);
	if (PQntuples(row) == 1) {
		*outcome = db_bool(row, 0, 0) ? OUTCOME_PROMOTED : OUTCOME_REFUSED;
		snprintf(reason, 256, "model %s was %s: %s", db_text(row, 0, 1),
			 db_bool(row, 0, 0) ? "promoted" : "refused", db_text(row, 0, 2));
	}
	db_free(row);
	return true;
}

void retrain_end(struct retrain *retrain, enum outcome outcome, const char *reason, double now_s, struct change *change)
{
	struct attempt_failed failed = after_failed_attempt(retrain->need.attempt, now_s);

	*change = (struct change){.any = true, .retrain_id = retrain->id, .attempt = retrain->need.attempt};
	snprintf(change->reason, sizeof(change->reason), "%s", reason);
	if (outcome != OUTCOME_NONE || failed.closed) {
		change->state = outcome == OUTCOME_PROMOTED  ? "succeeded"
				: outcome == OUTCOME_REFUSED ? "refused"
							     : "failed";
		*retrain = (struct retrain){0};
		return;
	}
	change->state = "waiting";
	change->attempt = retrain->need.attempt = failed.attempt;
	change->not_before_s = retrain->need.not_before_s = failed.not_before_s;
	retrain->need.state = NEED_WAITING;
	retrain->need.sent_at_once = false;
}

void retrain_found(struct retrain *retrain, const char *workflow, const char *workflow_uid, struct change *change)
{
	*change = (struct change){
	    .any = true, .retrain_id = retrain->id, .attempt = retrain->need.attempt, .state = "accepted"};
	snprintf(change->reason, sizeof(change->reason), "%s was found submitted", workflow);
	snprintf(change->workflow, sizeof(change->workflow), "%s", workflow);
	snprintf(retrain->workflow, sizeof(retrain->workflow), "%s", workflow);
	snprintf(change->workflow_uid, sizeof(change->workflow_uid), "%s", workflow_uid);
	retrain->need.state = NEED_ACCEPTED;
}

static bool add_event(PGconn *db, int retrain_id, const char *state, int attempt, const char *reason,
		      const struct writer *writer, struct fail *fail)
{
	return db_runf(db, fail, "dsdstl",
		       "INSERT INTO green_ml.retrain_event (retrain_id, state, attempt, reason, at, run_id) "
		       "VALUES ($1, $2, $3, $4, $5, $6)",
		       retrain_id, state, attempt, reason, writer->now_s, writer->run_id) ||
	       fail_prefix(fail, "could not store what happened to retraining %d", retrain_id);
}

/* Takes over the result of an UPDATE that answers with the row it found. */
static bool update_row(PGresult *rows, int retrain_id, struct fail *fail)
{
	bool found = rows && PQntuples(rows) == 1;

	db_free(rows);
	if (!rows)
		return fail_prefix(fail, "could not update retraining %d", retrain_id);
	return found ||
	       fail_set(fail, EXIT_TRY_AGAIN,
			"retraining %d was closed in the meantime, as a promotion does: try again", retrain_id);
}

bool retrain_store_change(PGconn *db, const struct change *change, const struct writer *writer, struct fail *fail)
{
	char not_before[CLOCK_TEXT_SIZE];

	if (!change->any)
		return true;
	return update_row(
		   db_queryf(
		       db, fail, "dsdsss",
		       "UPDATE green_ml.retrain SET state = $2, attempt = $3, not_before = $4, updated_at = now(), "
		       "workflow = coalesce(nullif($5, ''), workflow), workflow_uid = coalesce(nullif($6, ''), "
		       "workflow_uid), "
		       "sent_at_once = sent_at_once AND $2 <> 'waiting' "
		       "WHERE retrain_id = $1 AND state IN ('waiting', 'intended', 'accepted') RETURNING retrain_id",
		       change->retrain_id, change->state, change->attempt,
		       time_or_null(change->not_before_s, not_before), change->workflow, change->workflow_uid),
		   change->retrain_id, fail) &&
	       add_event(db, change->retrain_id, change->state, change->attempt, change->reason, writer, fail);
}

static bool open_row(PGconn *db, const struct evidence *evidence, const struct decision *decision,
		     const struct writer *writer, struct retrain *retrain, struct fail *fail)
{
	char model[16], evaluation[24], latest[CLOCK_TEXT_SIZE];
	PGresult *row;

	snprintf(model, sizeof(model), "%d", evidence->champion.model_id);
	snprintf(evaluation, sizeof(evaluation), "%lld", (long long)evidence->evaluation_id);
	row = db_queryf(
	    db, fail, "dssstsbbd",
	    "INSERT INTO green_ml.retrain (pipeline_id, champion_model_id, evaluation_id, state, due_at, "
	    "latest_start_at, "
	    "sent_at_once, simulated) SELECT $1::int, $2::int, $3::bigint, $4, $5::timestamptz, $6::timestamptz, "
	    "$7::boolean, "
	    "$8::boolean WHERE $9::int = (SELECT coalesce(max(promotion_id), 0) FROM green_ml.promotion WHERE "
	    "pipeline_id = $1::int) RETURNING retrain_id, uid",
	    evidence->pipeline_id, evidence->champion.exists ? model : NULL,
	    evidence->evaluation_id ? evaluation : NULL, need_state_name(decision->state), decision->due_at_s,
	    time_or_null(decision->latest_start_at_s, latest), decision->sent_at_once, writer->simulated,
	    evidence->champion.promotion_id);
	if (!row)
		return fail_prefix(fail, "could not store the need");
	if (PQntuples(row) != 1) {
		db_free(row);
		return fail_set(fail, EXIT_TRY_AGAIN, "another model was promoted in the meantime: try again");
	}
	retrain->id = (int)db_int(row, 0, 0);
	snprintf(retrain->uid, sizeof(retrain->uid), "%s", db_text(row, 0, 1));
	retrain->need = (struct need){decision->state,	     decision->due_at_s, decision->latest_start_at_s, 0, 1,
				      decision->sent_at_once};
	db_free(row);
	return true;
}

static bool move_row(PGconn *db, const struct evidence *evidence, const struct decision *decision,
		     struct retrain *retrain, struct fail *fail)
{
	char evaluation[24], latest[CLOCK_TEXT_SIZE];

	snprintf(evaluation, sizeof(evaluation), "%lld", (long long)evidence->evaluation_id);
	retrain->need.state = decision->state;
	retrain->need.latest_start_at_s = decision->latest_start_at_s;
	retrain->need.sent_at_once = decision->sent_at_once;
	return update_row(
	    db_queryf(
		db, fail, "dsssb",
		"UPDATE green_ml.retrain SET state = $2, evaluation_id = $3, latest_start_at = $4, sent_at_once = $5, "
		"updated_at = now() WHERE retrain_id = $1 AND state IN ('waiting', 'intended') RETURNING retrain_id",
		retrain->id, need_state_name(decision->state), evidence->evaluation_id ? evaluation : NULL,
		time_or_null(decision->latest_start_at_s, latest), decision->sent_at_once),
	    retrain->id, fail);
}

bool retrain_apply(PGconn *db, const struct evidence *evidence, const struct decision *decision,
		   const struct writer *writer, struct retrain *retrain, struct fail *fail)
{
	enum need_state before = retrain->need.state;
	const char *reason = decision->reason_count ? decision->reasons[decision->reason_count - 1] : decision->rule;
	struct change change = {
	    .any = true, .retrain_id = retrain->id, .state = "cancelled", .attempt = retrain->need.attempt};

	switch (decision->step) {
	case STEP_NONE:
		return true;
	case STEP_CANCEL:
		snprintf(change.reason, sizeof(change.reason), "%s", decision->rule);
		*retrain = (struct retrain){0};
		return retrain_store_change(db, &change, writer, fail);
	case STEP_OPEN:
		if (!open_row(db, evidence, decision, writer, retrain, fail))
			return false;
		break;
	case STEP_MOVE:
		if (!move_row(db, evidence, decision, retrain, fail))
			return false;
		break;
	}
	/* A need that goes on waiting is no event. */
	return before == decision->state || add_event(db, retrain->id, need_state_name(decision->state),
						      retrain->need.attempt, reason, writer, fail);
}

bool retrain_accept(PGconn *db, const struct retrain *retrain, const char *workflow, const char *workflow_uid,
		    const struct writer *writer, bool *accepted, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "dss",
		      "UPDATE green_ml.retrain SET state = 'accepted', workflow = $2, workflow_uid = nullif($3, ''), "
		      "updated_at = now() WHERE retrain_id = $1 AND state = 'intended' RETURNING retrain_id",
		      retrain->id, workflow, workflow_uid);

	*accepted = row && PQntuples(row) == 1;
	db_free(row);
	if (!row)
		return fail_prefix(fail, "could not store that retraining %d was accepted", retrain->id);
	return !*accepted || add_event(db, retrain->id, "accepted", retrain->need.attempt, workflow, writer, fail);
}

bool retrain_not_accepted(PGconn *db, const struct retrain *retrain, const char *reason, const struct writer *writer,
			  struct fail *fail)
{
	return add_event(db, retrain->id, "intended", retrain->need.attempt, reason, writer, fail);
}

bool retrain_unblock(PGconn *db, int pipeline_id, const struct writer *writer, bool *lifted, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "dtl",
		      "INSERT INTO green_ml.retrain_event (retrain_id, state, attempt, reason, at, run_id) "
		      "SELECT retrain_id, 'unblocked', attempt, 'scheduler run --unblock', $2, $3 FROM (SELECT * FROM "
		      "green_ml.retrain WHERE pipeline_id = $1 ORDER BY retrain_id DESC LIMIT 1) AS last "
		      "WHERE state = 'failed' RETURNING retrain_id",
		      pipeline_id, writer->now_s, writer->run_id);

	*lifted = row && PQntuples(row) == 1;
	db_free(row);
	return row || fail_prefix(fail, "could not lift the block");
}

bool retrain_workflow(const char *template, const char *pipeline, const struct retrain *retrain,
		      char name[WORKFLOW_NAME_SIZE], struct fail *fail)
{
	int size =
	    snprintf(name, WORKFLOW_NAME_SIZE, "%s-%s-%d-%d", template, pipeline, retrain->id, retrain->need.attempt);

	return size < WORKFLOW_NAME_SIZE ||
	       fail_set(fail, EXIT_WRONG_USE,
			"workflow name \"%s-%s-%d-%d\" is longer than 63 characters: shorten --template", template,
			pipeline, retrain->id, retrain->need.attempt);
}

void retrain_label(const struct retrain *retrain, char label[RETRAIN_LABEL_SIZE])
{
	snprintf(label, RETRAIN_LABEL_SIZE, "%s.%d", retrain->uid, retrain->need.attempt);
}
