/* scheduler: decides when a pipeline's model is trained again, and has it done exactly once per need. */

#include <string.h>

#include "common/clock.h"
#include "common/http.h"
#include "common/log.h"
#include "common/setting.h"
#include "common/spec.h"
#include "scheduler/backtest_command.h"
#include "scheduler/carbon_command.h"
#include "scheduler/carbon_settings.h"
#include "scheduler/config.h"
#include "scheduler/history_command.h"
#include "scheduler/replay_command.h"
#include "scheduler/rounds.h"
#include "scheduler/wait_command.h"

static struct config config;

static const struct setting settings[] = {
    {"pipeline", "PIPELINE_SPEC", SETTING_TEXT, &config.pipeline, NULL, .value_name = "PATH",
     .help = "the pipeline's spec, or a folder of specs"},
    {"as", "PIPELINE_NAME", SETTING_TEXT, &config.as, NULL, .value_name = "NAME",
     .help = "the name the spec is registered under, where it is not its own"},
    {"preset", "PRESET", SETTING_CHOICE, &config.preset, "none", .choices = "none|seed", .value_name = "NAME",
     .help = "settings that belong together: seed = what the first version did"},
    {"policy", "POLICY", SETTING_TEXT, &config.policy, NULL, .value_name = "NAME",
     .help = "when a need that may wait is started: now, threshold:T, percentile:P, forecast, ... (docs/CARBON.md); "
	     "default: "
	     "the spec's"},
    {"max-accuracy-decrease", "MAX_ACCURACY_DECREASE", SETTING_REAL, &config.max_accuracy_decrease, NULL, 0, 1,
     .value_name = "D", .help = "a larger drop trains at once; default: the spec's"},
    {"low-accuracy-decrease", "LOW_ACCURACY_DECREASE", SETTING_REAL, &config.low_accuracy_decrease, NULL, 0, 1,
     .value_name = "D", .help = "a smaller drop is none; default: the spec's"},
    {"carbon-intensity-threshold", "CARBON_INTENSITY_THRESHOLD", SETTING_REAL,
     &config.carbon_intensity_threshold_gco2_per_kwh, NULL, 0, 2000, .value_name = "G",
     .help = "gCO2/kWh of the rung threshold; default: the spec's"},
    {"carbon", "CARBON_PROVIDER", SETTING_TEXT, &config.carbon, "", .value_name = "SOURCE",
     .help = "electricity-maps, energy-charts, uk-neso, watttime, carbon-aware-sdk, list:START/PERIOD:V1,V2,... or "
	     "file:PATH; default: the spec's signal"},
    {"zone", "CARBON_ZONE", SETTING_TEXT, &config.zone, NULL, .value_name = "ZONE",
     .help = "of the grid, such as DE; default: the spec's"},
    CARBON_ACCESS_SETTINGS(config),
    {"via", "VIA", SETTING_CHOICE, &config.via, "argo", .choices = "argo|kube|command", .value_name = "HOW",
     .help = "who trains: a workflow, given to the Argo server or the Kubernetes API, or a command of this machine"},
    {"command", "RETRAIN_COMMAND", SETTING_TEXT, &config.command, "", .value_name = "LINE",
     .help = "for --via command: run by /bin/sh with RETRAIN_ID, PIPELINE_NAME, PIPELINE_SPEC, WORKFLOW_NAME"},
    {"host", "HOST", SETTING_TEXT, &config.host, NULL, .value_name = "HOST",
     .help = "of --via: host, host:port or URL; default: localhost for argo, the pod's own cluster for kube"},
    {NULL, "BEARER_TOKEN", SETTING_SECRET, &config.bearer_token, "",
     .help = "its token; the file of BEARER_TOKEN_FILE, or the pod's own, is read at every request"},
    {"argo-namespace", "ARGO_NAMESPACE", SETTING_TEXT, &config.argo_namespace, "default", .value_name = "NAME",
     .help = "where the workflow is submitted"},
    {"argo-ca-file", "ARGO_CA_FILE", SETTING_TEXT, &config.argo_ca_file, "", .value_name = "FILE",
     .help =
	 "PEM of the authority that signed its certificate; default: the system's for argo, the pod's ca.crt for kube"},
    {"template", "TRAIN_TEMPLATE", SETTING_TEXT, &config.template, "train-and-deploy", .value_name = "NAME",
     .help = "the WorkflowTemplate that trains and deploys"},
    {"carbon-budget-g", "CARBON_BUDGET_G", SETTING_REAL, &config.carbon_budget_g, "0", 0, 1e9, .value_name = "G",
     .help = "grams that a pipeline's trainings may emit in a month before the next one that may wait is put off until "
	     "the month ends, or its deadline; 0 = no limit"},
    {"tick-min", "TICK_MIN", SETTING_REAL, &config.tick_min, "15", 0.001, 525600, .value_name = "MINUTES",
     .help = "how often run is called"},
    {"unblock", "UNBLOCK", SETTING_FLAG, &config.unblock, NULL, .help = "try again although five attempts have failed"},
    {"watch", "WATCH", SETTING_FLAG, &config.watch, NULL,
     .help = "run: stay, and tick every --tick-min minutes and when rows were taken in, until SIGTERM"},
    {"settle-s", "SETTLE_S", SETTING_REAL, &config.settle_s, "10", 0, 3600, .value_name = "S",
     .help = "--watch: seconds from new rows to the tick, so that what comes together is looked at together"},
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print each decision as one JSON object"},
};

static const struct program program = {
    .name = "scheduler",
    .purpose =
	"Decides when a pipeline's model is trained again: when it has become worse, and when the grid is clean.",
    .usage = "run|explain --pipeline PATH [OPTIONS]",
    .notes =
	"Commands:\n"
	"  run      one tick: look, decide, store the decision, submit; to be called every --tick-min minutes\n"
	"  explain  the same decision with its reasons; nothing is stored nor submitted\n"
	"  history  the stored decisions as a table, JSON or CSV\n"
	"  replay   what another policy would have done with the stored ticks\n"
	"  backtest what a policy would have saved on a trace of carbon intensities\n"
	"  carbon   the grid now: reading, forecast, age and source, of one zone or several\n"
	"  wait     a gate in front of any job: ends when the grid is clean, or it is time\n"
	"The last five have options of their own: see scheduler history --help.\n\n"
	"A carbon trace (file:PATH) is read below DATA_ROOT only (default /data, or the current folder).\n"
	"Exit codes: 0 decided, 1 failed for good, 2 wrong usage, setting or spec, 3 bad data, 75 try again; with\n"
	"several pipelines the worst.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

struct arguments {
	int argc;
	char **argv;
};

/* default < spec < preset < environment < option */
static const struct config *configure(const struct spec *spec, void *context, struct fail *fail)
{
	const struct arguments *arguments = context;
	const char *preset = settings_peek(arguments->argc, arguments->argv, "preset", "PRESET");
	int first_word;

	config = (struct config){.zone = ""};
	if (!settings_defaults(&program, fail))
		return NULL;
	if (preset)
		config.preset = preset;
	config_apply(&config, spec);
	return settings_environment(&program, fail) &&
		       settings_options(&program, arguments->argc, arguments->argv, &first_word, fail) == SETTINGS_OK
		   ? &config
		   : NULL;
}

/* Commands that have options of their own, in a file of their own; all others work on pipelines and share the table
 * above. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} commands[] = {
    {"backtest", backtest_command}, {"carbon", carbon_command}, {"history", history_command},
    {"replay", replay_command},	    {"wait", wait_command},
};

/* "run" or "explain"; fail says what is wrong with the words or settings of the command line. */
static const char *check_command(const struct arguments *arguments, int first_word, struct fail *fail)
{
	const char *command = first_word == arguments->argc - 1 ? arguments->argv[first_word] : "";
	bool explain = strcmp(command, "explain") == 0;

	if (!explain && strcmp(command, "run") != 0)
		fail_set(fail, EXIT_WRONG_USE, "expected one command, run or explain: see scheduler --help");
	else if (!config.pipeline)
		fail_set(fail, EXIT_WRONG_USE, "no pipeline is given: name its spec with --pipeline or PIPELINE_SPEC");
	else if (config.watch && explain)
		fail_set(fail, EXIT_WRONG_USE, "--watch belongs to run, explain makes one decision");
	else if (config.watch && clock_is_simulated())
		fail_set(fail, EXIT_WRONG_USE, "--watch needs a clock that goes on: leave --now away");
	return command;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {argc, argv};
	struct rounds rounds = {.configure = configure, .context = &arguments};
	struct fail fail = {0};
	int first_word = argc;

	log_init("scheduler");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (argc > 1 && strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	switch (settings_read(&program, argc, argv, &first_word, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	rounds.explain = strcmp(check_command(&arguments, first_word, &fail), "explain") == 0;
	if (fail.code)
		return fail_exit(&fail);
	rounds.pipeline = config.pipeline;
	rounds.as = config.as;
	rounds.watch = config.watch;
	rounds.interval_s = 60 * config.tick_min;
	rounds.settle_s = config.settle_s;
	http_init();
	return rounds_run(&rounds);
}
