#include "scheduler/lets_wait_awhile_command.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/backtest_trace.h"
#include "scheduler/lets_wait_awhile.h"

enum { STEP_S = 1800, DAY_S = 86400, MAX_WINDOW = 16 };

static const double first_s = 1577836800; /* 2020-01-01, the beginning of the paper's year */

/* Half hours from the paper's first day on, where the trace holds it, else from its own first midnight. A finer trace
 * is read at :00 and :30. */
static double *half_hours(const struct outlook *outlook, double *start_s, long *count)
{
	double begin_s = (double)outlook->first * outlook->slot_s,
	       end_s = begin_s + (double)outlook->count * outlook->slot_s;
	double *values;

	*start_s = begin_s <= first_s && first_s < end_s ? first_s : ceil(begin_s / DAY_S) * DAY_S;
	*count = end_s > *start_s ? (long)((end_s - *start_s) / STEP_S) : 0;
	values = xcalloc((size_t)*count + 1, sizeof(*values));
	for (long i = 0; i < *count; i++)
		values[i] =
		    outlook->readings[(long)floor((*start_s + (double)i * STEP_S) / outlook->slot_s) - outlook->first];
	return values;
}

static bool read_jobs(const char *path, struct lwa_job **jobs, size_t *count, struct fail *fail)
{
	double(*pairs)[2] = NULL;
	bool done;

	*jobs = NULL;
	*count = 0;
	if (!path)
		return fail_set(fail, EXIT_WRONG_USE,
				"the scenario ml has no jobs: name their CSV (start_step,duration_steps) with --jobs");
	done = backtest_trace_pairs(path, "start_step,duration_steps", false, &pairs, count, fail);
	*jobs = xcalloc(*count + 1, sizeof(**jobs));
	for (size_t i = 0; done && i < *count; i++) {
		if (pairs[i][0] != floor(pairs[i][0]) || pairs[i][1] != floor(pairs[i][1]) || fabs(pairs[i][0]) > 1e9 ||
		    pairs[i][1] > 1e9)
			done = fail_set(fail, EXIT_BAD_DATA, "jobs \"%s\": job %zu is not in whole half hours", path,
					i + 1);
		(*jobs)[i] = (struct lwa_job){done ? (long)pairs[i][0] : 0, done ? (long)pairs[i][1] : 0};
	}
	free(pairs);
	return done;
}

static bool run_training(const struct lwa_request *request, const double *values, long count, double start_s,
			 struct lwa_result *result, struct fail *fail)
{
	enum lwa_constraint constraint =
	    strcmp(request->constraint, "semi_weekly") == 0 ? LWA_SEMI_WEEKLY : LWA_NEXT_WORKDAY;
	int weekday = (int)((long)(start_s / DAY_S) + 3) % 7; /* 1970-01-01 was a Thursday */
	struct lwa_job *jobs;
	size_t job_count;
	bool done = read_jobs(request->jobs, &jobs, &job_count, fail);

	if (done && !lwa_training(values, count, weekday, jobs, job_count, constraint, request->interruptible, result))
		done = fail_set(fail, EXIT_BAD_DATA, "jobs \"%s\": job %ld does not lie within the trace",
				request->jobs, result->jobs + 1);
	free(jobs);
	return done;
}

static json_t *result_json(const struct lwa_request *request, const struct lwa_result *result)
{
	json_t *json = json_pack("{s:s, s:s, s:I, s:f, s:f, s:f}", "method", "lets-wait-awhile", "scenario",
				 request->scenario, "jobs", (json_int_t)result->jobs, "mean_gco2_per_kwh",
				 result->mean_gco2_per_kwh, "baseline_gco2_per_kwh", result->baseline_gco2_per_kwh,
				 "now_gco2_per_kwh", result->now_gco2_per_kwh);

	json_object_set_new(json, "saving_vs_baseline_pct",
			    isnan(result->saving_vs_baseline_pct) ? json_null()
								  : json_real(result->saving_vs_baseline_pct));
	json_object_set_new(json, "saving_vs_now_pct",
			    isnan(result->saving_vs_now_pct) ? json_null() : json_real(result->saving_vs_now_pct));
	return json;
}

/* The savings of +-0 to +-8 h in half hours, as the paper's figure has them. */
static json_t *savings_by_window(const double *values, long count)
{
	json_t *list = json_array();
	struct lwa_result result;

	for (long window = 0; window <= MAX_WINDOW; window++)
		json_array_append_new(list, lwa_nightly(values, count, window, &result) &&
						    !isnan(result.saving_vs_baseline_pct)
						? json_real(result.saving_vs_baseline_pct)
						: json_null());
	return list;
}

static void print(const struct lwa_request *request, const struct lwa_result *result, json_t *windows)
{
	json_t *json = result_json(request, result);

	if (windows) {
		json_object_set_new(json, "window_h", json_real(request->window_h));
		json_object_set_new(json, "saving_by_half_hours_pct", windows);
	} else {
		json_object_set_new(json, "constraint", json_string(request->constraint));
		json_object_set_new(json, "interruptible", json_boolean(request->interruptible));
	}
	if (request->json) {
		json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		puts("");
	} else {
		printf("%s: %ld jobs at %.1f gCO2/kWh on average, %.1f in the baseline: saves %.2f %%\n",
		       request->scenario, result->jobs, result->mean_gco2_per_kwh, result->baseline_gco2_per_kwh,
		       result->saving_vs_baseline_pct);
	}
	json_decref(json);
}

bool lwa_command(const struct lwa_request *request, struct fail *fail)
{
	static const struct setting_list no_forecast = {.count = 0};
	bool is_nightly = strcmp(request->scenario, "nightly") == 0, done;
	struct outlook outlook;
	struct lwa_result result;
	double *values = NULL, start_s;
	long count = 0;

	done = backtest_trace_read(request->actual, &no_forecast, 0, &outlook, fail);
	if (done)
		values = half_hours(&outlook, &start_s, &count);
	if (done && is_nightly)
		done = lwa_nightly(values, count, lround(2 * request->window_h), &result) ||
		       fail_set(fail, EXIT_BAD_DATA, "the trace is too short: not one night lies within it");
	else if (done)
		done = run_training(request, values, count, start_s, &result, fail);
	if (done)
		print(request, &result, is_nightly ? savings_by_window(values, count) : NULL);
	free(values);
	outlook_release(&outlook);
	return done;
}
