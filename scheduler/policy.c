#include "scheduler/policy.h"

#include <stdio.h>

#include "common/banned.h"
static bool parse_name(const struct config *config, struct policy *policy, struct fail *fail)
{
	if (!rule_parse(config->policy, &policy->rule))
		return fail_set(fail, EXIT_WRONG_USE, "policy \"%s\" is not known: there are %s", config->policy,
				rule_names());
	policy->start = rule_start(&policy->rule);
	if (policy->start == START_THRESHOLD)
		policy->threshold_gco2_per_kwh = policy->rule.number;
	if (policy->start == START_PERCENTILE)
		policy->percentile = policy->rule.number;
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
	    .budget_g = config->carbon_budget_g,
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
