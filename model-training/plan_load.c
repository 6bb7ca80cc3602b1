#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"
#include "model-training/plan.h"
#include "model-training/shares.h"

static int64_t number_or(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* The settings as the spec had them when the plan was taken. */
static bool read_settings(const char *text, struct plan *plan, struct fail *fail)
{
	json_t *root = json_loads(text, 0, NULL);
	const json_t *forest = json_object_get(root, "forest"), *gate = json_object_get(root, "gate"), *value;
	const char *word;

	if (!json_is_object(forest) || !json_is_object(gate)) {
		json_decref(root);
		return fail_set(fail, EXIT_FAILED, "the settings of plan %d are damaged: take a new plan", plan->id);
	}
	plan->forest.trees = (int)number_or(forest, "trees", 100);
	word = json_string_value(json_object_get(forest, "max_features"));
	plan->forest.max_features =
	    word && strcmp(word, "auto") == 0 ? SPEC_AUTO : (int)number_or(forest, "max_features", 0);
	plan->forest.max_depth = (int)number_or(forest, "max_depth", 0);
	value = json_object_get(forest, "sample_fraction"); /* which plans of older versions do not have */
	plan->forest.sample_fraction = value ? json_number_value(value) : 1;
	plan->gate.max_accuracy_drop = json_number_value(json_object_get(gate, "max_accuracy_drop"));
	plan->gate.min_accuracy = json_number_value(json_object_get(gate, "min_accuracy"));
	plan->gate.recent_rows = number_or(gate, "recent_rows", 20000);
	json_decref(root);
	return true;
}

static bool read_row(const PGresult *row, struct plan *plan, struct fail *fail)
{
	unsigned char *data;
	size_t size;

	plan->id = (int)db_int(row, 0, 0);
	plan->pipeline_id = (int)db_int(row, 0, 1);
	plan->feature_set_id = (int)db_int(row, 0, 2);
	plan->known_loads = xstrdup(db_text(row, 0, 3));
	plan->loads = xstrdup(db_text(row, 0, 4));
	plan->forest.min_samples_leaf = (int)db_int(row, 0, 6);
	plan->forest.seed = strtoull(db_text(row, 0, 7), NULL, 10);
	if (!read_settings(db_text(row, 0, 5), plan, fail))
		return false;
	shares_set_pilot(plan, db_text(row, 0, 9));
	data = db_bytes(row, 0, 8, &size, fail);
	if (data)
		plan->dataset = dataset_read(data, size, fail);
	PQfreemem(data);
	return plan->dataset != NULL;
}

bool plan_load(PGconn *db, const struct spec *spec, const char *plan_id, struct plan *plan, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "ss",
	    "SELECT t.plan_id, t.pipeline_id, t.feature_set_id, t.known_loads, t.loads, t.settings, "
	    "t.min_samples_leaf, "
	    "t.seed, t.data, t.pilot FROM green_ml.training_plan t JOIN green_ml.pipeline p USING (pipeline_id) "
	    "WHERE t.plan_id = $1::int AND p.name = $2",
	    plan_id, spec->name);
	bool done = false;

	*plan = (struct plan){0};
	if (!row)
		return fail_prefix(fail, "could not read plan %s", plan_id);
	if (PQntuples(row) == 0)
		fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no plan %s: see green_ml.training_plan", spec->name,
			 plan_id);
	else
		done = read_row(row, plan, fail);
	db_free(row);
	if (!done)
		plan_release(plan);
	return done;
}
