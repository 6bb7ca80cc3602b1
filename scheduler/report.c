#include "scheduler/report.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

#include "common/clock.h"
#include "common/output.h"

static const char *const verdict_words[] = {"SKIP", "WAIT", "TRAIN", "BLOCKED"};

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
	const struct decision *decision = &tick->decision;
	char at[CLOCK_TEXT_SIZE];

	text_printf(text, "%s: %s", tick->spec->name, verdict_words[decision->verdict]);
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

const char *short_time(double at_s, double now_s, char text[SHORT_TIME_SIZE])
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	time_t seconds = (time_t)floor(at_s);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (fabs(at_s - now_s) < 86400)
		snprintf(text, SHORT_TIME_SIZE, "%02d:%02d", tm.tm_hour, tm.tm_min);
	else if (fabs(at_s - now_s) < 6.5 * 86400)
		snprintf(text, SHORT_TIME_SIZE, "%s %02d:%02d", days[tm.tm_wday], tm.tm_hour, tm.tm_min);
	else
		strftime(text, SHORT_TIME_SIZE, "%Y-%m-%d %H:%M", &tm);
	return text;
}

static void tell_accuracy(const struct tick *tick, struct text *text)
{
	const struct decision *decision = &tick->decision;

	if (!tick->signal.has_champion)
		text_printf(text, "no model serves, %lld rows can be trained on", (long long)tick->signal.rows);
	else if (isnan(decision->drop))
		text_printf(text, "%lld rows since the training", (long long)tick->signal.rows);
	else
		text_printf(text, "accuracy %.1f %% -> %.1f %% (drop %.1f points, %.1f..%.1f by look %d)",
			    100 * decision->accuracy_reference, 100 * decision->accuracy_new, 100 * decision->drop,
			    100 * decision->low, 100 * decision->high, tick->signal.look);
}

/* The grid now, what is waited for, and until when. */
static void tell_start(const struct tick *tick, struct text *text)
{
	const struct decision *decision = &tick->decision;
	double now_s = tick->signal.now_s, reading = tick->signal.reading.gco2_per_kwh;
	bool known = tick->signal.reading.known, waits = decision->verdict == VERDICT_WAIT;
	char at[SHORT_TIME_SIZE];

	if (known)
		text_printf(text, ", grid %.0f now", reading);
	else
		text_puts(text, ", no reading of the grid");
	if (waits && isfinite(decision->target_gco2_per_kwh)) {
		double target = decision->target_gco2_per_kwh;

		if (isfinite(decision->start_at_s))
			text_printf(text, ", %.0f g/kWh expected at %s", target,
				    short_time(decision->start_at_s, now_s, at));
		else
			text_printf(text, ", waits for less than %.0f g/kWh", target);
		if (known && reading > 0)
			text_printf(text, ", saves %.0f %%", 100 * (reading - target) / reading);
	}
	if (waits && isfinite(decision->latest_start_at_s) && decision->rung)
		text_printf(text, ", must start by %s", short_time(decision->latest_start_at_s, now_s, at));
}

void report_explain_text(const struct tick *tick, struct text *text)
{
	const struct decision *decision = &tick->decision;
	char at[SHORT_TIME_SIZE];

	text_printf(text, "%s: %s", tick->spec->name, verdict_words[decision->verdict]);
	if (decision->verdict == VERDICT_TRAIN)
		text_puts(text, " now");
	else if (decision->verdict == VERDICT_WAIT && isfinite(decision->start_at_s))
		text_printf(text, " until %s", short_time(decision->start_at_s, tick->signal.now_s, at));
	text_puts(text, ": ");
	tell_accuracy(tick, text);
	tell_start(tick, text);
	text_printf(text, "\n  %s, policy %s%s%s\n", decision->rule, tick->policy.name, decision->rung ? ", rung " : "",
		    decision->rung ? decision->rung : "");
	for (int i = 0; i < decision->reason_count; i++)
		text_printf(text, "  - %s\n", decision->reasons[i]);
}

static void print_either(const struct tick *tick, bool as_json, void (*write)(const struct tick *, struct text *))
{
	char *json = as_json ? report_json(tick) : NULL;
	struct text text;

	text_init(&text, 1 << 16);
	write(tick, &text);
	if (json)
		puts(json);
	else
		fputs(text.data, stdout);
	fflush(stdout);
	text_release(&text);
	free(json);
}

void report_print(const struct tick *tick, bool as_json)
{
	print_either(tick, as_json, report_text);
}

void report_explain(const struct tick *tick, bool as_json)
{
	print_either(tick, as_json, report_explain_text);
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
