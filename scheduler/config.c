#include "scheduler/config.h"

#include <math.h>
#include <string.h>

const char config_seed_policy[] = "threshold:400";

/* What the first version did (see decide.h): every drop above 0 is a need, nothing is uncertain, nothing is due. */
static void apply_seed(struct config *config)
{
	config->policy = config_seed_policy;
	config->max_accuracy_decrease = 0.05;
	config->low_accuracy_decrease = 0.0;
	config->carbon_intensity_threshold_gco2_per_kwh = 400;
	config->min_rows = 1;
	config->min_new_rows = 1;
	config->finish_within_s = INFINITY;
	config->min_saving = 0;
	config->feedback = false;
	config->drift_psi = NAN;
	config->estimate_only = true;
	config->weighs_waiting = false;
}

void config_apply(struct config *config, const struct spec *spec)
{
	const struct spec_retrain *retrain = &spec->retrain;

	config->policy = retrain->policy;
	config->low_accuracy_decrease = retrain->low_accuracy_decrease;
	config->max_accuracy_decrease = retrain->max_accuracy_decrease;
	config->carbon_intensity_threshold_gco2_per_kwh = retrain->carbon_intensity_threshold_gco2_per_kwh;
	config->zone = retrain->zone;
	config->min_rows = retrain->min_rows;
	config->min_new_rows = retrain->min_new_rows;
	config->recent_rows = retrain->recent_rows;
	config->finish_within_s = 3600 * retrain->finish_within_h;
	config->min_saving = retrain->min_saving;
	config->feedback = retrain->feedback;
	config->drift_psi = retrain->drift_psi;
	config->signal_provider = retrain->signal_provider;
	config->signal_kind = retrain->signal_kind;
	config->signal_factors = retrain->signal_factors;
	config->estimate_only = false;
	config->weighs_waiting = true;
	if (strcmp(config->preset, "seed") == 0)
		apply_seed(config);
}
