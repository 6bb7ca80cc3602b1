#ifndef SCHEDULER_BACKTEST_H
#define SCHEDULER_BACKTEST_H

/*
 * What a start rule would have done on a trace: jobs fall due, each starts within its window, and costs the mean
 * intensity of the hours it ran in. Pure; the rules are those of scheduler/rule.h.
 *
 *	outlook_init(), outlook_readings() with the whole trace, outlook_forecasts()
 *	backtest_regular(&outlook, window, job_slots, &tasks, &count);	or tasks of the caller's own
 *	backtest_run(&outlook, rule, window, tasks, count);		rule NULL: the oracle
 *	backtest_sum(&outlook, window, tasks, count, &result);
 *
 * A regular job falls due at every whole hour after the first BACKTEST_WARM_UP_H of the trace, as long as its window
 * and its run lie within the trace with an hour to spare.
 */

#include "scheduler/rule.h"

enum { BACKTEST_WARM_UP_H = 720 };

struct task {
	long due;
	double slots; /* how long it runs */
	long start;   /* set by backtest_run() */
};

struct backtest_result {
	size_t jobs;
	double mean_gco2_per_kwh;
	double mean_now_gco2_per_kwh;
	double mean_oracle_gco2_per_kwh;
	double saving_vs_now_pct; /* NAN: nothing was emitted */
	double mean_wait_h;
	double worse_than_now_pct;
	double at_deadline_pct;
	double share_of_oracle_pct; /* NAN: there was nothing to save */
};

/* The caller frees *tasks. */
void backtest_regular(const struct outlook *outlook, long window, double job_slots, struct task **tasks, size_t *count);

/* Tasks in the order in which they fall due. */
void backtest_run(struct outlook *outlook, const struct rule *rule, long window, struct task *tasks, size_t count);

void backtest_sum(const struct outlook *outlook, long window, const struct task *tasks, size_t count,
		  struct backtest_result *result);

#endif
