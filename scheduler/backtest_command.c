#include "scheduler/backtest_command.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/backtest_trace.h"
#include "scheduler/lets_wait_awhile_command.h"

static struct {
	struct setting_list actual, forecast;
	double duration_h, window_h, reading_lag_h;
	const char *policy, *jobs, *method, *scenario, *constraint;
	bool interruptible, json;
} config = {.window_h = -1};

static const struct setting settings[] = {
    {"actual", NULL, SETTING_LIST, &config.actual, NULL, .value_name = "CSV...",
     .help = "the trace: start_utc,gco2_per_kwh; several files are joined in time order"},
    {"forecast", NULL, SETTING_LIST, &config.forecast, NULL, .value_name = "CSV",
     .help = "what was published: issued_utc,start_utc,gco2_per_kwh; without it nothing was"},
    {"duration-h", NULL, SETTING_REAL, &config.duration_h, "1", 0.01, 8760, .value_name = "D",
     .help = "how long a job runs"},
    {"window-h", NULL, SETTING_REAL, &config.window_h, NULL, 0, 8760, .value_name = "W",
     .help =
	 "how much later than it falls due a job may start (default 24), or of nightly: to either side (default 8)"},
    {"policy", NULL, SETTING_TEXT, &config.policy, "forecast", .value_name = "NAME",
     .help = "a start policy, see docs/CARBON.md, or oracle, which knows the future"},
    {"reading-lag-h", NULL, SETTING_REAL, &config.reading_lag_h, "0", 0, 168, .value_name = "L",
     .help = "how old the newest reading is; 0: known as its hour begins"},
    {"jobs", NULL, SETTING_TEXT, &config.jobs, NULL, .value_name = "CSV",
     .help =
	 "due_utc,duration_h of each job; default: one of --duration-h every hour. Of ml: start_step,duration_steps in "
	 "half hours from 2020-01-01, or the trace's first midnight"},
    {"method", NULL, SETTING_CHOICE, &config.method, "start", .choices = "start|lets-wait-awhile",
     .help =
	 "start: the policies of this program; lets-wait-awhile: the scenarios of that paper, forecast without error"},
    {"scenario", NULL, SETTING_CHOICE, &config.scenario, "ml", .choices = "nightly|ml", .help = "of lets-wait-awhile"},
    {"constraint", NULL, SETTING_CHOICE, &config.constraint, "next_workday", .choices = "next_workday|semi_weekly",
     .help = "of ml: until when a job may run"},
    {"interruptible", NULL, SETTING_FLAG, &config.interruptible, NULL, .help = "of ml: a job may run in pieces"},
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print one JSON object"},
};

static const struct program program = {
    .name = "scheduler backtest",
    .purpose = "Tells what a policy would have saved on a trace of carbon intensities, against starting at once.",
    .usage = "--actual CSV... [--forecast CSV] [OPTIONS]",
    .notes = "The jobs of a trace fall due at every hour after its first 720. A policy sees readings and issues up to "
	     "the hour it\n"
	     "decides in, and nothing else. Files are read where they are, below DATA_ROOT only where that is set.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static int compare_tasks(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	return (x->due > y->due) - (x->due < y->due);
}

/* The jobs of a file; each must lie within the trace, with its window and its run. */
static bool read_jobs(const struct outlook *outlook, long window, struct task **tasks, size_t *count, struct fail *fail)
{
	double(*pairs)[2] = NULL;
	bool done = backtest_trace_pairs(config.jobs, "due_utc,duration_h", true, &pairs, count, fail);
	char text[CLOCK_TEXT_SIZE];

	*tasks = xcalloc(*count + 1, sizeof(**tasks));
	for (size_t i = 0; done && i < *count; i++) {
		struct task *task = *tasks + i;

		task->due = (long)ceil(pairs[i][0] / outlook->slot_s);
		task->slots = pairs[i][1] * 3600 / outlook->slot_s;
		if (task->due < outlook->first ||
		    task->due + window + (long)ceil(task->slots) > outlook->first + outlook->count)
			done = fail_set(fail, EXIT_BAD_DATA,
					"jobs \"%s\": the job of %s does not lie within the trace with its window",
					config.jobs, clock_format(pairs[i][0], text));
	}
	free(pairs);
	if (done)
		qsort(*tasks, *count, sizeof(**tasks), compare_tasks);
	return done;
}

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void print_json(const struct backtest_result *result)
{
	json_t *json = json_object();
	const struct {
		const char *key;
		double value;
	} numbers[] = {
	    {"mean_gco2_per_kwh", result->mean_gco2_per_kwh},
	    {"saving_vs_now_pct", result->saving_vs_now_pct},
	    {"mean_wait_h", result->mean_wait_h},
	    {"worse_than_now_pct", result->worse_than_now_pct},
	    {"at_deadline_pct", result->at_deadline_pct},
	    {"share_of_oracle_pct", result->share_of_oracle_pct},
	    {"mean_now_gco2_per_kwh", result->mean_now_gco2_per_kwh},
	    {"mean_oracle_gco2_per_kwh", result->mean_oracle_gco2_per_kwh},
	    {"duration_h", config.duration_h},
	    {"window_h", config.window_h},
	    {"reading_lag_h", config.reading_lag_h},
	};

	json_object_set_new(json, "policy", json_string(config.policy));
	json_object_set_new(json, "jobs", json_integer((json_int_t)result->jobs));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_object_set_new(json, numbers[i].key, number_json(numbers[i].value));
	json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	puts("");
	json_decref(json);
}

static void print_text(const struct backtest_result *result)
{
	printf("%s: %zu jobs, at most %g h later, reading %g h old\n", config.policy, result->jobs, config.window_h,
	       config.reading_lag_h);
	printf("  %.1f gCO2/kWh on average, %.1f when started at once: saves %.2f %%\n", result->mean_gco2_per_kwh,
	       result->mean_now_gco2_per_kwh, result->saving_vs_now_pct);
	printf("  waits %.1f h on average, %.0f %% start at the deadline, %.0f %% emit more than at once\n",
	       result->mean_wait_h, result->at_deadline_pct, result->worse_than_now_pct);
	printf("  the best start of each job, known afterwards: %.1f gCO2/kWh; %.0f %% of that saving\n",
	       result->mean_oracle_gco2_per_kwh, result->share_of_oracle_pct);
}

static bool lets_wait_awhile(struct fail *fail)
{
	struct lwa_request request = {
	    .actual = &config.actual,
	    .scenario = config.scenario,
	    .constraint = config.constraint,
	    .jobs = config.jobs,
	    .window_h = config.window_h < 0 ? 8 : config.window_h,
	    .interruptible = config.interruptible,
	    .json = config.json,
	};

	return lwa_command(&request, fail);
}

static bool test(struct outlook *outlook, const struct rule *rule, struct fail *fail)
{
	long window = (long)floor(config.window_h * 3600 / outlook->slot_s);
	struct backtest_result result;
	struct task *tasks = NULL;
	size_t count = 0;
	bool done = true;

	if (config.jobs)
		done = read_jobs(outlook, window, &tasks, &count, fail);
	else
		backtest_regular(outlook, window, config.duration_h * 3600 / outlook->slot_s, &tasks, &count);
	if (done && count == 0)
		done =
		    fail_set(fail, EXIT_BAD_DATA,
			     "the trace is too short: the first %d hours are for the policies to look back on, then a "
			     "job has to fit",
			     (int)BACKTEST_WARM_UP_H);
	if (done) {
		backtest_run(outlook, rule, window, tasks, count);
		backtest_sum(outlook, window, tasks, count, &result);
		(config.json ? print_json : print_text)(&result);
	}
	free(tasks);
	return done;
}

static bool backtest(struct fail *fail)
{
	struct outlook outlook;
	struct rule rule;
	bool is_oracle = strcmp(config.policy, "oracle") == 0, done;

	if (strcmp(config.method, "lets-wait-awhile") == 0)
		return lets_wait_awhile(fail);
	if (config.window_h < 0)
		config.window_h = 24;
	if (!is_oracle && !rule_parse(config.policy, &rule))
		return fail_set(fail, EXIT_WRONG_USE, "policy \"%s\" is not known: there are %s and oracle",
				config.policy, rule_names());
	done = backtest_trace_read(&config.actual, &config.forecast, config.reading_lag_h * 3600, &outlook, fail) &&
	       test(&outlook, is_oracle ? NULL : &rule, fail);
	outlook_release(&outlook);
	return done;
}

int backtest_command(int argc, char **argv)
{
	struct fail fail = {0};
	int first_word = argc;

	switch (settings_read(&program, argc, argv, &first_word, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	for (int i = first_word; i < argc; i++)
		if (!setting_list_add(&config.actual, argv[i], "option --actual", &fail))
			return fail_exit(&fail);
	return backtest(&fail) ? EXIT_DONE : fail_exit(&fail);
}
