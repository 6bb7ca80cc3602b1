/*
 * Runs tests/cases/decide/<name>.json: {"about", "retrain" (of a spec), "preset", "tick_min", "signal", "steps"}. Each
 * step lays its own "signal" over the case's and is decided on its own; "expect" names the fields that are compared.
 * Times are ISO texts, shares "k/n".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/decide.h"
#include "scheduler/policy.h"
#include "scheduler/trailing.h"

static const char cases[] = "tests/cases/decide";

static double number(const json_t *object, const char *key, double otherwise)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value) ? json_number_value(value) : otherwise;
}

static const char *text(const json_t *object, const char *key, const char *otherwise)
{
	const json_t *value = json_object_get(object, key);

	return value ? json_string_value(value) : otherwise;
}

static double moment(const json_t *object, const char *key, double otherwise)
{
	double s = otherwise;
	const char *value = text(object, key, NULL);

	if (value && !clock_parse(value, &s))
		fail_msg("%s: \"%s\" is no time", key, value);
	return s;
}

static void share(const json_t *object, const char *key, int64_t *k, int64_t *n)
{
	const char *value = text(object, key, NULL);
	long long a = 0, b = 0;

	if (value && sscanf(value, "%lld/%lld", &a, &b) != 2)
		fail_msg("%s: \"%s\" is no share", key, value);
	*k = a;
	*n = b;
}

static struct policy read_policy(const json_t *json)
{
	const json_t *retrain = json_object_get(json, "retrain");
	char *name = xstrdup(text(retrain, "policy", "forecast"));
	struct spec spec = {
	    .retrain = {.low_accuracy_decrease = number(retrain, "low_accuracy_decrease", 0.01),
			.max_accuracy_decrease = number(retrain, "max_accuracy_decrease", 0.05),
			.min_rows = (int64_t)number(retrain, "min_rows", 1000),
			.min_new_rows = (int64_t)number(retrain, "min_new_rows", 1000),
			.finish_within_h = number(retrain, "finish_within_h", 168),
			.min_saving = number(retrain, "min_saving", 0),
			.feedback = json_is_true(json_object_get(retrain, "feedback")),
			.drift_psi = number(retrain, "drift_psi", NAN),
			.policy = name,
			.carbon_intensity_threshold_gco2_per_kwh = number(retrain, "carbon_intensity_threshold", 400)}};
	struct config config = {.preset = text(json, "preset", ""),
				.tick_min = number(json, "tick_min", 15),
				.carbon_budget_g = number(json, "budget_g", 0)};
	struct policy policy;
	struct fail fail = {0};

	config_apply(&config, &spec);
	if (!policy_make(&config, &policy, &fail))
		fail_msg("%s", fail.text);
	free(name);
	return policy;
}

/* {"until": time, "hours": n, "values": [...]}: one value an hour, the list again and again; null: that hour is
 * missing. */
static struct carbon_point *read_history(const json_t *json, size_t *count)
{
	size_t hours = (size_t)number(json, "hours", 0), values = json_array_size(json_object_get(json, "values"));
	struct carbon_point *points = xcalloc(hours + 1, sizeof(*points));

	*count = 0;
	for (size_t i = 0; i < hours; i++) {
		const json_t *value = json_array_get(json_object_get(json, "values"), i % values);

		if (json_is_number(value))
			points[(*count)++] = (struct carbon_point){
			    moment(json, "until", 0) - 3600.0 * (double)(hours - i), json_number_value(value)};
	}
	return points;
}

/* {"issued": time, "from": time, "values": [...]}: one issue, one value an hour. */
static struct forecast_point *read_forecast(const json_t *json, size_t *count)
{
	const json_t *values = json_object_get(json, "values");
	struct forecast_point *points = xcalloc(json_array_size(values) + 1, sizeof(*points));

	*count = json_array_size(values);
	for (size_t i = 0; i < *count; i++)
		points[i] =
		    (struct forecast_point){moment(json, "issued", 0), moment(json, "from", 0) + 3600.0 * (double)i,
					    json_number_value(json_array_get(values, i))};
	return points;
}

static struct need read_need(const json_t *json)
{
	static const char *const states[] = {"none", "waiting", "intended", "accepted"};
	struct need need = {NEED_NONE,
			    moment(json, "due_at", NAN),
			    moment(json, "latest_start_at", INFINITY),
			    moment(json, "not_before", 0),
			    (int)number(json, "attempt", 1),
			    json_is_true(json_object_get(json, "sent_at_once"))};

	for (int i = 0; i < 4; i++)
		if (strcmp(states[i], text(json, "state", "none")) == 0)
			need.state = (enum need_state)i;
	return need;
}

static struct signal read_signal(const json_t *json)
{
	const json_t *reading = json_object_get(json, "reading");
	struct signal signal = {
	    .now_s = moment(json, "now", 0),
	    .has_champion = !json_is_false(json_object_get(json, "has_champion")),
	    .look = (int)number(json, "look", 0),
	    .need = read_need(json_object_get(json, "need")),
	    .failed = json_object_get(json, "rows_since_failed"),
	    .rows_since_failed = (int64_t)number(json, "rows_since_failed", 0),
	    .refused = json_object_get(json, "rows_since_refused"),
	    .rows_since_refused = (int64_t)number(json, "rows_since_refused", 0),
	    .answered = json_is_true(json_object_get(json, "answered")),
	    .reading = {.known = json_is_number(reading),
			.gco2_per_kwh = json_number_value(reading),
			.source = "list/average/lifecycle/DE"},
	    .duration_s = number(json, "duration_s", NAN),
	    .retrain_kwh = number(json, "retrain_kwh", NAN),
	    .open_tick_kwh = number(json, "open_tick_kwh", NAN),
	    .idle_tick_kwh = number(json, "idle_tick_kwh", NAN),
	    .spent_g = number(json, "spent_g", 0),
	};

	if (!signal.reading.known)
		snprintf(signal.reading.reason, sizeof(signal.reading.reason), "%s",
			 text(json, "no_reading", "the server did not answer"));
	snprintf(signal.unreachable, sizeof(signal.unreachable), "%s", text(json, "unreachable", ""));
	share(json, "reference", &signal.reference_k, &signal.reference_n);
	share(json, "all", &signal.window_k[WINDOW_ALL], &signal.window_n[WINDOW_ALL]);
	share(json, json_object_get(json, "recent") ? "recent" : "all", &signal.window_k[WINDOW_RECENT],
	      &signal.window_n[WINDOW_RECENT]);
	share(json, "feedback", &signal.feedback.k, &signal.feedback.n);
	signal.feedback.number = (int)number(json, "feedback_number", 1);
	signal.drift.psi = number(json, "drift_psi", NAN);
	signal.drift.psi_noise = number(json, "drift_psi_noise", 0);
	snprintf(signal.drift.column, sizeof(signal.drift.column), "%s", text(json, "drift_column", ""));
	signal.rows = (int64_t)number(json, "rows", (double)signal.window_n[WINDOW_ALL]);
	signal.history = read_history(json_object_get(json, "history"), &signal.history_count);
	signal.forecast = read_forecast(json_object_get(json, "forecast"), &signal.forecast_count);
	return signal;
}

static void expect_text(const json_t *expect, const char *key, const char *got)
{
	const char *want = text(expect, key, NULL);

	if (json_object_get(expect, key) && strcmp(want ? want : "none", got ? got : "none") != 0)
		fail_msg("%s is %s, expected %s", key, got ? got : "none", want ? want : "none");
}

static void expect_time(const json_t *expect, const char *key, double got)
{
	const json_t *want = json_object_get(expect, key);
	char buffer[CLOCK_TEXT_SIZE];

	if (want && (json_is_null(want) ? isfinite(got) : fabs(got - moment(expect, key, 0)) > 0.5))
		fail_msg("%s is %s", key, isfinite(got) ? clock_format(got, buffer) : "none");
}

static void expect_number(const json_t *expect, const char *key, double got)
{
	const json_t *want = json_object_get(expect, key);

	if (want && !(json_is_null(want) ? isnan(got) : fabs(got - json_number_value(want)) < 0.00005))
		fail_msg("%s is %.6f", key, got);
}

static void expect_reason(const json_t *expect, const struct decision *decision)
{
	const char *want = text(expect, "reason", NULL);

	for (int i = 0; want && i < decision->reason_count; i++)
		if (strstr(decision->reasons[i], want))
			return;
	if (want)
		fail_msg("no reason says \"%s\"; the first is \"%s\"", want,
			 decision->reason_count ? decision->reasons[0] : "none");
}

static void compare(const json_t *expect, const struct decision *decision)
{
	static const char *const steps[] = {"none", "open", "move", "cancel"};
	const char *key;
	const json_t *value UNUSED;

	json_object_foreach((json_t *)expect, key,
			    value) if (!strstr(" verdict rule rung window step state start_at due_at latest_start_at "
					       "drop drop_ci_low drop_ci_high target "
					       "reason sent_at_once ",
					       key)) fail_msg("expect.%s is not a field that can be compared", key);
	expect_text(expect, "verdict", verdict_name(decision->verdict));
	expect_text(expect, "rule", decision->rule);
	expect_text(expect, "rung", decision->rung);
	expect_text(expect, "window", window_name(decision->window));
	expect_text(expect, "step", steps[decision->step]);
	expect_text(expect, "state", need_state_name(decision->state));
	expect_time(expect, "start_at", decision->start_at_s);
	expect_time(expect, "due_at", decision->due_at_s);
	expect_time(expect, "latest_start_at", decision->latest_start_at_s);
	expect_number(expect, "drop", decision->drop);
	expect_number(expect, "drop_ci_low", decision->low);
	expect_number(expect, "drop_ci_high", decision->high);
	expect_number(expect, "target", decision->target_gco2_per_kwh);
	expect_reason(expect, decision);
	if (json_object_get(expect, "sent_at_once") &&
	    json_is_true(json_object_get(expect, "sent_at_once")) != decision->sent_at_once)
		fail_msg("sent_at_once is %d", decision->sent_at_once);
}

static void run_case(void **state)
{
	const char *path = *state;
	json_error_t error;
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *step;
	size_t index;
	struct policy policy;

	if (!json)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	policy = read_policy(json);
	assert_true(json_array_size(json_object_get(json, "steps")) > 0);
	json_array_foreach(json_object_get(json, "steps"), index, step)
	{
		json_t *merged = json_deep_copy(json_object_get(json, "signal"));
		struct signal signal;
		struct decision decision, again;

		if (!merged)
			merged = json_object();
		json_object_update(merged, json_object_get(step, "signal"));
		signal = read_signal(merged);
		decision = decide(&policy, &signal);
		again = decide(&policy, &signal);
		print_message("# step %zu: %s %s\n", index + 1, verdict_name(decision.verdict), decision.rule);
		compare(json_object_get(step, "expect"), &decision);
		assert_memory_equal(decision.reasons, again.reasons, sizeof(decision.reasons));
		free((void *)(uintptr_t)signal.history);
		free((void *)(uintptr_t)signal.forecast);
		json_decref(merged);
	}
	json_decref(json);
}

static void attempts_back_off(void **state UNUSED)
{
	static const double hours[] = {1, 2, 4, 8};

	for (int attempt = 1; attempt < RETRAIN_ATTEMPTS; attempt++) {
		struct attempt_failed next = after_failed_attempt(attempt, 1000);

		assert_false(next.closed);
		assert_int_equal(next.attempt, attempt + 1);
		assert_true(next.not_before_s == 1000 + 3600 * hours[attempt - 1]);
	}
	assert_true(after_failed_attempt(RETRAIN_ATTEMPTS, 1000).closed);
}

/* The values of numpy.percentile. */
static void percentiles(void **state UNUSED)
{
	double values[] = {50, 10, 40, 20, 30}, one[] = {7};

	assert_true(percentile(values, 5, 20) == 18);
	assert_true(percentile(values, 5, 0) == 10);
	assert_true(percentile(values, 5, 100) == 50);
	assert_true(percentile(values, 5, 50) == 30);
	assert_true(percentile(one, 1, 20) == 7);
}

static void policies_by_name(void **state UNUSED)
{
	static const char *const good[] = {"now",	  "forecast", "threshold:400", "percentile:20",
					   "threshold:0", "level",    "gate20-mix",    "published-once"};
	static const char *const bad[] = {
	    "", "threshold", "threshold:", "threshold:-1", "threshold:400x", "percentile:101", "levels", "oracle"};
	struct config config = {.preset = "", .max_accuracy_decrease = 0.05, .tick_min = 15};
	struct policy policy;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct fail fail = {0};

		config.policy = good[i];
		assert_true(policy_make(&config, &policy, &fail));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct fail fail = {0};

		config.policy = bad[i];
		assert_false(policy_make(&config, &policy, &fail));
		assert_int_equal(fail.code, EXIT_WRONG_USE);
		assert_non_null(strstr(fail.text, "threshold:T"));
	}
}

static int is_case(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

int main(void)
{
	struct CMUnitTest tests[64] = {cmocka_unit_test(attempts_back_off), cmocka_unit_test(percentiles),
				       cmocka_unit_test(policies_by_name)};
	struct dirent **entries = NULL;
	int count = scandir(cases, &entries, is_case, alphasort), used = 3, result;

	if (count <= 0 || count > 60) {
		printf("1..1\nnot ok 1 - no case in %s, or too many: start it in the project's folder\n", cases);
		return 1;
	}
	for (int i = 0; i < count; i++, used++)
		tests[used] = (struct CMUnitTest){xstrdup(entries[i]->d_name), run_case, NULL, NULL,
						  xasprintf("%s/%s", cases, entries[i]->d_name)};
	result = _cmocka_run_group_tests("decide", tests, (size_t)used, NULL, NULL);
	for (int i = 0; i < count; i++) {
		free((char *)(uintptr_t)tests[used - count + i].name);
		free(tests[used - count + i].initial_state);
		free(entries[i]);
	}
	free(entries);
	return result;
}
