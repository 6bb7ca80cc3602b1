#include "scheduler/report.h"

#include <jansson.h>
#include <math.h>

#include "common/clock.h"
#include "common/output.h"

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_json(double at_s)
{
	char text[CLOCK_TEXT_SIZE];

	return isfinite(at_s) ? json_string(clock_format(at_s, text)) : json_null();
}

static json_t *text_json(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *id_json(int64_t id)
{
	return id ? json_integer(id) : json_null();
}

static void put_drop(json_t *json, const struct tick *tick)
{
	const struct decision *decision = &tick->decision;

	json_object_set_new(json, "drop", number_json(decision->drop));
	json_object_set_new(json, "drop_ci_low", number_json(decision->low));
	json_object_set_new(json, "drop_ci_high", number_json(decision->high));
	json_object_set_new(json, "window", text_json(decision->window < 0 ? NULL : window_name(decision->window)));
	json_object_set_new(json, "accuracy_reference", number_json(decision->accuracy_reference));
	json_object_set_new(json, "accuracy_new", number_json(decision->accuracy_new));
	json_object_set_new(json, "rows_evidence", json_integer(tick->evidence.rows));
	json_object_set_new(json, "look", id_json(tick->evidence.look));
	json_object_set_new(json, "champion_model_id", id_json(tick->evidence.champion.model_id));
}

static void put_reading(json_t *json, const struct reading *reading)
{
	json_object_set_new(json, "reading_gco2_per_kwh", number_json(reading->known ? reading->gco2_per_kwh : NAN));
	json_object_set_new(json, "reading_age_s", number_json(reading->known ? reading->age_s : NAN));
	json_object_set_new(json, "source", text_json(reading->source));
	json_object_set_new(json, "no_reading", text_json(reading->known ? NULL : reading->reason));
}

static char *report_json(const struct tick *tick)
{
	const struct decision *decision = &tick->decision;
	json_t *json = json_object(), *reasons = json_array();
	char *text;

	for (int i = 0; i < decision->reason_count; i++)
		json_array_append_new(reasons, json_string(decision->reasons[i]));
	json_object_set_new(json, "decision_id", id_json(tick->decision_id));
	json_object_set_new(json, "at", time_json(tick->signal.now_s));
	json_object_set_new(json, "pipeline", json_string(tick->spec->name));
	json_object_set_new(json, "verdict", json_string(verdict_name(decision->verdict)));
	json_object_set_new(json, "start_at", time_json(decision->start_at_s));
	json_object_set_new(json, "due_at", time_json(decision->due_at_s));
	json_object_set_new(json, "latest_start_at", time_json(decision->latest_start_at_s));
	json_object_set_new(json, "rule", json_string(decision->rule));
	json_object_set_new(json, "reasons", reasons);
	put_drop(json, tick);
	put_reading(json, &tick->signal.reading);
	json_object_set_new(json, "policy", json_string(tick->policy.name));
	json_object_set_new(json, "rung", text_json(decision->rung));
	json_object_set_new(json, "retrain_id", id_json(tick->retrain_id));
	json_object_set_new(json, "workflow", text_json(tick->workflow));
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(json);
	return text;
}

static void report_text(const struct tick *tick, struct text *text)
{
	static const char *const words[] = {"SKIP", "WAIT", "TRAIN", "BLOCKED"};
	const struct decision *decision = &tick->decision;
	char at[CLOCK_TEXT_SIZE];

	text_printf(text, "%s: %s", tick->spec->name, words[decision->verdict]);
	if (decision->verdict == VERDICT_WAIT && isfinite(decision->start_at_s))
		text_printf(text, " until %s", clock_format(decision->start_at_s, at));
	else if (decision->verdict == VERDICT_WAIT && isfinite(decision->latest_start_at_s))
		text_printf(text, ", until %s at the latest", clock_format(decision->latest_start_at_s, at));
	else if (decision->verdict == VERDICT_TRAIN)
		text_puts(text, " now");
	text_printf(text, " (%s%s%s)", decision->rule, decision->rung ? ", rung " : "",
		    decision->rung ? decision->rung : "");
	for (int i = 0; i < decision->reason_count; i++)
		text_printf(text, "%s%s", i ? "; " : ": ", decision->reasons[i]);
	text_puts(text, "\n");
}

void report_print(const struct tick *tick, bool as_json)
{
	char *json = report_json(tick);
	struct text text;

	text_init(&text, 1 << 16);
	report_text(tick, &text);
	if (as_json)
		puts(json);
	else
		fputs(text.data, stdout);
	fflush(stdout);
	text_release(&text);
	free(json);
}

void outputs_init(struct outputs *outputs)
{
	text_init(&outputs->decision_id, 1 << 20);
	text_init(&outputs->verdict, 1 << 20);
	text_init(&outputs->workflow, 1 << 20);
}

void outputs_add(struct outputs *outputs, const struct tick *tick)
{
	const char *comma = outputs->verdict.size ? "," : "";

	text_printf(&outputs->decision_id, "%s%lld", comma, (long long)tick->decision_id);
	text_printf(&outputs->verdict, "%s%s", comma, verdict_name(tick->decision.verdict));
	text_printf(&outputs->workflow, "%s%s", comma, tick->workflow);
}

bool outputs_write(struct outputs *outputs, struct fail *fail)
{
	return output_write(fail, "decision_id", "%s", outputs->decision_id.data) &&
	       output_write(fail, "verdict", "%s", outputs->verdict.data) &&
	       output_write(fail, "workflow", "%s", outputs->workflow.data);
}

void outputs_release(struct outputs *outputs)
{
	text_release(&outputs->decision_id);
	text_release(&outputs->verdict);
	text_release(&outputs->workflow);
}
