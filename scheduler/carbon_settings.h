#ifndef SCHEDULER_CARBON_SETTINGS_H
#define SCHEDULER_CARBON_SETTINGS_H

/* Settings that every command shares which asks for carbon intensities: entries of a settings table, into a struct
 * config. */

#include "common/setting.h"
#include "scheduler/config.h"

#define CARBON_ACCESS_SETTINGS(config)                                                                                 \
	{"carbon-url",                                                                                                 \
	 "CARBON_URL",                                                                                                 \
	 SETTING_TEXT,                                                                                                 \
	 &(config).carbon_url,                                                                                         \
	 "",                                                                                                           \
	 .value_name = "URL",                                                                                          \
	 .help = "where the provider is asked; default: its own address"},                                             \
	    {"electricity-maps-url",                                                                                   \
	     "ELECTRICITY_MAPS_URL",                                                                                   \
	     SETTING_TEXT,                                                                                             \
	     &(config).electricity_maps_url,                                                                           \
	     "https://api.electricitymaps.com/v3",                                                                     \
	     .value_name = "URL",                                                                                      \
	     .help = "where Electricity Maps is asked"},                                                               \
	    {NULL, "ELECTRICITY_MAPS_TOKEN", SETTING_SECRET, &(config).electricity_maps_token, "", .help = "its key"}, \
	    {NULL, "WATTTIME_USER", SETTING_SECRET, &(config).watttime_user, "", .help = "of WattTime"},               \
	{                                                                                                              \
		NULL, "WATTTIME_PASSWORD", SETTING_SECRET, &(config).watttime_password, "", .help = "and its password" \
	}

/* Of the commands that have no spec. */
#define CARBON_SOURCE_SETTINGS(config)                                                                                 \
	{"carbon",                                                                                                     \
	 "CARBON_PROVIDER",                                                                                            \
	 SETTING_TEXT,                                                                                                 \
	 &(config).carbon,                                                                                             \
	 "energy-charts",                                                                                              \
	 .value_name = "SOURCE",                                                                                       \
	 .help = "electricity-maps, energy-charts, uk-neso, watttime, carbon-aware-sdk, list:START/PERIOD:V1,V2,... "  \
		 "or file:PATH"},                                                                                      \
	    {"zone", "CARBON_ZONE", SETTING_TEXT, &(config).zone, "DE", .value_name = "ZONE", .help = "of the grid"},  \
	    {"signal",                                                                                                 \
	     "CARBON_SIGNAL",                                                                                          \
	     SETTING_CHOICE,                                                                                           \
	     &(config).signal_kind,                                                                                    \
	     "average",                                                                                                \
	     .choices = "average|marginal",                                                                            \
	     .help = "what the intensities are of"},                                                                   \
	{                                                                                                              \
		"factors", "CARBON_FACTORS", SETTING_CHOICE, &(config).signal_factors, "lifecycle",                    \
		    .choices = "lifecycle|direct", .help = "what they count"                                           \
	}

#endif
