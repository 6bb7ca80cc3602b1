#include "scheduler/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/trailing.h"

static const double level_decay_s = 12 * 3600;
static const double gate_percentile = 20;

struct rule_kind {
	const char *name;
	enum start_policy start;
	bool once;
	bool numbered; /* by a number from 0 to high */
	double high;
	void (*correct)(struct prospect *prospect); /* prospect->expected, which holds the view; NULL: as it is */
	struct choice (*choose)(const struct prospect *prospect, const struct job *job);
	double (*clean)(const struct rule *rule, const struct outlook *outlook, long due); /* NULL: not asked */
};

/* ------------------------------------------------------------------ corrections of the view */

static double newest_reading(const struct outlook *outlook)
{
	return outlook_reading(outlook, outlook->now - outlook->lag);
}

static void mix(struct prospect *prospect)
{
	double reading = newest_reading(prospect->outlook);

	if (!isnan(reading))
		prospect->expected[0] = reading;
}

/* The newest reading's distance from what was expected of it decays over the slots that follow. */
static void level(struct prospect *prospect)
{
	const struct outlook *outlook = prospect->outlook;
	double gap = newest_reading(outlook) - outlook_past_view(outlook, outlook->now - outlook->lag);
	double decay = exp(-outlook->slot_s / level_decay_s), factor = pow(decay, (double)outlook->lag);

	if (isnan(gap))
		return;
	for (long i = 0; i < outlook->slots; i++, factor *= decay)
		prospect->expected[i] += gap * factor;
}

/* Yesterday again and again, as far as it is known. */
static void persist(struct prospect *prospect)
{
	const struct outlook *outlook = prospect->outlook;

	for (long i = 0; i < outlook->slots; i++)
		prospect->expected[i] = i < outlook->day ? outlook_known(outlook, outlook->now - outlook->day + i)
							 : prospect->expected[i - outlook->day];
	mix(prospect);
}

static void learn(struct prospect *prospect)
{
	experience_learn(&prospect->experience, prospect->outlook, prospect->job_slots);
	experience_correct(&prospect->experience, prospect->outlook, prospect->expected);
}

/* ------------------------------------------------------------------ what counts as clean */

static double clean_number(const struct rule *rule, const struct outlook *outlook UNUSED, long due UNUSED)
{
	return rule->number;
}

static double clean_percentile(const struct rule *rule, const struct outlook *outlook, long due)
{
	return trailing_percentile(outlook, due, rule->number);
}

static double clean_gate(const struct rule *rule UNUSED, const struct outlook *outlook, long due)
{
	return trailing_percentile(outlook, due, gate_percentile);
}

/* ------------------------------------------------------------------ choices */

static struct choice wait_for(const struct job *job, double target_gco2_per_kwh)
{
	return (struct choice){job->latest, false, target_gco2_per_kwh};
}

/* The earliest of the starts now + 0..last that none is better than by more than a tie. */
static struct choice best_of(const struct prospect *prospect, const struct job *job, long last)
{
	long best = -1;

	if (last > prospect->starts - 1)
		last = prospect->starts - 1;
	for (long i = 0; i <= last; i++)
		if (!isnan(prospect->cost[i]) &&
		    (best < 0 || prospect->cost[i] < prospect->cost[best] - TIE_GCO2_PER_KWH))
			best = i;
	return best < 0 ? wait_for(job, NAN)
			: (struct choice){prospect->outlook->now + best, true, prospect->cost[best]};
}

static struct choice choose_now(const struct prospect *prospect, const struct job *job UNUSED)
{
	return (struct choice){prospect->outlook->now, true, prospect->cost[0]};
}

static struct choice choose_best(const struct prospect *prospect, const struct job *job)
{
	return best_of(prospect, job, job->latest - prospect->outlook->now);
}

/* Only among the starts whose whole run is published. */
static struct choice choose_published(const struct prospect *prospect, const struct job *job)
{
	long last = prospect->outlook->published - (long)ceil(prospect->job_slots),
	     latest = job->latest - prospect->outlook->now;

	last = last < latest ? last : latest;
	return best_of(prospect, job, last < 0 ? 0 : last);
}

static struct choice choose_below(const struct prospect *prospect, const struct job *job)
{
	return newest_reading(prospect->outlook) < job->clean_gco2_per_kwh ? choose_now(prospect, job)
									   : wait_for(job, job->clean_gco2_per_kwh);
}

/* While more than a day remains, only a clean grid is good enough, and only the next day is compared with. */
static struct choice choose_gated(const struct prospect *prospect, const struct job *job)
{
	if (job->latest - prospect->outlook->now <= prospect->outlook->day)
		return choose_best(prospect, job);
	if (!(newest_reading(prospect->outlook) <= job->clean_gco2_per_kwh))
		return wait_for(job, job->clean_gco2_per_kwh);
	return best_of(prospect, job, prospect->outlook->day);
}

/* The best start that is covered by what was published (or by yesterday, where nothing is), unless waiting for the days
 * behind it promises more. Where nothing is known of what days offer, only the next day is looked at. */
static struct choice choose_learned(const struct prospect *prospect, const struct job *job)
{
	const struct outlook *outlook = prospect->outlook;
	long covered =
	    (outlook->published > 0 ? outlook->published : outlook->day) - (long)ceil(prospect->job_slots) + 1;
	long behind = job->latest - outlook->now - (covered > 1 ? covered : 1) + 1; /* starts behind what is covered */
	struct choice choice;
	double value;

	if (behind < outlook->day)
		return choose_best(prospect, job);
	value = experience_value(&prospect->experience, (double)behind / (double)outlook->day);
	if (isinf(value) && covered < outlook->day)
		covered = outlook->day;
	choice = best_of(prospect, job, covered > 1 ? covered - 1 : 0);
	return choice.start > outlook->now || choice.expected_gco2_per_kwh <= value ? choice : wait_for(job, value);
}

static const struct rule_kind kinds[] = {
    {.name = "now", .start = START_NOW, .choose = choose_now},
    {.name = "threshold",
     .start = START_THRESHOLD,
     .choose = choose_below,
     .numbered = true,
     .high = 2000,
     .clean = clean_number},
    {.name = "percentile",
     .start = START_PERCENTILE,
     .choose = choose_below,
     .numbered = true,
     .high = 100,
     .clean = clean_percentile},
    {.name = "persistence", .start = START_PERSISTENCE, .choose = choose_best, .once = true, .correct = persist},
    {.name = "forecast-once", .start = START_FORECAST, .choose = choose_best, .once = true},
    {.name = "forecast-once-mix", .start = START_FORECAST, .choose = choose_best, .once = true, .correct = mix},
    {.name = "published-once", .start = START_PUBLISHED, .choose = choose_published, .once = true},
    {.name = "replan-pure", .start = START_FORECAST, .choose = choose_best},
    {.name = "replan-mix", .start = START_FORECAST, .choose = choose_best, .correct = mix},
    {.name = "level", .start = START_FORECAST, .choose = choose_best, .correct = level},
    {.name = "gate20", .start = START_FORECAST, .choose = choose_gated, .correct = level, .clean = clean_gate},
    {.name = "gate20-mix", .start = START_FORECAST, .choose = choose_gated, .correct = mix, .clean = clean_gate},
    {.name = "forecast", .start = START_FORECAST, .choose = choose_learned, .correct = learn},
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
		    rule->number >= 0 && rule->number <= kinds[i].high)
			return true;
	}
	return false;
}

const char *rule_names(void)
{
	return "now, threshold:T (T gCO2/kWh, 0 to 2000), percentile:P (P 0 to 100), persistence, forecast-once, "
	       "forecast-once-mix, published-once, replan-pure, replan-mix, level, gate20, gate20-mix, forecast";
}

struct rule rule_of(const char *kind, double number)
{
	size_t i = 0;

	while (strcmp(kinds[i].name, kind) != 0)
		i++;
	return (struct rule){&kinds[i], number};
}

enum start_policy rule_start(const struct rule *rule)
{
	return rule->kind->start;
}

bool rule_plans_once(const struct rule *rule)
{
	return rule->kind->once;
}

/* ------------------------------------------------------------------ one moment */

static void fill_costs(struct prospect *prospect)
{
	long whole = (long)prospect->job_slots;
	double part = prospect->job_slots - (double)whole, sum = 0;

	prospect->starts = prospect->outlook->slots - (long)ceil(prospect->job_slots) + 1;
	for (long i = 0; i < whole; i++)
		sum += prospect->expected[i];
	for (long i = 0; i < prospect->starts; i++) {
		prospect->cost[i] =
		    isnan(sum) ? mean_over(prospect->expected + i, prospect->job_slots)
			       : (sum + (part > 0 ? part * prospect->expected[i + whole] : 0)) / prospect->job_slots;
		if (i + 1 < prospect->starts)
			sum += prospect->expected[i + whole] - prospect->expected[i];
	}
}

void prospect_prepare(struct prospect *prospect, const struct rule *rule, const struct outlook *outlook,
		      double job_slots)
{
	prospect->rule = rule;
	prospect->outlook = outlook;
	prospect->job_slots = job_slots;
	if (outlook->slots > prospect->capacity) {
		prospect->capacity = outlook->slots;
		prospect->expected = xreallocarray(prospect->expected, (size_t)prospect->capacity, sizeof(double));
		prospect->cost = xreallocarray(prospect->cost, (size_t)prospect->capacity, sizeof(double));
	}
	memcpy(prospect->expected, outlook->view, (size_t)outlook->slots * sizeof(double));
	if (rule->kind->correct)
		rule->kind->correct(prospect);
	fill_costs(prospect);
}

void rule_begin(const struct rule *rule, const struct outlook *outlook, struct job *job)
{
	job->clean_gco2_per_kwh = rule->kind->clean ? rule->kind->clean(rule, outlook, job->due) : NAN;
}

struct choice rule_choose(const struct prospect *prospect, const struct job *job)
{
	struct choice choice = prospect->rule->kind->choose(prospect, job);

	if (choice.start > job->latest)
		choice.start = job->latest;
	return choice;
}

void prospect_release(struct prospect *prospect)
{
	free(prospect->expected);
	free(prospect->cost);
	experience_release(&prospect->experience);
	*prospect = (struct prospect){.rule = NULL};
}

double mean_over(const double *values, double slots)
{
	long whole = (long)slots;
	double part = slots - (double)whole, sum = 0;

	for (long i = 0; i < whole; i++)
		sum += values[i];
	return (sum + (part > 0 ? part * values[whole] : 0)) / slots;
}
