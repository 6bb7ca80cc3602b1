#ifndef SCHEDULER_RULE_H
#define SCHEDULER_RULE_H

/*
 * When a job that may wait is started: the start rules of the policies, by name. The same functions decide in
 * `scheduler run`, `scheduler wait` and `scheduler backtest`. Pure.
 *
 *	struct rule rule;
 *	struct prospect prospect;
 *	if (!rule_parse("gate20-mix", &rule)) ...
 *	outlook_at(&outlook, now_s, slots);		slots: until the job's latest end
 *	prospect_prepare(&prospect, &rule, &outlook, job_slots);	what each start would cost, seen from now
 *	rule_begin(&rule, &outlook, &job);		at the job's due slot: what is fixed then
 *	choice = rule_choose(&prospect, &job);			choice.start <= outlook.now: start it now
 *	prospect_release(&prospect);
 *
 * A rule that plans once (rule.kind->once) is asked at the job's due slot and then obeyed; every other one is asked at
 * each slot. No start is later than job.latest. A tie goes to the earliest start: a later one must be better by more
 * than TIE_GCO2_PER_KWH. Definitions: docs/CARBON.md.
 */

#include "common/attr.h"
#include "scheduler/experience.h"
#include "scheduler/outlook.h"

#define TIE_GCO2_PER_KWH 1e-9

struct job {
	long due, latest;	   /* slots between which it may start, both included */
	double clean_gco2_per_kwh; /* the percentile that was known at the due slot; NAN: none */
};

/* What a rule needs to know. */
enum start_policy {
	START_NOW,
	START_THRESHOLD,
	START_PERCENTILE,
	START_FORECAST,	   /* a view of the future: published values, or the last day repeated */
	START_PERSISTENCE, /* the last day, whatever is published */
	START_PUBLISHED,   /* published values only */
};

struct rule_kind;

struct rule {
	const struct rule_kind *kind;
	double number; /* T of threshold:T, P of percentile:P */
};

struct prospect {
	const struct rule *rule;
	const struct outlook *outlook;
	double job_slots;
	double *expected; /* the view as the rule corrects it, [0..outlook->slots) */
	double *cost;	  /* cost[i], i < starts: expected mean intensity of the job started at now + i */
	long starts, capacity;
	struct experience experience;
};

struct choice {
	long start;    /* slot; <= now: now */
	bool is_dated; /* the start was chosen by its time; else it is the latest one, and better may come before */
	double expected_gco2_per_kwh; /* at that start, or what is waited for; NAN: not known */
};

bool rule_parse(const char *name, struct rule *rule) MUST_USE;
const char *rule_names(void);			      /* all of them, for messages */
struct rule rule_of(const char *kind, double number); /* a kind that exists */
enum start_policy rule_start(const struct rule *rule);
bool rule_plans_once(const struct rule *rule);

void prospect_prepare(struct prospect *prospect, const struct rule *rule, const struct outlook *outlook,
		      double job_slots);
void rule_begin(const struct rule *rule, const struct outlook *outlook, struct job *job);
struct choice rule_choose(const struct prospect *prospect, const struct job *job);
void prospect_release(struct prospect *prospect);

/* The mean of so many values, where the last one may count in part. */
double mean_over(const double *values, double slots);

#endif
