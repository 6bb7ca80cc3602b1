#include "scheduler/rung.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/xalloc.h"

static const double ladder_percentile = 20;
static const double hour_s = 3600;

static int compare_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(double *values, size_t count, double p)
{
	double position = p / 100 * (double)(count - 1);
	size_t below = (size_t)position;

	qsort(values, count, sizeof(*values), compare_values);
	if (below + 1 >= count)
		return values[count - 1];
	return values[below] + (position - (double)below) * (values[below + 1] - values[below]);
}

/* The trailing readings of a need that fell due at that time: the percentile's target and the lowest of them. */
struct trailing {
	bool enough;
	long hours, span;      /* known hours of how many since the first one */
	double target, lowest; /* NAN without any */
};

static struct trailing trailing_readings(const struct signal *signal, double due_at_s, double p)
{
	double end = floor(due_at_s / hour_s) * hour_s, first = NAN, last_hour = NAN;
	struct trailing trailing = {.target = NAN, .lowest = NAN};
	double *values = xcalloc(signal->history_count + 1, sizeof(*values));
	size_t count = 0;

	for (size_t i = 0; i < signal->history_count; i++) {
		double start_s = signal->history[i].start_s, hour = floor(start_s / hour_s);

		if (start_s < end - HISTORY_HOURS * hour_s || start_s >= end)
			continue;
		if (count == 0)
			first = hour;
		if (count == 0 || hour > last_hour)
			trailing.hours++;
		last_hour = hour;
		trailing.lowest = fmin(trailing.lowest, signal->history[i].gco2_per_kwh);
		values[count++] = signal->history[i].gco2_per_kwh;
	}
	if (count > 0) {
		trailing.span = (long)(end / hour_s - first);
		trailing.target = percentile(values, count, p);
	}
	trailing.enough =
	    trailing.span >= HISTORY_MIN_HOURS && trailing.hours * 100 >= trailing.span * HISTORY_MIN_PERCENT;
	free(values);
	return trailing;
}

/* The rung that holds a number to compare the reading with. */
static void choose_rung(const struct policy *policy, const struct signal *signal, const struct trailing *trailing,
			double p, struct decision *decision)
{
	if (policy->start == START_FORECAST)
		decision_reason(decision, "no published forecast is known for %s: the next rung is the percentile",
				signal->reading.source);
	decision->rung = "threshold";
	decision->target_gco2_per_kwh = policy->threshold_gco2_per_kwh;
	if (policy->start == START_THRESHOLD)
		return;
	if (trailing->enough) {
		decision->rung = "percentile";
		decision->target_gco2_per_kwh = trailing->target;
		decision_reason(decision, "the %gth percentile of the last %ld known hours is %.5g g/kWh", p,
				trailing->hours, trailing->target);
		return;
	}
	decision_reason(decision,
			"%ld hours of the last %ld are known, the percentile wants %d %% of at least %d: the next rung "
			"is the threshold",
			trailing->hours, trailing->span, (int)HISTORY_MIN_PERCENT, (int)HISTORY_MIN_HOURS);
}

/* Compares the grams of the ticks until the deadline with the most that waiting can still save. Says no while a part of
 * it is unknown: a comparison with NAN is false. */
static bool not_worth_waiting(const struct policy *policy, const struct signal *signal, const struct trailing *trailing,
			      struct decision *decision)
{
	double reading = signal->reading.gco2_per_kwh, lowest = isnan(trailing->lowest) ? 0 : trailing->lowest;
	double ticks = ceil((decision->latest_start_at_s - signal->now_s) / policy->tick_s);
	double more_kwh = signal->open_tick_kwh - signal->idle_tick_kwh;
	double cost_g = ticks * more_kwh * reading, saving_g = signal->retrain_kwh * fmax(0, reading - lowest);

	if (!policy->weighs_waiting || isinf(ticks) || !(saving_g < cost_g))
		return false;
	decision->rule = "not_worth_waiting";
	decision_reason(decision, "%.0f more ticks would cost %.2g g, and waiting can save %.2g g at most", ticks,
			cost_g, saving_g);
	return true;
}

static bool saving_too_small(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	double reading = signal->reading.gco2_per_kwh;
	double saving = reading > 0 ? (reading - decision->target_gco2_per_kwh) / reading : 0;

	if (saving >= policy->min_saving)
		return false;
	decision->rule = "saving_too_small";
	decision_reason(decision, "waiting is expected to save %.1f %%, less than the %.1f %% asked for", 100 * saving,
			100 * policy->min_saving);
	return true;
}

static void start(const struct signal *signal, struct decision *decision)
{
	decision->verdict = VERDICT_TRAIN;
	decision->start_at_s = signal->now_s;
}

static void tell_latest(struct decision *decision)
{
	char text[CLOCK_TEXT_SIZE];

	if (isinf(decision->latest_start_at_s))
		decision_reason(decision, "there is no deadline");
	else
		decision_reason(decision, "it starts at %s at the latest",
				clock_format(decision->latest_start_at_s, text));
}

static void compare_reading(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	double p = policy->start == START_PERCENTILE ? policy->percentile : ladder_percentile;
	struct trailing trailing = trailing_readings(signal, decision->due_at_s, p);
	double reading = signal->reading.gco2_per_kwh;

	choose_rung(policy, signal, &trailing, p, decision);
	decision_reason(decision, "grid %.5g g/kWh now (%s), %s %.5g", reading, signal->reading.source,
			reading < decision->target_gco2_per_kwh ? "below" : "not below", decision->target_gco2_per_kwh);
	if (reading < decision->target_gco2_per_kwh || saving_too_small(policy, signal, decision) ||
	    not_worth_waiting(policy, signal, &trailing, decision)) {
		start(signal, decision);
		return;
	}
	decision->verdict = VERDICT_WAIT;
	tell_latest(decision);
}

void rung_decide(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	if (policy->start == START_NOW) {
		decision->rung = "now";
		decision_reason(decision, "policy now does not wait");
		start(signal, decision);
	} else if (signal->now_s + policy->tick_s > decision->latest_start_at_s) {
		decision->rung = "deadline";
		decision_reason(decision, "the next tick would come after the deadline");
		start(signal, decision);
		if (signal->reading.known)
			decision_reason(decision, "grid %.5g g/kWh now (%s)", signal->reading.gco2_per_kwh,
					signal->reading.source);
	} else if (!signal->reading.known) {
		decision->rung = "deadline";
		decision->verdict = VERDICT_WAIT;
		decision->start_at_s = isinf(decision->latest_start_at_s) ? NAN : decision->latest_start_at_s;
		decision_reason(decision, "no reading: %s", signal->reading.reason);
		tell_latest(decision);
	} else {
		compare_reading(policy, signal, decision);
	}
}
