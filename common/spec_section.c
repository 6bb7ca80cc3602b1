/* The sections of a spec that are not columns, with their defaults. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/spec_internal.h"
#include "common/xalloc.h"

static bool parse_holdout(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	const json_t *value = json_object_get(root, "holdout");
	double number = value ? json_number_value(value) : 0.2;
	int precision = 1;

	if (value && (!json_is_number(value) || number < 0 || number >= 1))
		return spec_wrong(place, "holdout", "expected a number from 0 to below 1");
	/* The shortest text that reads back as the same double is what the file says. */
	do
		snprintf(spec->holdout, sizeof(spec->holdout), "%.*g", precision++, number);
	while (strtod(spec->holdout, NULL) != number && precision <= 17);
	return split_limit(spec->holdout, spec->holdout_limit) ||
	       spec_wrong(place, "holdout", "expected a number from 0 to below 1 with at most 18 decimals");
}

static bool parse_train_on(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"last_rows", "last_loads", NULL};
	const json_t *value = json_object_get(root, "train_on");
	struct spec_place inner = spec_inside(place, "train_on");

	if (!value || (json_is_string(value) && strcmp(json_string_value(value), "all") == 0))
		return true;
	if (!json_is_object(value) || json_object_size(value) != 1)
		return spec_wrong(place, "train_on", "expected \"all\", {\"last_rows\": N} or {\"last_loads\": N}");
	if (!spec_known_keys(&inner, value, keys))
		return false;
	spec->train_on = json_object_get(value, "last_rows") ? TRAIN_ON_LAST_ROWS : TRAIN_ON_LAST_LOADS;
	return spec_get_int(&inner, value, "last_rows", 1, INT64_MAX, &spec->train_on_count) &&
	       spec_get_int(&inner, value, "last_loads", 1, INT64_MAX, &spec->train_on_count);
}

static bool parse_forest(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"trees",	      "max_features", "max_depth", "min_samples_leaf",
					   "sample_fraction", "seed",	      NULL};
	static const char *const columns[] = {"sqrt", "auto", NULL}, *const leaves[] = {"auto", NULL};
	const json_t *object = json_object_get(root, "forest");
	struct spec_place inner = spec_inside(place, "forest");
	int64_t trees = 100, max_features = SPEC_AUTO, max_depth = 0, leaf = 0, seed = 0;
	double fraction = 1;

	if (object &&
	    !(spec_known_keys(&inner, object, keys) && spec_get_int(&inner, object, "trees", 1, 100000, &trees) &&
	      spec_get_int_or_word(&inner, object, "max_features", columns, spec->feature_count, &max_features) &&
	      spec_get_int(&inner, object, "max_depth", 0, 10000, &max_depth) &&
	      spec_get_int_or_word(&inner, object, "min_samples_leaf", leaves, 1000000, &leaf) &&
	      spec_get_real(&inner, object, "sample_fraction", 0.001, 1, &fraction) &&
	      spec_get_int(&inner, object, "seed", 0, INT64_MAX, &seed)))
		return false;
	spec->forest = (struct spec_forest){.trees = (int)trees,
					    .max_features = (int)max_features,
					    .max_depth = (int)max_depth,
					    .min_samples_leaf = (int)leaf,
					    .sample_fraction = fraction,
					    .seed = (uint64_t)seed};
	return true;
}

static bool parse_gate(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"max_accuracy_drop", "min_accuracy", "recent_rows", NULL};
	const json_t *object = json_object_get(root, "gate");
	struct spec_place inner = spec_inside(place, "gate");

	spec->gate = (struct spec_gate){.max_accuracy_drop = 0.01, .min_accuracy = 0, .recent_rows = 20000};
	return !object || (spec_known_keys(&inner, object, keys) &&
			   spec_get_real(&inner, object, "max_accuracy_drop", 0, 1, &spec->gate.max_accuracy_drop) &&
			   spec_get_real(&inner, object, "min_accuracy", 0, 1, &spec->gate.min_accuracy) &&
			   spec_get_int(&inner, object, "recent_rows", 1, INT64_MAX, &spec->gate.recent_rows));
}

static bool parse_signal(const struct spec_place *place, const json_t *retrain, struct spec_retrain *target)
{
	static const char *const keys[] = {"provider", "kind", "factors", NULL};
	const json_t *object = json_object_get(retrain, "signal");
	struct spec_place inner = spec_inside(place, "signal");
	const char *provider = "energy-charts", *kind = "average", *factors = "lifecycle";

	if (object &&
	    !(spec_known_keys(&inner, object, keys) && spec_get_string(&inner, object, "provider", &provider) &&
	      spec_get_string(&inner, object, "kind", &kind) && spec_get_string(&inner, object, "factors", &factors)))
		return false;
	if (strcmp(kind, "average") != 0 && strcmp(kind, "marginal") != 0)
		return spec_wrong(&inner, "kind", "\"%s\": expected average or marginal", kind);
	if (strcmp(factors, "lifecycle") != 0 && strcmp(factors, "direct") != 0)
		return spec_wrong(&inner, "factors", "\"%s\": expected lifecycle or direct", factors);
	target->signal_provider = xstrdup(provider);
	target->signal_kind = xstrdup(kind);
	target->signal_factors = xstrdup(factors);
	return true;
}

static bool parse_retrain_numbers(const struct spec_place *place, const json_t *object, struct spec_retrain *retrain)
{
	return spec_get_real(place, object, "low_accuracy_decrease", 0, 1, &retrain->low_accuracy_decrease) &&
	       spec_get_real(place, object, "max_accuracy_decrease", 0, 1, &retrain->max_accuracy_decrease) &&
	       spec_get_int(place, object, "min_rows", 0, INT64_MAX, &retrain->min_rows) &&
	       spec_get_int(place, object, "min_new_rows", 1, INT64_MAX, &retrain->min_new_rows) &&
	       spec_get_int(place, object, "recent_rows", 1, INT64_MAX, &retrain->recent_rows) &&
	       spec_get_real(place, object, "finish_within_h", 0, 8784, &retrain->finish_within_h) &&
	       spec_get_bool(place, object, "feedback", &retrain->feedback) &&
	       spec_get_real(place, object, "drift_psi", 0, 10, &retrain->drift_psi) &&
	       spec_get_real(place, object, "min_saving", 0, 1, &retrain->min_saving) &&
	       spec_get_real(place, object, "carbon_intensity_threshold", 0, 2000,
			     &retrain->carbon_intensity_threshold_gco2_per_kwh);
}

static bool parse_retrain(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"low_accuracy_decrease",
					   "max_accuracy_decrease",
					   "min_rows",
					   "min_new_rows",
					   "recent_rows",
					   "finish_within_h",
					   "feedback",
					   "drift_psi",
					   "min_saving",
					   "policy",
					   "carbon_intensity_threshold",
					   "zone",
					   "signal",
					   NULL};
	const json_t *object = json_object_get(root, "retrain");
	struct spec_place inner = spec_inside(place, "retrain");
	struct spec_retrain *retrain = &spec->retrain;
	const char *policy = "forecast", *zone = "DE";

	*retrain = (struct spec_retrain){.low_accuracy_decrease = 0.01,
					 .max_accuracy_decrease = 0.05,
					 .min_rows = 1000,
					 .min_new_rows = 1000,
					 .recent_rows = 20000,
					 .finish_within_h = 168,
					 .drift_psi = NAN,
					 .carbon_intensity_threshold_gco2_per_kwh = 400};
	if (object &&
	    !(spec_known_keys(&inner, object, keys) && parse_retrain_numbers(&inner, object, retrain) &&
	      spec_get_string(&inner, object, "policy", &policy) && spec_get_string(&inner, object, "zone", &zone)))
		return false;
	if (retrain->low_accuracy_decrease > retrain->max_accuracy_decrease)
		return spec_wrong(&inner, "low_accuracy_decrease", "%g is above max_accuracy_decrease %g",
				  retrain->low_accuracy_decrease, retrain->max_accuracy_decrease);
	retrain->policy = xstrdup(policy);
	retrain->zone = xstrdup(zone);
	return parse_signal(&inner, object, retrain);
}

bool spec_parse_sections(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	return parse_holdout(place, root, spec) && parse_train_on(place, root, spec) &&
	       parse_forest(place, root, spec) && parse_gate(place, root, spec) && parse_retrain(place, root, spec);
}
