/* The form in which the database stores a spec. */

#include <math.h>
#include <stdlib.h>

#include "common/spec_internal.h"

static json_t *column_json(const struct spec_column *column)
{
	json_t *missing = json_array();

	for (int i = 0; i < column->missing_count; i++)
		json_array_append_new(missing, json_string(column->missing[i]));
	return json_pack("{s:s, s:s, s:o}", "column", column->name, "type", column_type_name(column->type), "missing",
			 missing);
}

static json_t *train_on_json(const struct spec *spec)
{
	if (spec->train_on == TRAIN_ON_ALL)
		return json_string("all");
	return json_pack("{s:I}", spec->train_on == TRAIN_ON_LAST_ROWS ? "last_rows" : "last_loads",
			 (json_int_t)spec->train_on_count);
}

/* The word stands for 0. */
static json_t *number_or_word(int number, const char *word)
{
	return number > 0 ? json_integer(number) : json_string(number == SPEC_AUTO ? "auto" : word);
}

static json_t *retrain_json(const struct spec_retrain *retrain)
{
	json_t *json =
	    json_pack("{s:f, s:f, s:I, s:I, s:I, s:f, s:f, s:s, s:f, s:s, s:{s:s, s:s, s:s}}", "low_accuracy_decrease",
		      retrain->low_accuracy_decrease, "max_accuracy_decrease", retrain->max_accuracy_decrease,
		      "min_rows", (json_int_t)retrain->min_rows, "min_new_rows", (json_int_t)retrain->min_new_rows,
		      "recent_rows", (json_int_t)retrain->recent_rows, "finish_within_h", retrain->finish_within_h,
		      "min_saving", retrain->min_saving, "policy", retrain->policy, "carbon_intensity_threshold",
		      retrain->carbon_intensity_threshold_gco2_per_kwh, "zone", retrain->zone, "signal", "provider",
		      retrain->signal_provider, "kind", retrain->signal_kind, "factors", retrain->signal_factors);

	/* What is off is left out: the text of a spec that does not use it stays the same. */
	if (retrain->feedback)
		json_object_set_new(json, "feedback", json_true());
	if (!isnan(retrain->drift_psi))
		json_object_set_new(json, "drift_psi", json_real(retrain->drift_psi));
	return json;
}

/* 15 digits say what a file says; only numbers that have more of them need 17 to be read as the same again. */
static char *exact_text(const json_t *root)
{
	const size_t form = JSON_COMPACT | JSON_SORT_KEYS;
	char *text = json_dumps(root, form | JSON_REAL_PRECISION(15));
	json_t *again = json_loads(text, 0, NULL);

	if (!json_equal(root, again)) {
		free(text);
		text = json_dumps(root, form | JSON_REAL_PRECISION(17));
	}
	json_decref(again);
	return text;
}

char *spec_to_json(const struct spec *spec)
{
	json_t *features = json_array(), *root;
	char *text;

	for (int i = 0; i < spec->feature_count; i++)
		json_array_append_new(features, column_json(&spec->features[i]));
	root = json_pack(
	    "{s:s, s:s, s:s, s:o, s:o, s:f, s:o, s:{s:i, s:o, s:i, s:o, s:f, s:I}, s:{s:f, s:f, s:I}, s:o}", "name",
	    spec->name, "source", spec->source, "id", spec->id, "label", column_json(&spec->label), "features",
	    features, "holdout", strtod(spec->holdout, NULL), "train_on", train_on_json(spec), "forest", "trees",
	    spec->forest.trees, "max_features", number_or_word(spec->forest.max_features, "sqrt"), "max_depth",
	    spec->forest.max_depth, "min_samples_leaf", number_or_word(spec->forest.min_samples_leaf, "auto"),
	    "sample_fraction", spec->forest.sample_fraction, "seed", (json_int_t)spec->forest.seed, "gate",
	    "max_accuracy_drop", spec->gate.max_accuracy_drop, "min_accuracy", spec->gate.min_accuracy, "recent_rows",
	    (json_int_t)spec->gate.recent_rows, "retrain", retrain_json(&spec->retrain));
	text = exact_text(root);
	json_decref(root);
	return text;
}
