#include "scheduler/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "scheduler/policy.h"

void replay_init(struct replay *replay, const char *policy)
{
	*replay =
	    (struct replay){.policy = policy, .last_s = NAN, .drop = NAN, .history_drop = NAN, .retrain_kwh = NAN};
}

void replay_release(struct replay *replay)
{
	free(replay->seen);
}

/* The other policy under the limits that held at that tick. */
static bool make_policy(const struct replay *replay, const struct policy *stored, struct policy *policy,
			struct fail *fail)
{
	struct config config = {
	    .policy = replay->policy,
	    .carbon_intensity_threshold_gco2_per_kwh = stored->threshold_gco2_per_kwh,
	    .low_accuracy_decrease = stored->low_accuracy_decrease,
	    .max_accuracy_decrease = stored->max_accuracy_decrease,
	    .min_rows = stored->min_rows,
	    .min_new_rows = stored->min_new_rows,
	    .finish_within_s = stored->finish_within_s,
	    .min_saving = stored->min_saving,
	    .tick_min = stored->tick_s / 60,
	    .carbon_budget_g = stored->budget_g,
	    .feedback = stored->uses_feedback,
	    .drift_psi = stored->drift_psi,
	    .estimate_only = stored->estimate_only,
	    .weighs_waiting = stored->weighs_waiting,
	};

	return policy_make(&config, policy, fail);
}

static void remember_reading(struct replay *replay, const struct reading *reading)
{
	if (!reading->known || reading->start_s <= 0 ||
	    (replay->seen_count && reading->start_s <= replay->seen[replay->seen_count - 1].start_s))
		return;
	if (replay->seen_count == replay->seen_capacity) {
		replay->seen_capacity = replay->seen_capacity ? 2 * replay->seen_capacity : 1024;
		replay->seen = xreallocarray(replay->seen, replay->seen_capacity, sizeof(*replay->seen));
	}
	replay->seen[replay->seen_count++] = (struct carbon_point){reading->start_s, reading->gco2_per_kwh};
}

/* Time since the last tick, in which needs that wait cost accuracy. */
static void pass_time(struct replay *replay, double now_s)
{
	double hours = isnan(replay->last_s) ? 0 : fmax(0, now_s - replay->last_s) / 3600;

	if (replay->history_waits && replay->history_drop > 0)
		replay->stored.lost_point_h += 100 * replay->history_drop * hours;
	if (replay->state == REPLAY_WAITING && replay->drop > 0)
		replay->replayed.lost_point_h += 100 * replay->drop * hours;
	replay->last_s = now_s;
}

static void count_start(struct replay_result *result, const struct signal *signal, double due_at_s, bool at_deadline)
{
	result->trainings++;
	result->at_deadline += at_deadline;
	result->waited_h += isnan(due_at_s) ? 0 : fmax(0, signal->now_s - due_at_s) / 3600;
	if (!signal->reading.known)
		return;
	result->with_reading++;
	result->gco2_per_kwh += signal->reading.gco2_per_kwh;
}

/* What history did at this tick. */
static void follow_history(struct replay *replay, const struct replay_tick *tick)
{
	const struct signal *signal = &tick->inputs->signal;
	bool waits = strcmp(tick->verdict, "wait") == 0 && strcmp(tick->rule, "in_flight") != 0;

	replay->history_waits = waits;
	replay->history_drop = tick->drop;
	if (strcmp(tick->verdict, "train") != 0 || tick->retrain_id == replay->last_retrain_id)
		return;
	replay->last_retrain_id = tick->retrain_id;
	count_start(&replay->stored, signal, signal->need.state == NEED_NONE ? signal->now_s : signal->need.due_at_s,
		    signal->need.state != NEED_NONE &&
			signal->now_s + tick->inputs->policy.tick_s > signal->need.latest_start_at_s);
}

/* The evidence that the replayed need is judged by. */
static void keep_evidence(const struct signal *from, struct signal *to)
{
	to->has_champion = from->has_champion;
	to->reference_k = from->reference_k;
	to->reference_n = from->reference_n;
	to->rows = from->rows;
	to->look = from->look;
	memcpy(to->window_k, from->window_k, sizeof(to->window_k));
	memcpy(to->window_n, from->window_n, sizeof(to->window_n));
	to->feedback = from->feedback;
	to->drift = from->drift;
}

static struct signal make_signal(const struct replay *replay, const struct replay_tick *tick)
{
	struct signal signal = tick->inputs->signal;

	signal.need = (struct need){.state = NEED_NONE, .latest_start_at_s = INFINITY, .attempt = 1};
	if (replay->state == REPLAY_WAITING)
		signal.need = replay->need;
	if (replay->state == REPLAY_WAITING && tick->model_id != replay->model_id) {
		keep_evidence(&replay->evidence, &signal);
		signal.failed = signal.refused = signal.answered = false;
	}
	if (signal.history_count == 0) {
		signal.history = replay->seen;
		signal.history_count = replay->seen_count;
	}
	return signal;
}

static void carry_out(struct replay *replay, const struct replay_tick *tick, const struct signal *signal,
		      const struct decision *decision)
{
	bool of_an_older_model = replay->state == REPLAY_WAITING && tick->model_id != replay->model_id;

	switch (decision->verdict) {
	case VERDICT_TRAIN:
		count_start(&replay->replayed, signal, decision->due_at_s,
			    decision->rung && strcmp(decision->rung, "deadline") == 0);
		replay->state = of_an_older_model ? REPLAY_IDLE : REPLAY_AHEAD;
		replay->model_id = tick->model_id;
		break;
	case VERDICT_WAIT:
		if (!of_an_older_model)
			replay->model_id = tick->model_id;
		replay->state = REPLAY_WAITING;
		replay->need =
		    (struct need){NEED_WAITING, decision->due_at_s, decision->latest_start_at_s, 0, 1, false};
		replay->drop = decision->drop;
		keep_evidence(signal, &replay->evidence);
		break;
	case VERDICT_SKIP:
	case VERDICT_BLOCKED:
		replay->replayed.cancelled += replay->state == REPLAY_WAITING;
		replay->state = REPLAY_IDLE;
		break;
	}
}

bool replay_tick(struct replay *replay, const struct replay_tick *tick, struct fail *fail)
{
	const struct signal *stored = &tick->inputs->signal;
	struct policy policy;
	struct signal signal;
	struct decision decision;

	if (!make_policy(replay, &tick->inputs->policy, &policy, fail))
		return false;
	pass_time(replay, stored->now_s);
	remember_reading(replay, &stored->reading);
	if (!isnan(stored->retrain_kwh))
		replay->retrain_kwh = stored->retrain_kwh;
	follow_history(replay, tick);
	if (replay->state == REPLAY_AHEAD && (tick->model_id != replay->model_id || stored->refused))
		replay->state = REPLAY_IDLE;
	if (replay->state == REPLAY_AHEAD)
		return true;
	signal = make_signal(replay, tick);
	decision = decide(&policy, &signal);
	carry_out(replay, tick, &signal, &decision);
	return true;
}
