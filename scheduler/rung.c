#include "scheduler/rung.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/trailing.h"

static const double ladder_percentile = 20;
static const double farthest_s = 31 * 86400.0; /* no start is planned farther ahead */

/* What one decision is made with. */
struct grounds {
	const struct policy *policy;
	const struct signal *signal;
	struct outlook outlook;
	double due_at_s;
	struct job job;
	struct rule rule;
	struct trailing trailing; /* before the need fell due */
};

/* ------------------------------------------------------------------ what is known */

/* The history and the reading as one row of points; the reading is that of the whole slot it falls in. */
static struct carbon_point *all_points(const struct signal *signal, double slot_s, size_t *count)
{
	struct carbon_point *points = xcalloc(signal->history_count + 1, sizeof(*points));
	double start_s = floor((signal->now_s - signal->reading.age_s) / slot_s) * slot_s;

	*count = signal->history_count;
	if (*count > 0)
		memcpy(points, signal->history, *count * sizeof(*points));
	if (!signal->reading.known)
		return points;
	while (*count > 0 && points[*count - 1].start_s >= start_s)
		(*count)--;
	points[(*count)++] = (struct carbon_point){start_s, signal->reading.gco2_per_kwh};
	return points;
}

static void open_grounds(struct grounds *grounds, const struct decision *decision)
{
	const struct signal *signal = grounds->signal;
	struct outlook *outlook = &grounds->outlook;
	double latest_s = fmin(decision->latest_start_at_s, signal->now_s + farthest_s);
	double slot_s =
	    outlook_slot_s(signal->history, signal->history_count, signal->forecast, signal->forecast_count);
	size_t count;
	struct carbon_point *points = all_points(signal, slot_s, &count);

	outlook_init(outlook, slot_s, 0);
	outlook_readings(outlook, points, count, signal->now_s + 1, 1);
	outlook_forecasts(outlook, signal->forecast, signal->forecast_count);
	if (signal->reading.known)
		outlook->lag =
		    (long)(floor(signal->now_s / slot_s) - floor((signal->now_s - signal->reading.age_s) / slot_s));
	grounds->due_at_s = decision->due_at_s;
	grounds->job =
	    (struct job){.due = (long)floor(decision->due_at_s / slot_s), .latest = (long)floor(latest_s / slot_s)};
	free(points);
}

static double job_slots(const struct grounds *grounds)
{
	double slots = grounds->signal->duration_s / grounds->outlook.slot_s;

	return slots > 1 ? slots : 1; /* shorter ones, and one that is not known, cost what their slot costs */
}

static void look(struct grounds *grounds, double at_s)
{
	long now = (long)floor(at_s / grounds->outlook.slot_s);

	outlook_at(&grounds->outlook, at_s, grounds->job.latest - now + (long)ceil(job_slots(grounds)) + 1);
}

/* ------------------------------------------------------------------ the ladder */

static bool last_day_is_known(const struct outlook *outlook)
{
	long known = 0;

	for (long i = 1; i <= outlook->day; i++)
		known += !isnan(outlook_reading(outlook, outlook->now - i));
	return known * 100 >= outlook->day * TRAILING_LEAST_PERCENT;
}

static bool take_forecast(struct grounds *grounds, struct decision *decision)
{
	enum start_policy start = grounds->policy->start;

	if (start != START_FORECAST && start != START_PUBLISHED)
		return false;
	if (grounds->outlook.published == 0) {
		decision_reason(decision, "no published forecast is known for %s: the next rung is what is stored",
				grounds->signal->reading.source);
		return false;
	}
	if (!grounds->signal->reading.known)
		decision_reason(decision, "no reading: %s; the published forecast is used, uncorrected",
				grounds->signal->reading.reason);
	grounds->rule = grounds->policy->rule;
	return true;
}

static bool take_history(struct grounds *grounds, struct decision *decision)
{
	enum start_policy start = grounds->policy->start;

	if (start < START_FORECAST || !grounds->signal->reading.known)
		return false;
	if (!last_day_is_known(&grounds->outlook)) {
		decision_reason(decision,
				"less than %d %% of the last day's readings are known: the next rung is the percentile",
				(int)TRAILING_LEAST_PERCENT);
		return false;
	}
	grounds->rule = start == START_PUBLISHED ? rule_of("forecast", NAN) : grounds->policy->rule;
	return true;
}

static bool take_percentile(struct grounds *grounds, struct decision *decision)
{
	const struct trailing *trailing = &grounds->trailing;
	double p = grounds->policy->start == START_PERCENTILE ? grounds->policy->percentile : ladder_percentile;

	if (grounds->policy->start < START_PERCENTILE || !grounds->signal->reading.known)
		return false;
	if (!trailing->enough) {
		decision_reason(decision,
				"%.0f hours of the last %.0f are known, the percentile wants %d %% of at least %d: the "
				"next rung is the threshold",
				trailing->known_h, trailing->span_h, (int)TRAILING_LEAST_PERCENT,
				(int)TRAILING_LEAST_HOURS);
		return false;
	}
	grounds->rule = rule_of("percentile", p);
	decision_reason(decision, "the %gth percentile of the last %.0f known hours is %.5g g/kWh", p,
			trailing->known_h, trailing_percentile(&grounds->outlook, grounds->job.due, p));
	return true;
}

static bool take_threshold(struct grounds *grounds, struct decision *decision UNUSED)
{
	grounds->rule = rule_of("threshold", grounds->policy->threshold_gco2_per_kwh);
	return grounds->signal->reading.known;
}

static const struct {
	const char *name;
	bool (*take)(struct grounds *grounds, struct decision *decision);
} rungs[] = {
    {"forecast", take_forecast},
    {"history", take_history},
    {"percentile", take_percentile},
    {"threshold", take_threshold},
};

static bool climb(struct grounds *grounds, struct decision *decision)
{
	for (size_t i = 0; i < sizeof(rungs) / sizeof(*rungs); i++) {
		if (!rungs[i].take(grounds, decision))
			continue;
		decision->rung = rungs[i].name;
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ reasons to start although better may come */

/* Compares the grams of the ticks until the deadline with the most that waiting can still save. Says no while a part of
 * it is unknown: a comparison with NAN is false. */
static bool not_worth_waiting(const struct grounds *grounds, struct decision *decision)
{
	const struct policy *policy = grounds->policy;
	const struct signal *signal = grounds->signal;
	double reading = signal->reading.known ? signal->reading.gco2_per_kwh : NAN;
	double lowest = isnan(grounds->trailing.lowest) ? 0 : grounds->trailing.lowest;
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

static bool saving_too_small(const struct grounds *grounds, double now, double expected, struct decision *decision)
{
	double saving = now > 0 ? (now - expected) / now : 0;

	if (isnan(saving) || saving >= grounds->policy->min_saving)
		return false;
	decision->rule = "saving_too_small";
	decision_reason(decision, "waiting is expected to save %.1f %%, less than the %.1f %% asked for", 100 * saving,
			100 * grounds->policy->min_saving);
	return true;
}

/* ------------------------------------------------------------------ verdicts */

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

/* The month's grams are spent: put off to the next month, or the deadline. The first training of a month always may. */
static bool over_budget(const struct policy *policy, const struct signal *signal, double now, struct decision *decision)
{
	double grams = isnan(signal->retrain_kwh) || isnan(now) ? 0 : signal->retrain_kwh * now;
	time_t at = (time_t)signal->now_s;
	struct tm month;

	if (policy->budget_g <= 0 || !(signal->spent_g > 0) || signal->spent_g + grams <= policy->budget_g)
		return false;
	gmtime_r(&at, &month);
	month = (struct tm){.tm_year = month.tm_year, .tm_mon = month.tm_mon + 1, .tm_mday = 1};
	decision->verdict = VERDICT_WAIT;
	decision->rule = "over_budget";
	decision->start_at_s = fmin((double)timegm(&month), decision->latest_start_at_s);
	decision_reason(decision,
			"trainings have emitted %.3g g this month, and this one is expected to add %.2g g to the "
			"%.3g g allowed",
			signal->spent_g, grams, policy->budget_g);
	tell_latest(decision);
	return true;
}

static void tell_plan(const struct grounds *grounds, const struct choice *choice, double now, struct decision *decision)
{
	double at_s = (double)choice->start * grounds->outlook.slot_s;
	char text[CLOCK_TEXT_SIZE];

	if (choice->is_dated) {
		decision->start_at_s = fmin(at_s, decision->latest_start_at_s);
		decision_reason(decision, "%.5g g/kWh expected at %s, saves %.0f %%", choice->expected_gco2_per_kwh,
				clock_format(decision->start_at_s, text),
				100 * (now - choice->expected_gco2_per_kwh) / now);
	} else if (strcmp(decision->rung, "threshold") != 0 && strcmp(decision->rung, "percentile") != 0) {
		decision_reason(decision, "waits for a start at %.5g g/kWh or less", choice->expected_gco2_per_kwh);
	}
}

static void tell_reading(const struct grounds *grounds, double now, struct decision *decision)
{
	const struct reading *reading = &grounds->signal->reading;
	double target = decision->target_gco2_per_kwh;
	bool compares = grounds->rule.number == target || strcmp(decision->rung, "percentile") == 0;

	if (!reading->known)
		decision_reason(decision, "%.5g g/kWh expected now (%s)", now, reading->source);
	else if (compares)
		decision_reason(decision, "grid %.5g g/kWh now (%s), %s %.5g", reading->gco2_per_kwh, reading->source,
				reading->gco2_per_kwh < target ? "below" : "not below", target);
	else
		decision_reason(decision, "grid %.5g g/kWh now (%s)", reading->gco2_per_kwh, reading->source);
}

/* Asks the rule: at the moment the need fell due, where it plans once, else now. */
static struct choice ask(struct grounds *grounds, double *now_gco2_per_kwh)
{
	struct prospect prospect = {.rule = NULL};
	struct choice choice;

	rule_begin(&grounds->rule, &grounds->outlook, &grounds->job);
	if (rule_plans_once(&grounds->rule))
		look(grounds, grounds->due_at_s + 1); /* with what was fetched in that very moment */
	prospect_prepare(&prospect, &grounds->rule, &grounds->outlook, job_slots(grounds));
	choice = rule_choose(&prospect, &grounds->job);
	*now_gco2_per_kwh = prospect.cost[0];
	prospect_release(&prospect);
	look(grounds, grounds->signal->now_s);
	return choice;
}

static void weigh(struct grounds *grounds, struct decision *decision)
{
	const struct signal *signal = grounds->signal;
	double now;
	struct choice choice = ask(grounds, &now);
	bool starts = choice.is_dated && choice.start <= grounds->outlook.now; /* else the deadline's rung starts it */

	if (grounds->policy->start < START_FORECAST || !choice.is_dated)
		now = signal->reading.known ? signal->reading.gco2_per_kwh : now;
	decision->target_gco2_per_kwh = choice.expected_gco2_per_kwh;
	if (!isnan(grounds->job.clean_gco2_per_kwh) && (!choice.is_dated || starts))
		decision->target_gco2_per_kwh = grounds->job.clean_gco2_per_kwh;
	tell_reading(grounds, now, decision);
	if (!starts && !saving_too_small(grounds, now, choice.expected_gco2_per_kwh, decision) &&
	    !not_worth_waiting(grounds, decision)) {
		decision->verdict = VERDICT_WAIT;
		tell_plan(grounds, &choice, now, decision);
		tell_latest(decision);
	} else if (!over_budget(grounds->policy, signal, now, decision)) {
		start(signal, decision);
	}
}

static void decide_start(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	struct grounds grounds = {.policy = policy, .signal = signal};

	open_grounds(&grounds, decision);
	look(&grounds, signal->now_s);
	grounds.trailing = trailing_readings(&grounds.outlook, grounds.job.due);
	if (climb(&grounds, decision)) {
		weigh(&grounds, decision);
	} else {
		decision->rung = "deadline";
		decision->verdict = VERDICT_WAIT;
		decision->start_at_s = isinf(decision->latest_start_at_s) ? NAN : decision->latest_start_at_s;
		decision_reason(decision, "no reading: %s", signal->reading.reason);
		tell_latest(decision);
	}
	outlook_release(&grounds.outlook);
}

void rung_decide(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	double reading = signal->reading.known ? signal->reading.gco2_per_kwh : NAN;
	bool is_last = signal->now_s + policy->tick_s > decision->latest_start_at_s;

	if (policy->start == START_NOW) {
		decision->rung = "now";
		decision_reason(decision, "policy now does not wait");
		if (is_last || !over_budget(policy, signal, reading, decision))
			start(signal, decision);
	} else if (is_last) {
		decision->rung = "deadline";
		decision_reason(decision, "the next tick would come after the deadline");
		start(signal, decision);
		if (signal->reading.known)
			decision_reason(decision, "grid %.5g g/kWh now (%s)", reading, signal->reading.source);
	} else {
		decide_start(policy, signal, decision);
	}
}
