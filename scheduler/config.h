#ifndef SCHEDULER_CONFIG_H
#define SCHEDULER_CONFIG_H

/*
 * What one pipeline's tick was told: the settings of scheduler.c, after default < spec < preset < environment < option.
 * All texts belong to the settings, the spec or the environment and live as long as the spec.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/spec.h"

struct config {
	/* settings */
	const char *pipeline, *as;
	const char *preset; /* "none" or "seed" */
	const char *policy;
	double low_accuracy_decrease, max_accuracy_decrease;
	double carbon_intensity_threshold_gco2_per_kwh;
	const char *carbon; /* "": the spec's signal */
	const char *zone;
	const char *carbon_url;
	const char *electricity_maps_token, *electricity_maps_url;
	const char *watttime_user, *watttime_password;
	const char *via; /* "argo", "kube" or "command" */
	const char *command;
	const char *host; /* NULL: not given */
	const char *bearer_token;
	const char *argo_namespace, *argo_ca_file, *template;
	double tick_min, settle_s;
	double carbon_budget_g; /* 0: none */
	bool json, unblock, watch;
	/* from the spec and the preset alone */
	int64_t min_rows, min_new_rows, recent_rows;
	double finish_within_s;
	double min_saving;
	bool feedback;
	double drift_psi; /* NAN: none */
	const char *signal_provider, *signal_kind, *signal_factors;
	bool estimate_only, weighs_waiting;
};

/* The policy of the preset seed: config->policy points here unless environment or option say otherwise. */
extern const char config_seed_policy[];

/* Takes over what the spec and then the preset say; to be called between the defaults and the environment. */
void config_apply(struct config *config, const struct spec *spec);

#endif
