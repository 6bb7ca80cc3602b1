#ifndef SCHEDULER_REPLAY_H
#define SCHEDULER_REPLAY_H

/*
 * What another policy would have done with the ticks that were stored: the same decide() on the same inputs, with a
 * need of its own. Pure.
 *
 *	struct replay replay;
 *	replay_init(&replay, "threshold:300");
 *	for each stored decision, in order: replay_tick(&replay, &tick, &fail)
 *	... replay.stored, replay.replayed ...
 *	replay_release(&replay);
 *
 * The stored ticks know how the model did that served then. As long as the replayed need waits for a model that history
 * has replaced, its last evidence stands. Once the replay has started a training and history has not, nothing is known
 * of its new model: until history promotes or refuses a challenger too, it has no need.
 */

#include "common/fail.h"
#include "scheduler/decide.h"
#include "scheduler/inputs.h"

struct replay_tick {
	struct inputs *inputs;
	const char *verdict, *rule; /* as stored */
	double drop;		    /* NAN: none */
	int model_id;		    /* of the champion; 0: none */
	int retrain_id;		    /* 0: none */
};

struct replay_result {
	int trainings, at_deadline, cancelled;
	double waited_h;     /* in all, from the need to the start */
	int with_reading;    /* starts whose intensity is known, */
	double gco2_per_kwh; /* and the sum of these */
	double lost_point_h; /* accuracy lost while needs waited: points x hours */
};

enum replay_state { REPLAY_IDLE, REPLAY_WAITING, REPLAY_AHEAD };

struct replay {
	const char *policy;
	enum replay_state state;
	struct need need;
	struct signal evidence; /* of the need: what it was judged by last */
	int model_id;		/* that the need is of, or that was trained anew */
	double drop;
	int last_retrain_id; /* of history, the last that was started */
	bool history_waits;
	double last_s, history_drop;
	struct carbon_point *seen; /* readings of the ticks so far */
	size_t seen_count, seen_capacity;
	double retrain_kwh; /* as last predicted; NAN */
	struct replay_result stored, replayed;
};

void replay_init(struct replay *replay, const char *policy);
/* False for a policy that is not known. */
bool replay_tick(struct replay *replay, const struct replay_tick *tick, struct fail *fail) MUST_USE;
void replay_release(struct replay *replay);

#endif
