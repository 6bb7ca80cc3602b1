#ifndef SCHEDULER_WAIT_H
#define SCHEDULER_WAIT_H

/*
 * A green gate: decides again and again, by the rungs and rules of `scheduler run`, until a job may start. Without a
 * database: what providers say is kept in the source for as long as it lasts.
 *
 *	struct gate gate = {.policy = policy, .source = &source, .since_s = now_s, .latest_start_at_s = ...};
 *	while (gate_look(&gate, now_s, &fail) && !gate.opens)
 *		sleep until gate.next_s
 */

#include "scheduler/carbon.h"
#include "scheduler/decide.h"

struct gate {
	struct policy policy;
	struct carbon_source *source;
	double since_s, latest_start_at_s, duration_s, tick_s;
	/* after gate_look() */
	bool opens;
	double next_s; /* when to look again */
	struct reading reading;
	struct decision decision;
};

bool gate_look(struct gate *gate, double now_s, struct fail *fail) MUST_USE;

/* "90s", "15m", "12h", "2d" in seconds. */
bool gate_parse_span(const char *text, double *span_s) MUST_USE;

/* A time, or a span from now on. */
bool gate_parse_moment(const char *text, double now_s, double *at_s) MUST_USE;

#endif
