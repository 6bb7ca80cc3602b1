#include "model-training/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/profile.h"
#include "common/registry.h"
#include "model-training/importance.h"
#include "model-training/plan.h"
#include "model-training/replant.h"

json_t *report_make(const struct dataset *dataset, const struct forest *forest, const struct quality *quality,
		    const double *importance)
{
	json_t *list = json_array();

	for (int f = 0; f < dataset->feature_count; f++)
		json_array_append_new(
		    list, json_pack("{s:s, s:f}", "column", dataset->features[f].name, "impurity", importance[f]));
	return json_pack("{s:o, s:o}", "quality", quality_json(quality, forest->labels), "importance", list);
}

bool report_load(PGconn *db, const char *pipeline, int model_id, json_t **report, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "sd",
	    "SELECT m.metrics || coalesce(m.report, '{}') || jsonb_build_object('model_id', m.model_id, 'plan_id', "
	    "m.plan_id, 'feature_set_id', m.feature_set_id, 'sha256', encode(m.sha256, 'hex'), 'gate', (SELECT "
	    "g.numbers || "
	    "jsonb_build_object('reason', g.reason, 'promoted', g.promoted, 'champion_model_id', g.champion_model_id) "
	    "FROM green_ml.gate g WHERE g.plan_id = m.plan_id AND g.model_id = m.model_id)) "
	    "FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id) WHERE p.name = $1 AND m.model_id = $2",
	    pipeline, model_id);

	*report = NULL;
	if (!row)
		return fail_prefix(fail, "could not read the report of model %d", model_id);
	if (PQntuples(row) == 0)
		fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no model %d: see model-training list", pipeline,
			 model_id);
	else if (!(*report = json_loads(db_text(row, 0, 0), 0, NULL)))
		fail_set(fail, EXIT_FAILED, "the stored report of model %d is damaged", model_id);
	db_free(row);
	return *report != NULL;
}

static int whole(const json_t *report, const char *key)
{
	return (int)json_integer_value(json_object_get(report, key));
}

/* ------------------------------------------------------------------ importance */

bool report_add_importance(PGconn *db, const struct spec *spec, json_t *report, int threads, struct fail *fail)
{
	struct forest *forest = NULL;
	struct plan plan = {0};
	struct grown grown = {0};
	char plan_id[16];
	json_t *found;
	bool done;

	snprintf(plan_id, sizeof(plan_id), "%d", whole(report, "plan_id"));
	done = plan_load(db, spec, plan_id, &plan, fail) &&
	       (forest = registry_model(db, whole(report, "model_id"), NULL, NULL, fail)) != NULL &&
	       replant(forest, plan.dataset, &grown, fail);
	if (done) {
		struct grow_settings settings = plan_growth(&plan, threads, NULL);

		found = importance_of_permutation(plan.dataset, &grown, &settings);
		json_object_update(report, found);
		json_decref(found);
	}
	grown_release(&grown);
	forest_free(forest);
	plan_release(&plan);
	return done;
}

/* ------------------------------------------------------------------ drift */

/* The loads that the model's feature set has and its plan did not know. */
static PGresult *find_new_loads(PGconn *db, const json_t *report, struct fail *fail)
{
	return db_queryf(
	    db, fail, "dd",
	    "SELECT t.profile, (SELECT array_agg(d.load_id ORDER BY d.load_id) FROM green_ml.preprocessing d "
	    "WHERE d.feature_set_id = $2 AND d.load_id <> ALL (t.known_loads)) "
	    "FROM green_ml.training_plan t WHERE t.plan_id = $1",
	    whole(report, "plan_id"), whole(report, "feature_set_id"));
}

static json_t *drift_json(const struct profile *profile, const struct feature_rows *rows, const char *loads)
{
	json_t *features = json_array();

	for (int i = 0; i < profile->feature_count; i++) {
		const struct drift *drift = &profile->features[i].drift;

		json_array_append_new(features,
				      json_pack("{s:s, s:f, s:f, s:f, s:s}", "column", profile->features[i].column,
						"psi", drift->psi, "psi_noise", drift->psi_noise, "js", drift->js,
						"level", drift_level(drift)));
	}
	return json_pack("{s:I, s:s, s:o}", "rows", (json_int_t)rows->count, "loads", loads, "features", features);
}

static bool measure_drift(PGconn *db, json_t *report, const char *json, const char *loads, struct fail *fail)
{
	struct profile *profile = profile_read(json, fail);
	struct forest *forest = profile ? registry_model(db, whole(report, "model_id"), NULL, NULL, fail) : NULL;
	struct feature_set set = {0};
	struct feature_rows rows = {0};
	bool done = forest && feature_set_load(db, whole(report, "feature_set_id"), &set, fail) &&
		    feature_rows_read(db, &set, forest, loads, "all", &rows, fail);

	if (done && rows.count > 0) {
		profile_measure(profile, forest, &rows);
		json_object_set_new(report, "drift", drift_json(profile, &rows, loads));
	}
	feature_rows_release(&rows);
	feature_set_release(&set);
	forest_free(forest);
	profile_free(profile);
	return done;
}

bool report_add_drift(PGconn *db, json_t *report, struct fail *fail)
{
	PGresult *row = find_new_loads(db, report, fail);
	const char *json, *loads;
	bool done = row != NULL;

	json_object_set_new(report, "drift", json_null());
	if (done && PQntuples(row) == 1) {
		json = db_text(row, 0, 0);
		loads = db_text(row, 0, 1);
		if (!json)
			done = fail_set(fail, EXIT_FAILED,
					"plan %d is older than profiles of inputs: train the pipeline anew",
					whole(report, "plan_id"));
		else if (loads)
			done = measure_drift(db, report, json, loads, fail);
	}
	db_free(row);
	return done || fail_prefix(fail, "could not compare the inputs of model %d", whole(report, "model_id"));
}
