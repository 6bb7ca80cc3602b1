/* What decision.inputs keeps is read back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "scheduler/inputs.h"

static const struct carbon_point points[] = {{1700000000, 250.5}, {1700003600, 0}, {1700007200, 1999.875}};
static const struct forecast_point issue[] = {{1700000000, 1700010000, 210.5}, {1700000000, 1700013600, 190}};

static struct policy full_policy(void)
{
	return (struct policy){.name = "threshold:400",
			       .threshold_gco2_per_kwh = 400,
			       .low_accuracy_decrease = 0.01,
			       .max_accuracy_decrease = 0.05,
			       .min_rows = 1000,
			       .min_new_rows = 2000,
			       .finish_within_s = 604800,
			       .min_saving = 0.125,
			       .tick_s = 900,
			       .uses_feedback = true,
			       .drift_psi = 0.25,
			       .weighs_waiting = true};
}

static struct signal full_signal(void)
{
	return (struct signal){
	    .now_s = 1700010000,
	    .has_champion = true,
	    .reference_k = 790,
	    .reference_n = 1000,
	    .rows = 5000,
	    .look = 3,
	    .window_k = {3000, 1400},
	    .window_n = {4000, 2000},
	    .feedback = {2, 70, 100},
	    .drift = {"ps_ind_01", 0.5, 0.125},
	    .need = {NEED_WAITING, 1700000000, 1700600000, 1700010001, 2, false},
	    .unreachable = "it answered 503",
	    .failed = true,
	    .rows_since_failed = 7,
	    .refused = true,
	    .rows_since_refused = 8,
	    .answered = true,
	    .reading = {.known = true,
			.gco2_per_kwh = 224.25,
			.start_s = 1700006400,
			.age_s = 3600,
			.estimated = true,
			.source = "a/b/c/d"},
	    .history = points,
	    .history_count = 3,
	    .forecast = issue,
	    .forecast_count = 2,
	    .duration_s = 1200,
	    .retrain_kwh = 0.5,
	    .open_tick_kwh = 0.25,
	    .idle_tick_kwh = 0.125,
	    .spent_g = 3.5,
	};
}

/* Written, read and written again: the same text. */
static void same_again(const struct policy *policy, const struct signal *signal)
{
	char *json = inputs_json(policy, signal), *again;
	struct inputs inputs;
	struct fail fail = {0};

	assert_true(inputs_read(json, &inputs, &fail));
	again = inputs_json(&inputs.policy, &inputs.signal);
	assert_string_equal(json, again);
	free(json);
	free(again);
	inputs_release(&inputs);
}

static void all_that_is_known(void **state UNUSED)
{
	struct policy policy = full_policy();
	struct signal signal = full_signal();

	same_again(&policy, &signal);
}

static void nothing_is_known(void **state UNUSED)
{
	struct policy policy = {.name = "now", .finish_within_s = INFINITY, .drift_psi = NAN, .estimate_only = true};
	struct signal signal = {.now_s = 1700010000,
				.reading = {.reason = "no token", .source = "a/b/c/d", .retry_at_s = 1700010600},
				.need = {.state = NEED_NONE, .latest_start_at_s = INFINITY},
				.duration_s = NAN,
				.retrain_kwh = NAN,
				.open_tick_kwh = NAN,
				.idle_tick_kwh = NAN};
	struct inputs inputs;
	struct fail fail = {0};
	char *json = inputs_json(&policy, &signal);

	same_again(&policy, &signal);
	assert_true(inputs_read(json, &inputs, &fail));
	assert_true(isinf(inputs.policy.finish_within_s) && isnan(inputs.policy.drift_psi));
	assert_false(inputs.signal.reading.known);
	assert_true(isnan(inputs.signal.duration_s));
	free(json);
	inputs_release(&inputs);
}

/* Every field of the full signal changes the text: none is forgotten. */
static void no_field_is_forgotten(void **state UNUSED)
{
	struct policy policy = full_policy();
	struct signal signal = full_signal();
	char *json = inputs_json(&policy, &signal), *other;

#define CHANGES(field, value)                                                                                          \
	signal = full_signal(), signal.field = (value), other = inputs_json(&policy, &signal);                         \
	assert_string_not_equal(json, other);                                                                          \
	free(other)
	CHANGES(now_s, 1700010900);
	CHANGES(has_champion, false);
	CHANGES(reference_k, 1);
	CHANGES(reference_n, 1001);
	CHANGES(rows, 1);
	CHANGES(look, 4);
	CHANGES(window_k[0], 1);
	CHANGES(window_n[1], 2001);
	CHANGES(feedback.k, 1);
	CHANGES(feedback.number, 1);
	CHANGES(drift.psi, 1);
	CHANGES(drift.psi_noise, 1);
	CHANGES(need.state, NEED_INTENDED);
	CHANGES(need.attempt, 3);
	CHANGES(need.not_before_s, 0);
	CHANGES(need.sent_at_once, true);
	CHANGES(rows_since_failed, 1);
	CHANGES(rows_since_refused, 1);
	CHANGES(answered, false);
	CHANGES(unreachable[0], 'I');
	CHANGES(reading.gco2_per_kwh, 1);
	CHANGES(reading.known, false);
	CHANGES(history_count, 1);
	CHANGES(forecast_count, 1);
	CHANGES(spent_g, 4);
	CHANGES(duration_s, NAN);
	CHANGES(retrain_kwh, 1);
	CHANGES(open_tick_kwh, 1);
	CHANGES(idle_tick_kwh, 1);
	free(json);
}

static void what_are_no_inputs(void **state UNUSED)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"policy\": {}}", "{\"policy\": {}, \"signal\": 1}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct inputs inputs;
		struct fail fail = {0};

		assert_false(inputs_read(bad[i], &inputs, &fail));
		assert_int_equal(fail.code, EXIT_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_that_is_known), cmocka_unit_test(nothing_is_known),
					   cmocka_unit_test(no_field_is_forgotten),
					   cmocka_unit_test(what_are_no_inputs)};

	return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
