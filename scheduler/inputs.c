#include "scheduler/inputs.h"

#include <jansson.h>
#include <math.h>

#include "common/clock.h"
#include "common/xalloc.h"

static void put_number(json_t *object, const char *key, double value)
{
	if (isfinite(value))
		json_object_set_new(object, key, json_real(value));
}

static void put_time(json_t *object, const char *key, double at_s)
{
	char text[CLOCK_TEXT_SIZE];

	if (isfinite(at_s) && at_s > 0)
		json_object_set_new(object, key, json_string(clock_format(at_s, text)));
}

static void put_share(json_t *object, const char *key, int64_t k, int64_t n)
{
	char text[48];

	snprintf(text, sizeof(text), "%lld/%lld", (long long)k, (long long)n);
	json_object_set_new(object, key, json_string(text));
}

static json_t *policy_json(const struct policy *policy)
{
	json_t *json = json_pack("{s:s, s:I, s:I, s:b, s:b}", "name", policy->name, "min_rows",
				 (json_int_t)policy->min_rows, "min_new_rows", (json_int_t)policy->min_new_rows,
				 "estimate_only", policy->estimate_only, "weighs_waiting", policy->weighs_waiting);

	put_number(json, "threshold_gco2_per_kwh", policy->threshold_gco2_per_kwh);
	put_number(json, "low_accuracy_decrease", policy->low_accuracy_decrease);
	put_number(json, "max_accuracy_decrease", policy->max_accuracy_decrease);
	put_number(json, "finish_within_s", policy->finish_within_s);
	put_number(json, "min_saving", policy->min_saving);
	put_number(json, "tick_s", policy->tick_s);
	put_number(json, "budget_g", policy->budget_g);
	put_number(json, "drift_psi", policy->drift_psi);
	json_object_set_new(json, "uses_feedback", json_boolean(policy->uses_feedback));
	return json;
}

static json_t *need_json(const struct need *need)
{
	json_t *json = json_pack("{s:s, s:i, s:b}", "state", need_state_name(need->state), "attempt", need->attempt,
				 "sent_at_once", need->sent_at_once);

	put_time(json, "due_at", need->due_at_s);
	put_time(json, "latest_start_at", need->latest_start_at_s);
	put_time(json, "not_before", need->not_before_s);
	return json;
}

static void put_reading(json_t *json, const struct reading *reading)
{
	json_object_set_new(json, "source", json_string(reading->source));
	put_time(json, "retry_at", reading->retry_at_s);
	if (!reading->known) {
		json_object_set_new(json, "no_reading", json_string(reading->reason));
		return;
	}
	put_number(json, "reading", reading->gco2_per_kwh);
	put_time(json, "reading_start", reading->start_s);
	put_number(json, "reading_age_s", reading->age_s);
	json_object_set_new(json, "reading_estimated", json_boolean(reading->estimated));
}

static void put_points(json_t *json, const char *key, const struct carbon_point *points, size_t count)
{
	json_t *list;

	if (count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("[f, f]", points[i].start_s, points[i].gco2_per_kwh));
	json_object_set_new(json, key, list);
}

/* [issued, start, gCO2/kWh] each. */
static void put_forecast(json_t *json, const struct forecast_point *points, size_t count)
{
	json_t *list;

	if (count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
		    list, json_pack("[f, f, f]", points[i].issued_s, points[i].start_s, points[i].gco2_per_kwh));
	json_object_set_new(json, "forecast", list);
}

static json_t *signal_json(const struct signal *signal)
{
	json_t *json = json_pack("{s:b, s:I, s:i, s:b}", "has_champion", signal->has_champion, "rows",
				 (json_int_t)signal->rows, "look", signal->look, "answered", signal->answered);

	put_time(json, "now", signal->now_s);
	put_share(json, "reference", signal->reference_k, signal->reference_n);
	put_share(json, "all", signal->window_k[WINDOW_ALL], signal->window_n[WINDOW_ALL]);
	put_share(json, "recent", signal->window_k[WINDOW_RECENT], signal->window_n[WINDOW_RECENT]);
	if (signal->feedback.n > 0) {
		put_share(json, "feedback", signal->feedback.k, signal->feedback.n);
		json_object_set_new(json, "feedback_number", json_integer(signal->feedback.number));
	}
	if (*signal->drift.column) {
		json_object_set_new(json, "drift_column", json_string(signal->drift.column));
		put_number(json, "drift_psi", signal->drift.psi);
		put_number(json, "drift_psi_noise", signal->drift.psi_noise);
	}
	if (signal->need.state != NEED_NONE)
		json_object_set_new(json, "need", need_json(&signal->need));
	if (*signal->unreachable)
		json_object_set_new(json, "unreachable", json_string(signal->unreachable));
	if (signal->failed)
		json_object_set_new(json, "rows_since_failed", json_integer(signal->rows_since_failed));
	if (signal->refused)
		json_object_set_new(json, "rows_since_refused", json_integer(signal->rows_since_refused));
	put_reading(json, &signal->reading);
	put_points(json, "history", signal->history, signal->history_count);
	put_forecast(json, signal->forecast, signal->forecast_count);
	put_number(json, "duration_s", signal->duration_s);
	put_number(json, "retrain_kwh", signal->retrain_kwh);
	put_number(json, "open_tick_kwh", signal->open_tick_kwh);
	put_number(json, "idle_tick_kwh", signal->idle_tick_kwh);
	put_number(json, "spent_g", signal->spent_g);
	return json;
}

char *inputs_json(const struct policy *policy, const struct signal *signal)
{
	json_t *json = json_pack("{s:o, s:o}", "policy", policy_json(policy), "signal", signal_json(signal));
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(json);
	return text;
}
