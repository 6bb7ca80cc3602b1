#include "scheduler/standing.h"

#include <math.h>

#include "common/db.h"

/* Laterals with LIMIT 1 instead of the views: a new backend plans them in half the time. */
static const char standing_sql[] =
    "SELECT p.pipeline_id, f.feature_set_id, p.spec = $2::jsonb AND f.holdout_limit = $3::numeric, "
    "c.promotion_id, c.model_id, c.plan_id, c.feature_set_id, encode(c.sha256, 'hex'), c.holdout_n, c.holdout_k, "
    "(SELECT coalesce(sum(d.rows), 0) FROM green_ml.preprocessing d "
    " WHERE d.feature_set_id = coalesce(c.feature_set_id, f.feature_set_id) "
    " AND (c.model_id IS NULL OR d.load_id <> ALL (c.known_loads))), "
    "e.evaluation_id, e.look, e.all_k, e.all_n, e.recent_k, e.recent_n, e.input_drift ->> 'column', "
    "e.input_drift ->> 'psi', e.input_drift ->> 'psi_noise', "
    "r.retrain_id, r.state, r.uid, extract(epoch FROM r.due_at), extract(epoch FROM r.latest_start_at), "
    "extract(epoch FROM r.not_before), r.attempt, r.sent_at_once, coalesce(r.workflow, '') "
    "FROM green_ml.pipeline p "
    "CROSS JOIN LATERAL (SELECT * FROM green_ml.feature_set f WHERE f.pipeline_id = p.pipeline_id "
    "	ORDER BY f.version DESC LIMIT 1) AS f "
    "LEFT JOIN LATERAL (SELECT o.promotion_id, m.model_id, m.plan_id, m.feature_set_id, m.sha256, m.holdout_n, "
    "	m.holdout_k, t.known_loads FROM green_ml.promotion o JOIN green_ml.model m USING (model_id) "
    "	JOIN green_ml.training_plan t ON t.plan_id = m.plan_id WHERE o.pipeline_id = p.pipeline_id "
    "	ORDER BY o.promotion_id DESC LIMIT 1) AS c ON true "
    "LEFT JOIN LATERAL (SELECT * FROM green_ml.evaluation e WHERE e.model_id = c.model_id "
    "	ORDER BY e.look DESC LIMIT 1) AS e ON true "
    "LEFT JOIN LATERAL (SELECT * FROM green_ml.retrain r WHERE r.pipeline_id = p.pipeline_id "
    "	ORDER BY r.retrain_id DESC LIMIT 1) AS r ON true "
    "WHERE p.name = $1";

enum {
	PIPELINE_ID,
	FEATURE_SET_ID,
	SAME_SPEC,
	PROMOTION_ID,
	MODEL_ID,
	PLAN_ID,
	CHAMPION_FEATURE_SET_ID,
	SHA256,
	HOLDOUT_N,
	HOLDOUT_K,
	ROWS,
	EVALUATION_ID,
	LOOK,
	ALL_K,
	ALL_N,
	RECENT_K,
	RECENT_N,
	DRIFT_COLUMN,
	DRIFT_PSI,
	DRIFT_PSI_NOISE,
	RETRAIN_ID,
	STATE,
	UID,
	DUE_AT,
	LATEST_START_AT,
	NOT_BEFORE,
	ATTEMPT,
	SENT_AT_ONCE,
	WORKFLOW,
};

static void take_champion(const PGresult *row, struct champion *champion)
{
	champion->exists = true;
	champion->promotion_id = (int)db_int(row, 0, PROMOTION_ID);
	champion->model_id = (int)db_int(row, 0, MODEL_ID);
	champion->plan_id = (int)db_int(row, 0, PLAN_ID);
	champion->feature_set_id = (int)db_int(row, 0, CHAMPION_FEATURE_SET_ID);
	snprintf(champion->sha256, sizeof(champion->sha256), "%s", db_text(row, 0, SHA256));
	champion->holdout_n = db_int(row, 0, HOLDOUT_N);
	champion->holdout_k = db_int(row, 0, HOLDOUT_K);
}

static void take_look(const PGresult *row, struct evidence *evidence)
{
	evidence->evaluation_id = db_int(row, 0, EVALUATION_ID);
	evidence->look = (int)db_int(row, 0, LOOK);
	evidence->k[WINDOW_ALL] = db_int(row, 0, ALL_K);
	evidence->n[WINDOW_ALL] = db_int(row, 0, ALL_N);
	evidence->k[WINDOW_RECENT] = db_int(row, 0, RECENT_K);
	evidence->n[WINDOW_RECENT] = db_int(row, 0, RECENT_N);
	if (db_text(row, 0, DRIFT_COLUMN)) {
		snprintf(evidence->drift.column, sizeof(evidence->drift.column), "%s", db_text(row, 0, DRIFT_COLUMN));
		evidence->drift.psi = db_real(row, 0, DRIFT_PSI);
		evidence->drift.psi_noise = db_real(row, 0, DRIFT_PSI_NOISE);
	}
}

/* The state of an open row; NEED_NONE of a closed one. */
static enum need_state state_from(const char *name)
{
	static const enum need_state open[] = {NEED_WAITING, NEED_INTENDED, NEED_ACCEPTED};

	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		if (strcmp(name, need_state_name(open[i])) == 0)
			return open[i];
	return NEED_NONE;
}

/* The pipeline's last need; an open one is always the last. */
static void take_retrain(const PGresult *row, struct standing *standing)
{
	struct retrain *retrain = &standing->retrain;
	const char *state = db_text(row, 0, STATE);

	standing->failed = strcmp(state, "failed") == 0;
	if (state_from(state) == NEED_NONE)
		return;
	retrain->id = (int)db_int(row, 0, RETRAIN_ID);
	snprintf(retrain->uid, sizeof(retrain->uid), "%s", db_text(row, 0, UID));
	snprintf(retrain->workflow, sizeof(retrain->workflow), "%s", db_text(row, 0, WORKFLOW));
	retrain->need = (struct need){
	    .state = state_from(state),
	    .due_at_s = db_real(row, 0, DUE_AT),
	    .latest_start_at_s = db_text(row, 0, LATEST_START_AT) ? db_real(row, 0, LATEST_START_AT) : INFINITY,
	    .not_before_s = db_text(row, 0, NOT_BEFORE) ? db_real(row, 0, NOT_BEFORE) : 0,
	    .attempt = (int)db_int(row, 0, ATTEMPT),
	    .sent_at_once = db_bool(row, 0, SENT_AT_ONCE),
	};
}

/* A spec that differs from the registered one may still have its columns and its holdout. */
static bool same_columns(PGconn *db, const struct spec *spec, int feature_set_id, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "dss",
				  "SELECT columns = green_ml.spec_columns($2::jsonb) AND holdout_limit = $3::numeric "
				  "FROM green_ml.feature_set WHERE feature_set_id = $1",
				  feature_set_id, spec->json, spec->holdout_limit);
	bool same = row && PQntuples(row) == 1 && db_bool(row, 0, 0);

	db_free(row);
	if (!row)
		return fail_prefix(fail, "could not compare the spec with what is registered");
	return same || fail_set(fail, EXIT_WRONG_USE,
				"the columns or the holdout of \"%s\" differ from those registered for pipeline "
				"\"%s\": run database/migrate --pipeline \"%s\"",
				spec->file, spec->name, spec->file);
}

bool standing_read(PGconn *db, const struct spec *spec, struct standing *standing, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "sss", standing_sql, spec->name, spec->json, spec->holdout_limit);
	struct evidence *evidence = &standing->evidence;
	bool same;

	*standing = (struct standing){0};
	if (!row)
		return fail_prefix(fail, "could not find out where pipeline \"%s\" stands", spec->name);
	if (PQntuples(row) == 0) {
		db_free(row);
		return fail_set(fail, EXIT_WRONG_USE,
				"pipeline \"%s\" is not registered: run database/migrate --pipeline \"%s\"", spec->name,
				spec->file);
	}
	evidence->pipeline_id = (int)db_int(row, 0, PIPELINE_ID);
	evidence->feature_set_id = (int)db_int(row, 0, FEATURE_SET_ID);
	same = db_bool(row, 0, SAME_SPEC) || same_columns(db, spec, evidence->feature_set_id, fail);
	evidence->rows = db_int(row, 0, ROWS);
	if (db_text(row, 0, MODEL_ID)) {
		take_champion(row, &evidence->champion);
		evidence->feature_set_id = evidence->champion.feature_set_id;
	}
	if (db_text(row, 0, EVALUATION_ID))
		take_look(row, evidence);
	if (db_text(row, 0, RETRAIN_ID))
		take_retrain(row, standing);
	db_free(row);
	return same;
}
