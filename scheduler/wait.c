#include "scheduler/wait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/rung.h"
#include "scheduler/trailing.h"

bool gate_parse_span(const char *text, double *span_s)
{
	static const struct {
		char unit;
		double s;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t size = strlen(text);
	char *number = size ? xstrndup(text, size - 1) : NULL;
	bool good = false;

	for (size_t i = 0; number && i < sizeof(units) / sizeof(*units); i++)
		if (text[size - 1] == units[i].unit && number_double(number, span_s) && *span_s >= 0 &&
		    *span_s <= 1e7) {
			*span_s *= units[i].s;
			good = true;
			break;
		}
	free(number);
	return good;
}

bool gate_parse_moment(const char *text, double now_s, double *at_s)
{
	double span_s;

	if (gate_parse_span(text, &span_s)) {
		*at_s = now_s + span_s;
		return true;
	}
	return clock_parse(text, at_s);
}

/* A decision of a need that fell due when the waiting began. */
static struct decision decide_gate(const struct gate *gate, const struct signal *signal)
{
	struct decision decision = {
	    .window = -1,
	    .rule = "wait",
	    .drop = NAN,
	    .low = NAN,
	    .high = NAN,
	    .accuracy_reference = NAN,
	    .accuracy_new = NAN,
	    .start_at_s = NAN,
	    .due_at_s = gate->since_s,
	    .latest_start_at_s = gate->latest_start_at_s,
	    .target_gco2_per_kwh = NAN,
	};

	rung_decide(&gate->policy, signal, &decision);
	return decision;
}

bool gate_look(struct gate *gate, double now_s, struct fail *fail)
{
	double from_s = gate->since_s - (TRAILING_HOURS + 24) * 3600.0;
	struct signal signal = {.now_s = now_s,
				.duration_s = gate->duration_s,
				.retrain_kwh = NAN,
				.open_tick_kwh = NAN,
				.idle_tick_kwh = NAN};
	struct carbon_point *history = NULL;
	struct forecast_point *forecast = NULL;
	bool done;

	done =
	    carbon_read(gate->source, NULL, now_s, false, &signal.reading, fail) &&
	    carbon_history(gate->source, NULL, from_s, now_s + 1, &history, &signal.history_count, fail) &&
	    carbon_forecast(gate->source, NULL, from_s, gate->since_s, now_s, &forecast, &signal.forecast_count, fail);
	signal.history = history;
	signal.forecast = forecast;
	if (done) {
		gate->decision = decide_gate(gate, &signal);
		gate->reading = signal.reading;
		gate->opens = gate->decision.verdict == VERDICT_TRAIN;
		gate->next_s = fmax(now_s + 1, fmin(now_s + gate->tick_s, gate->latest_start_at_s));
		if (signal.reading.retry_at_s > gate->next_s)
			gate->next_s = fmin(signal.reading.retry_at_s, fmax(now_s + 1, gate->latest_start_at_s));
	}
	free(history);
	free(forecast);
	return done;
}
