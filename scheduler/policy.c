#include "scheduler/policy.h"

#include <string.h>

#include "common/number.h"

/* "threshold:400" -> 400; false when the text is something else. */
static bool numbered(const char *text, const char *name, double low, double high, double *value)
{
	size_t size = strlen(name);

	return strncmp(text, name, size) == 0 && text[size] == ':' && number_double(text + size + 1, value) &&
	       *value >= low && *value <= high;
}

static bool parse_name(const struct config *config, struct policy *policy, struct fail *fail)
{
	const char *name = config->policy;

	if (strcmp(name, "now") == 0)
		policy->start = START_NOW;
	else if (strcmp(name, "forecast") == 0)
		policy->start = START_FORECAST;
	else if (numbered(name, "threshold", 0, 2000, &policy->threshold_gco2_per_kwh))
		policy->start = START_THRESHOLD;
	else if (numbered(name, "percentile", 0, 100, &policy->percentile))
		policy->start = START_PERCENTILE;
	else
		return fail_set(fail, EXIT_WRONG_USE,
				"policy \"%s\" is not known: this version has now, threshold:T (T gCO2/kWh, 0 to "
				"2000), percentile:P (P 0 "
				"to 100) and forecast",
				name);
	return true;
}

bool policy_make(const struct config *config, struct policy *policy, struct fail *fail)
{
	*policy = (struct policy){
	    .threshold_gco2_per_kwh = config->carbon_intensity_threshold_gco2_per_kwh,
	    .low_accuracy_decrease = config->low_accuracy_decrease,
	    .max_accuracy_decrease = config->max_accuracy_decrease,
	    .min_rows = config->min_rows,
	    .min_new_rows = config->min_new_rows,
	    .finish_within_s = config->finish_within_s,
	    .min_saving = config->min_saving,
	    .tick_s = 60 * config->tick_min,
	    .uses_feedback = config->feedback,
	    .drift_psi = config->drift_psi,
	    .estimate_only = config->estimate_only,
	    .weighs_waiting = config->weighs_waiting,
	};
	if (config->low_accuracy_decrease > config->max_accuracy_decrease)
		return fail_set(fail, EXIT_WRONG_USE,
				"LOW_ACCURACY_DECREASE is %g, above MAX_ACCURACY_DECREASE %g: lower it",
				config->low_accuracy_decrease, config->max_accuracy_decrease);
	if (!parse_name(config, policy, fail))
		return false;
	/* In the first version the threshold was a setting of its own; the preset keeps its name working. */
	snprintf(policy->name, sizeof(policy->name), "%s", config->policy);
	if (config->policy == config_seed_policy) {
		policy->threshold_gco2_per_kwh = config->carbon_intensity_threshold_gco2_per_kwh;
		snprintf(policy->name, sizeof(policy->name), "threshold:%g", policy->threshold_gco2_per_kwh);
	}
	return true;
}
