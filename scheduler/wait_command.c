#include "scheduler/wait_command.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/http.h"
#include "common/log.h"
#include "scheduler/carbon_settings.h"
#include "scheduler/policy.h"
#include "scheduler/wait.h"

static struct config config;
static const char *finish_by, *duration, *every;
static bool once;

static const struct setting settings[] = {
    {"finish-by", "FINISH_BY", SETTING_TEXT, &finish_by, "", .value_name = "TIME",
     .help = "when the job must have ended: a time, or from now on as in 12h, 90m, 2d"},
    {"duration", "DURATION", SETTING_TEXT, &duration, "", .value_name = "SPAN", .help = "how long it takes, as in 45m"},
    {"policy", "POLICY", SETTING_TEXT, &config.policy, "forecast", .value_name = "NAME",
     .help = "when it may start, see docs/CARBON.md"},
    {"carbon-intensity-threshold", "CARBON_INTENSITY_THRESHOLD", SETTING_REAL,
     &config.carbon_intensity_threshold_gco2_per_kwh, "400", 0, 2000, .value_name = "G",
     .help = "gCO2/kWh of the rung threshold"},
    {"min-saving", "MIN_SAVING", SETTING_REAL, &config.min_saving, "0", 0, 1, .value_name = "SHARE",
     .help = "start when waiting is expected to save a smaller share"},
    {"every", NULL, SETTING_TEXT, &every, "15m", .value_name = "SPAN", .help = "how often it looks"},
    {"once", NULL, SETTING_FLAG, &once, NULL, .help = "look once: exit 0 to start now, 75 to wait"},
    CARBON_SOURCE_SETTINGS(config),
    CARBON_ACCESS_SETTINGS(config),
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print one JSON object"},
};

static const struct program program = {
    .name = "scheduler wait",
    .purpose = "Waits until the grid is clean, and ends in time for a job to finish: a gate in front of any job.",
    .usage = "--finish-by TIME --duration SPAN [OPTIONS]",
    .notes =
	"It ends with 0 when the job may start, at the latest at --finish-by less --duration, whatever fails on the\n"
	"way; 2 for wrong usage. No database is needed. With --now the clock is moved on instead of waiting.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static void sleep_until(double at_s)
{
	struct timespec left;
	double s = at_s - clock_now_s();

	if (clock_is_simulated()) {
		clock_simulate(at_s);
		return;
	}
	left = (struct timespec){(time_t)s, (long)((s - floor(s)) * 1e9)};
	while (s > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static bool read_gate(struct gate *gate, struct fail *fail)
{
	double finish_s;

	gate->since_s = clock_now_s();
	if (!*finish_by || !gate_parse_moment(finish_by, gate->since_s, &finish_s))
		return fail_set(fail, EXIT_WRONG_USE,
				"option --finish-by is \"%s\": expected a time such as 2023-11-14T09:00:00Z, or 12h",
				finish_by);
	if (!*duration || !gate_parse_span(duration, &gate->duration_s))
		return fail_set(fail, EXIT_WRONG_USE, "option --duration is \"%s\": expected a span such as 45m",
				duration);
	if (!gate_parse_span(every, &gate->tick_s) || gate->tick_s < 1)
		return fail_set(fail, EXIT_WRONG_USE, "option --every is \"%s\": expected a span such as 15m", every);
	gate->latest_start_at_s = fmax(gate->since_s, finish_s - gate->duration_s);
	config.preset = "";
	config.tick_min = 1 / 60.0; /* it looks at the latest start itself */
	return policy_make(&config, &gate->policy, fail);
}

static void print_json(const struct gate *gate)
{
	const struct decision *decision = &gate->decision;
	json_t *json = json_object(), *reasons = json_array();
	char text[CLOCK_TEXT_SIZE];

	for (int i = 0; i < decision->reason_count; i++)
		json_array_append_new(reasons, json_string(decision->reasons[i]));
	json_object_set_new(json, "at", json_string(clock_format(clock_now_s(), text)));
	json_object_set_new(json, "verdict", json_string(gate->opens ? "start" : "wait"));
	json_object_set_new(json, "waited_s", json_real(clock_now_s() - gate->since_s));
	json_object_set_new(json, "latest_start_at", json_string(clock_format(gate->latest_start_at_s, text)));
	json_object_set_new(json, "start_at",
			    isfinite(decision->start_at_s) ? json_string(clock_format(decision->start_at_s, text))
							   : json_null());
	json_object_set_new(json, "rule", json_string(decision->rule));
	json_object_set_new(json, "rung", json_string(decision->rung));
	json_object_set_new(json, "policy", json_string(gate->policy.name));
	json_object_set_new(json, "reading_gco2_per_kwh",
			    gate->reading.known ? json_real(gate->reading.gco2_per_kwh) : json_null());
	json_object_set_new(json, "source", json_string(gate->reading.source));
	json_object_set_new(json, "reasons", reasons);
	json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	puts("");
	json_decref(json);
}

static void print_text(const struct gate *gate)
{
	const struct decision *decision = &gate->decision;
	char text[CLOCK_TEXT_SIZE];

	if (gate->opens)
		printf("START (rung %s) after %.0f min", decision->rung, (clock_now_s() - gate->since_s) / 60);
	else if (isfinite(decision->start_at_s))
		printf("WAIT until %s (rung %s)", clock_format(decision->start_at_s, text), decision->rung);
	else
		printf("WAIT (rung %s)", decision->rung);
	for (int i = 0; i < decision->reason_count; i++)
		printf("%s%s", i ? "; " : ": ", decision->reasons[i]);
	puts("");
}

static bool wait_for_it(struct gate *gate, struct fail *fail)
{
	while (gate_look(gate, clock_now_s(), fail)) {
		log_info("looked", "verdict", "%s", gate->opens ? "start" : "wait", "rung", "%s", gate->decision.rung,
			 "reason", "%s", gate->decision.reason_count ? gate->decision.reasons[0] : "", NULL);
		if (gate->opens || once) {
			(config.json ? print_json : print_text)(gate);
			return true;
		}
		sleep_until(gate->next_s);
	}
	return false;
}

int wait_command(int argc, char **argv)
{
	struct gate gate = {.opens = false};
	struct carbon_source source;
	struct fail fail = {0};
	bool done;

	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	if (!read_gate(&gate, &fail) || !carbon_open(&config, &source, &fail))
		return fail_exit(&fail);
	http_init();
	gate.source = &source;
	done = wait_for_it(&gate, &fail);
	carbon_release(&source);
	if (!done)
		return fail_exit(&fail);
	return gate.opens ? EXIT_DONE : EXIT_TRY_AGAIN;
}
