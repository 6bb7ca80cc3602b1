#ifndef SCHEDULER_PLAN_H
#define SCHEDULER_PLAN_H

/*
 * When a job that may wait is started: the start rules of the policies, by name. The same functions decide in
 * `scheduler run`, `scheduler wait` and `scheduler backtest`. Pure.
 *
 *	struct rule rule;
 *	struct plan plan;
 *	if (!rule_parse("gate20-mix", &rule)) ...
 *	outlook_at(&outlook, now_s, slots);		slots: until the job's latest end
 *	plan_prepare(&plan, &rule, &outlook, job_slots);	what each start would cost, seen from now
 *	plan_begin(&rule, &outlook, &job);		at the job's due slot: what is fixed then
 *	start = plan_start(&plan, &job);		<= outlook.now: start it now
 *	plan_release(&plan);
 *
 * A rule that plans once (rule.kind->once) is asked at the job's due slot and then obeyed; every other one is asked at
 * each slot. No start is later than job.latest. A tie goes to the earliest start: a later one must be better by more
 * than TIE_GCO2_PER_KWH. Definitions: docs/CARBON.md.
 */

#include "common/attr.h"
#include "scheduler/outlook.h"

#define TIE_GCO2_PER_KWH 1e-9

struct job {
	long due, latest;	   /* slots between which it may start, both included */
	double clean_gco2_per_kwh; /* the percentile that was known at the due slot; NAN: none */
};

struct rule_kind;

struct rule {
	const struct rule_kind *kind;
	double number; /* T of threshold:T, P of percentile:P */
};

struct plan {
	const struct rule *rule;
	const struct outlook *outlook;
	double job_slots;
	double *expected; /* the view as the rule corrects it, [0..outlook->slots) */
	double *cost;	  /* cost[i]: expected mean intensity of the job started at now + i; starts of them */
	long starts, capacity;
};

bool rule_parse(const char *name, struct rule *rule) MUST_USE;
const char *rule_names(void); /* all of them, for messages */
bool rule_plans_once(const struct rule *rule);

void plan_prepare(struct plan *plan, const struct rule *rule, const struct outlook *outlook, double job_slots);
void plan_begin(const struct rule *rule, const struct outlook *outlook, struct job *job);
long plan_start(const struct plan *plan, const struct job *job);
void plan_release(struct plan *plan);

/* The mean of values[from, from + slots), where the last one may count in part. */
double plan_mean(const double *values, double slots);

#endif
