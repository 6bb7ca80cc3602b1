#ifndef SCHEDULER_REPORT_H
#define SCHEDULER_REPORT_H

/*
 * A decision for people and for programs (one JSON object per line and pipeline). A run says it in one line:
 *
 *	insurance: WAIT, until 2023-11-21T08:58:10Z at the latest (small_drop, rung threshold): accuracy ...; grid ...
 *
 * An explanation begins with what matters, times in UTC and short, and then gives every reason a line:
 *
 *	insurance: WAIT until 03:00: accuracy 78.9 % -> 77.6 % (drop 1.3 points, 0.3..2.3 by look 1), grid 448 now, 224
 * g/kWh expected at 03:00, saves 50 %, must start by Thu 14:00 small_drop, policy forecast, rung forecast
 *	  - ...
 *
 * Step outputs decision_id, verdict and workflow; with several pipelines their values in the order of the specs, apart
 * by commas.
 */

#include "common/text.h"
#include "scheduler/tick.h"

/* To stdout. */
void report_print(const struct tick *tick, bool as_json);
void report_explain(const struct tick *tick, bool as_json);

void report_explain_text(const struct tick *tick, struct text *text);

/* "03:00" within a day of now, "Thu 14:00" within a week, else "2026-03-05 14:00". UTC. */
enum { SHORT_TIME_SIZE = 32 };
const char *short_time(double at_s, double now_s, char text[SHORT_TIME_SIZE]);

struct outputs {
	struct text decision_id, verdict, workflow;
};

void outputs_init(struct outputs *outputs);
void outputs_add(struct outputs *outputs, const struct tick *tick);
bool outputs_write(struct outputs *outputs, struct fail *fail) MUST_USE;
void outputs_release(struct outputs *outputs);

#endif
