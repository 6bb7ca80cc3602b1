#include "scheduler/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/rung.h"

static const double level_decay_s = 12 * 3600;
static const double gate_percentile = 20;

struct rule_kind {
	const char *name;
	bool once;
	bool numbered;
	double low, high;
	void (*correct)(const struct outlook *outlook, double *expected); /* NULL: the view as it is */
	long (*start)(const struct plan *plan, const struct job *job);
	double (*percentile)(const struct rule *rule); /* NULL: none is asked */
};

/* ------------------------------------------------------------------ corrections of the view */

static double newest_reading(const struct outlook *outlook)
{
	return outlook_reading(outlook, outlook->now - outlook->lag);
}

static void mix(const struct outlook *outlook, double *expected)
{
	double reading = newest_reading(outlook);

	if (!isnan(reading))
		expected[0] = reading;
}

/* The newest reading's distance from what was expected of it decays over the slots that follow. */
static void level(const struct outlook *outlook, double *expected)
{
	double gap = newest_reading(outlook) - outlook_past_view(outlook, outlook->now - outlook->lag);
	double decay = exp(-outlook->slot_s / level_decay_s), factor = pow(decay, (double)outlook->lag);

	if (isnan(gap))
		return;
	for (long i = 0; i < outlook->slots; i++, factor *= decay)
		expected[i] += gap * factor;
}

/* Yesterday again and again, as far as it is known. */
static void persist(const struct outlook *outlook, double *expected)
{
	for (long i = 0; i < outlook->slots; i++)
		expected[i] = i < outlook->day ? outlook_reading(outlook, outlook->now - outlook->day + i)
					       : expected[i - outlook->day];
	mix(outlook, expected);
}

/* ------------------------------------------------------------------ starts */

/* The earliest of the starts 0..last that none is better than by more than a tie. */
static long best_start(const double *cost, long last)
{
	long best = 0;

	for (long i = 1; i <= last; i++)
		if (cost[i] < cost[best] - TIE_GCO2_PER_KWH)
			best = i;
	return best;
}

static long last_start(const struct plan *plan, const struct job *job)
{
	long last = job->latest - plan->outlook->now;

	return last < plan->starts - 1 ? last : plan->starts - 1;
}

static long start_now(const struct plan *plan, const struct job *job UNUSED)
{
	return plan->outlook->now;
}

static long start_best(const struct plan *plan, const struct job *job)
{
	return plan->outlook->now + best_start(plan->cost, last_start(plan, job));
}

static long start_published(const struct plan *plan, const struct job *job)
{
	long last = last_start(plan, job), published = plan->outlook->published - (long)ceil(plan->job_slots);

	if (published < last)
		last = published;
	return plan->outlook->now + (last < 0 ? 0 : best_start(plan->cost, last));
}

static long start_below(const struct plan *plan, const struct job *job)
{
	double reading = newest_reading(plan->outlook);

	return reading < job->clean_gco2_per_kwh ? plan->outlook->now : job->latest;
}

static long start_gated(const struct plan *plan, const struct job *job)
{
	long now = plan->outlook->now, last = last_start(plan, job);

	if (job->latest - now <= plan->outlook->day)
		return start_best(plan, job);
	if (!(newest_reading(plan->outlook) <= job->clean_gco2_per_kwh))
		return job->latest;
	return now + best_start(plan->cost, last < plan->outlook->day ? last : plan->outlook->day);
}

static double own_percentile(const struct rule *rule)
{
	return rule->number;
}

static double gate(const struct rule *rule UNUSED)
{
	return gate_percentile;
}

static const struct rule_kind kinds[] = {
    {.name = "now", .start = start_now},
    {.name = "threshold", .start = start_below, .numbered = true, .low = 0, .high = 2000},
    {.name = "percentile", .start = start_below, .numbered = true, .low = 0, .high = 100, .percentile = own_percentile},
    {.name = "persistence", .start = start_best, .once = true, .correct = persist},
    {.name = "forecast-once", .start = start_best, .once = true},
    {.name = "forecast-once-mix", .start = start_best, .once = true, .correct = mix},
    {.name = "published-once", .start = start_published, .once = true},
    {.name = "replan-pure", .start = start_best},
    {.name = "replan-mix", .start = start_best, .correct = mix},
    {.name = "level", .start = start_best, .correct = level},
    {.name = "gate20", .start = start_gated, .correct = level, .percentile = gate},
    {.name = "gate20-mix", .start = start_gated, .correct = mix, .percentile = gate},
};

bool rule_parse(const char *name, struct rule *rule)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t size = strlen(kinds[i].name);

		if (strncmp(name, kinds[i].name, size) != 0)
			continue;
		*rule = (struct rule){.kind = &kinds[i], .number = NAN};
		if (!kinds[i].numbered && name[size] == '\0')
			return true;
		if (kinds[i].numbered && name[size] == ':' && number_double(name + size + 1, &rule->number) &&
		    rule->number >= kinds[i].low && rule->number <= kinds[i].high)
			return true;
	}
	return false;
}

const char *rule_names(void)
{
	return "now, threshold:T (T gCO2/kWh, 0 to 2000), percentile:P (P 0 to 100), persistence, forecast-once, "
	       "forecast-once-mix, published-once, replan-pure, replan-mix, level, gate20, gate20-mix";
}

bool rule_plans_once(const struct rule *rule)
{
	return rule->kind->once;
}

/* ------------------------------------------------------------------ one moment */

static void fill_costs(struct plan *plan)
{
	long whole = (long)plan->job_slots;
	double part = plan->job_slots - (double)whole, sum = 0;

	plan->starts = plan->outlook->slots - (long)ceil(plan->job_slots) + 1;
	for (long i = 0; i < whole; i++)
		sum += plan->expected[i];
	for (long i = 0; i < plan->starts; i++) {
		plan->cost[i] = (sum + (part > 0 ? part * plan->expected[i + whole] : 0)) / plan->job_slots;
		if (i + 1 < plan->starts)
			sum += plan->expected[i + whole] - plan->expected[i];
	}
}

void plan_prepare(struct plan *plan, const struct rule *rule, const struct outlook *outlook, double job_slots)
{
	plan->rule = rule;
	plan->outlook = outlook;
	plan->job_slots = job_slots;
	if (outlook->slots > plan->capacity) {
		plan->capacity = outlook->slots;
		plan->expected = xreallocarray(plan->expected, (size_t)plan->capacity, sizeof(double));
		plan->cost = xreallocarray(plan->cost, (size_t)plan->capacity, sizeof(double));
	}
	memcpy(plan->expected, outlook->view, (size_t)outlook->slots * sizeof(double));
	if (rule->kind->correct)
		rule->kind->correct(outlook, plan->expected);
	fill_costs(plan);
}

void plan_begin(const struct rule *rule, const struct outlook *outlook, struct job *job)
{
	long hours = HISTORY_HOURS * (long)lround(3600 / outlook->slot_s);
	double *values;
	size_t count = 0;

	job->clean_gco2_per_kwh = rule->number;
	if (!rule->kind->percentile)
		return;
	values = xcalloc((size_t)hours, sizeof(*values));
	for (long slot = job->due - hours; slot < job->due; slot++)
		if (!isnan(outlook->readings[slot - outlook->first]))
			values[count++] = outlook->readings[slot - outlook->first];
	job->clean_gco2_per_kwh = count ? percentile(values, count, rule->kind->percentile(rule)) : NAN;
	free(values);
}

long plan_start(const struct plan *plan, const struct job *job)
{
	long start = plan->rule->kind->start(plan, job);

	return start > job->latest ? job->latest : start;
}

void plan_release(struct plan *plan)
{
	free(plan->expected);
	free(plan->cost);
	*plan = (struct plan){.rule = NULL};
}

double plan_mean(const double *values, double slots)
{
	long whole = (long)slots;
	double part = slots - (double)whole, sum = 0;

	for (long i = 0; i < whole; i++)
		sum += values[i];
	return (sum + (part > 0 ? part * values[whole] : 0)) / slots;
}
