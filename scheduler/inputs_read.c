/* The way back from decision.inputs (inputs.h). */

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/inputs.h"

static double number(const json_t *object, const char *key, double otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

static int64_t whole(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static double moment(const json_t *object, const char *key, double otherwise)
{
	double at_s;

	return clock_parse(text(object, key), &at_s) ? at_s : otherwise;
}

/* "k/n" */
static void share(const json_t *object, const char *key, int64_t *k, int64_t *n)
{
	const char *value = text(object, key);
	char *end;

	*k = strtoll(value, &end, 10);
	*n = *end == '/' ? strtoll(end + 1, NULL, 10) : 0;
}

static void read_policy(const json_t *json, struct policy *policy)
{
	*policy = (struct policy){
	    .threshold_gco2_per_kwh = number(json, "threshold_gco2_per_kwh", NAN),
	    .low_accuracy_decrease = number(json, "low_accuracy_decrease", NAN),
	    .max_accuracy_decrease = number(json, "max_accuracy_decrease", NAN),
	    .min_rows = whole(json, "min_rows"),
	    .min_new_rows = whole(json, "min_new_rows"),
	    .finish_within_s = number(json, "finish_within_s", INFINITY),
	    .min_saving = number(json, "min_saving", 0),
	    .budget_g = number(json, "budget_g", 0),
	    .tick_s = number(json, "tick_s", 900),
	    .uses_feedback = flag(json, "uses_feedback"),
	    .drift_psi = number(json, "drift_psi", NAN),
	    .estimate_only = flag(json, "estimate_only"),
	    .weighs_waiting = flag(json, "weighs_waiting"),
	};
	snprintf(policy->name, sizeof(policy->name), "%s", text(json, "name"));
}

static void read_need(const json_t *json, struct need *need)
{
	*need = (struct need){.due_at_s = moment(json, "due_at", NAN),
			      .latest_start_at_s = moment(json, "latest_start_at", INFINITY),
			      .not_before_s = moment(json, "not_before", 0),
			      .attempt = (int)whole(json, "attempt"),
			      .sent_at_once = flag(json, "sent_at_once")};
	for (enum need_state state = NEED_NONE; state <= NEED_ACCEPTED; state++)
		if (strcmp(text(json, "state"), need_state_name(state)) == 0)
			need->state = state;
}

static void read_reading(const json_t *json, struct reading *reading)
{
	*reading = (struct reading){.known = json_is_number(json_object_get(json, "reading")),
				    .gco2_per_kwh = number(json, "reading", 0),
				    .start_s = moment(json, "reading_start", 0),
				    .age_s = number(json, "reading_age_s", 0),
				    .estimated = flag(json, "reading_estimated"),
				    .retry_at_s = moment(json, "retry_at", 0)};
	snprintf(reading->source, sizeof(reading->source), "%s", text(json, "source"));
	snprintf(reading->reason, sizeof(reading->reason), "%s", text(json, "no_reading"));
}

static struct carbon_point *read_points(const json_t *list, size_t *count)
{
	struct carbon_point *points = xcalloc(json_array_size(list) + 1, sizeof(*points));

	*count = json_array_size(list);
	for (size_t i = 0; i < *count; i++)
		points[i] = (struct carbon_point){json_number_value(json_array_get(json_array_get(list, i), 0)),
						  json_number_value(json_array_get(json_array_get(list, i), 1))};
	return points;
}

static struct forecast_point *read_forecast(const json_t *list, size_t *count)
{
	struct forecast_point *points = xcalloc(json_array_size(list) + 1, sizeof(*points));

	*count = json_array_size(list);
	for (size_t i = 0; i < *count; i++) {
		const json_t *point = json_array_get(list, i);

		points[i] = (struct forecast_point){json_number_value(json_array_get(point, 0)),
						    json_number_value(json_array_get(point, 1)),
						    json_number_value(json_array_get(point, 2))};
	}
	return points;
}

static void read_evidence(const json_t *json, struct signal *signal)
{
	signal->has_champion = flag(json, "has_champion");
	signal->rows = whole(json, "rows");
	signal->look = (int)whole(json, "look");
	share(json, "reference", &signal->reference_k, &signal->reference_n);
	share(json, "all", &signal->window_k[WINDOW_ALL], &signal->window_n[WINDOW_ALL]);
	share(json, "recent", &signal->window_k[WINDOW_RECENT], &signal->window_n[WINDOW_RECENT]);
	share(json, "feedback", &signal->feedback.k, &signal->feedback.n);
	signal->feedback.number = (int)whole(json, "feedback_number");
	snprintf(signal->drift.column, sizeof(signal->drift.column), "%s", text(json, "drift_column"));
	signal->drift.psi = number(json, "drift_psi", 0);
	signal->drift.psi_noise = number(json, "drift_psi_noise", 0);
	signal->failed = json_object_get(json, "rows_since_failed");
	signal->rows_since_failed = whole(json, "rows_since_failed");
	signal->refused = json_object_get(json, "rows_since_refused");
	signal->rows_since_refused = whole(json, "rows_since_refused");
	signal->answered = flag(json, "answered");
	snprintf(signal->unreachable, sizeof(signal->unreachable), "%s", text(json, "unreachable"));
}

bool inputs_read(const char *json, struct inputs *inputs, struct fail *fail)
{
	json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const json_t *policy = json_object_get(root, "policy"), *signal = json_object_get(root, "signal");
	bool good = json_is_object(policy) && json_is_object(signal);

	*inputs = (struct inputs){.history = NULL};
	if (good) {
		read_policy(policy, &inputs->policy);
		read_evidence(signal, &inputs->signal);
		read_reading(signal, &inputs->signal.reading);
		read_need(json_object_get(signal, "need"), &inputs->signal.need);
		inputs->history = read_points(json_object_get(signal, "history"), &inputs->signal.history_count);
		inputs->forecast = read_forecast(json_object_get(signal, "forecast"), &inputs->signal.forecast_count);
		inputs->signal.history = inputs->history;
		inputs->signal.forecast = inputs->forecast;
		inputs->signal.now_s = moment(signal, "now", NAN);
		inputs->signal.duration_s = number(signal, "duration_s", NAN);
		inputs->signal.retrain_kwh = number(signal, "retrain_kwh", NAN);
		inputs->signal.open_tick_kwh = number(signal, "open_tick_kwh", NAN);
		inputs->signal.idle_tick_kwh = number(signal, "idle_tick_kwh", NAN);
		inputs->signal.spent_g = number(signal, "spent_g", 0);
	}
	json_decref(root);
	return good || fail_set(fail, EXIT_FAILED, "the inputs of a decision are not {\"policy\", \"signal\"}");
}

void inputs_release(struct inputs *inputs)
{
	free(inputs->history);
	free(inputs->forecast);
	*inputs = (struct inputs){.history = NULL};
}
