#include "scheduler/backtest.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

/* What a job costs when it starts there. */
static double real_cost(const struct outlook *outlook, long start, double slots)
{
	return mean_over(outlook->readings + (start - outlook->first), slots);
}

static long oracle_start(const struct outlook *outlook, const struct task *task, long window)
{
	double best_cost = real_cost(outlook, task->due, task->slots);
	long best = task->due;

	for (long start = task->due + 1; start <= task->due + window; start++) {
		double cost = real_cost(outlook, start, task->slots);

		if (cost < best_cost - TIE_GCO2_PER_KWH) {
			best_cost = cost;
			best = start;
		}
	}
	return best;
}

void backtest_regular(const struct outlook *outlook, long window, double job_slots, struct task **tasks, size_t *count)
{
	long hour = lround(3600 / outlook->slot_s), end = outlook->first + outlook->count;
	long last = end - window - (long)ceil(job_slots) - hour;

	*count = 0;
	*tasks = xcalloc((size_t)outlook->count + 1, sizeof(**tasks));
	for (long due = outlook->first + BACKTEST_WARM_UP_H * hour; due <= last; due += hour)
		(*tasks)[(*count)++] = (struct task){due, job_slots, due};
}

/* The jobs of one length, from the first to the last moment at which one of them waits. */
struct pass {
	struct outlook *outlook;
	const struct rule *rule;
	long window;
	double job_slots;
	struct task **tasks;
	struct job *jobs;
	size_t count;
	size_t first, next; /* the jobs that have fallen due and may still wait: first .. next - 1 */
};

/* Every job that waits at this moment is asked for its start. */
static void ask_all(struct pass *pass, const struct prospect *prospect, long now)
{
	while (pass->next < pass->count && pass->tasks[pass->next]->due == now) {
		struct job *job = &pass->jobs[pass->next];

		*job = (struct job){.due = now, .latest = now + pass->window};
		rule_begin(pass->rule, pass->outlook, job);
		pass->tasks[pass->next++]->start = -1;
	}
	for (size_t i = pass->first; i < pass->next; i++) {
		struct task *task = pass->tasks[i];
		long start;

		if (task->start >= 0)
			continue;
		start = rule_choose(prospect, &pass->jobs[i]).start;
		if (start <= now || rule_plans_once(pass->rule))
			task->start = start;
	}
	while (pass->first < pass->next && pass->tasks[pass->first]->start >= 0)
		pass->first++;
}

static void run_pass(struct pass *pass)
{
	long slots = pass->window + (long)ceil(pass->job_slots), now = 0;
	struct prospect prospect = {.rule = NULL};

	while (pass->first < pass->count) {
		if (pass->first == pass->next)
			now = pass->tasks[pass->first]->due;
		outlook_at(pass->outlook, (double)now * pass->outlook->slot_s, slots);
		prospect_prepare(&prospect, pass->rule, pass->outlook, pass->job_slots);
		ask_all(pass, &prospect, now);
		now++;
	}
	prospect_release(&prospect);
}

void backtest_run(struct outlook *outlook, const struct rule *rule, long window, struct task *tasks, size_t count)
{
	struct pass pass = {.outlook = outlook, .rule = rule, .window = window};
	bool *done = xcalloc(count + 1, sizeof(*done));

	for (size_t i = 0; i < count && !rule; i++)
		tasks[i].start = oracle_start(outlook, &tasks[i], window);
	pass.tasks = xcalloc(count + 1, sizeof(struct task *));
	pass.jobs = xcalloc(count + 1, sizeof(struct job));
	for (size_t i = 0; i < count && rule; i++) {
		if (done[i])
			continue;
		pass.job_slots = tasks[i].slots;
		pass.first = pass.next = pass.count = 0;
		for (size_t j = i; j < count; j++)
			if (!done[j] && tasks[j].slots == pass.job_slots) {
				done[j] = true;
				pass.tasks[pass.count++] = &tasks[j];
			}
		run_pass(&pass);
	}
	free(pass.tasks);
	free(pass.jobs);
	free(done);
}

void backtest_sum(const struct outlook *outlook, long window, const struct task *tasks, size_t count,
		  struct backtest_result *result)
{
	double spent = 0, now = 0, best = 0, wait = 0, worse = 0, late = 0, n = (double)count;

	for (size_t i = 0; i < count; i++) {
		double cost = real_cost(outlook, tasks[i].start, tasks[i].slots);
		double cost_now = real_cost(outlook, tasks[i].due, tasks[i].slots);

		spent += cost;
		now += cost_now;
		best += real_cost(outlook, oracle_start(outlook, &tasks[i], window), tasks[i].slots);
		wait += (double)(tasks[i].start - tasks[i].due);
		worse += cost > cost_now + TIE_GCO2_PER_KWH;
		late += tasks[i].start == tasks[i].due + window;
	}
	*result = (struct backtest_result){
	    .jobs = count,
	    .mean_gco2_per_kwh = spent / n,
	    .mean_now_gco2_per_kwh = now / n,
	    .mean_oracle_gco2_per_kwh = best / n,
	    .saving_vs_now_pct = now > 0 ? 100 * (1 - spent / now) : NAN,
	    .mean_wait_h = wait / n * outlook->slot_s / 3600,
	    .worse_than_now_pct = 100 * worse / n,
	    .at_deadline_pct = 100 * late / n,
	    .share_of_oracle_pct = now > best ? 100 * (now - spent) / (now - best) : NAN,
	};
}
