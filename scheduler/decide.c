#include "scheduler/decide.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/banned.h"
#include "common/clock.h"
#include "scheduler/rung.h"

enum urgency { URGENCY_NONE, URGENCY_WAIT, URGENCY_WAIT_HALF, URGENCY_TRAIN };

struct judgement {
	enum urgency urgency;
	const char *rule;
	double drop;
	struct interval ends;
};

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {"skip", "wait", "train", "blocked"};

	return names[verdict];
}

const char *need_state_name(enum need_state state)
{
	static const char *const names[] = {"none", "waiting", "intended", "accepted"};

	return names[state];
}

const char *window_name(int window)
{
	return window == WINDOW_ALL ? "all" : window == WINDOW_RECENT ? "recent" : "none";
}

void decision_reason(struct decision *decision, const char *format, ...)
{
	va_list arguments;

	if (decision->reason_count == DECISION_REASONS)
		return;
	va_start(arguments, format);
	vsnprintf(decision->reasons[decision->reason_count++], DECISION_REASON_SIZE, format, arguments);
	va_end(arguments);
}

struct attempt_failed after_failed_attempt(int attempt, double now_s)
{
	double hours = ldexp(1, attempt - 1);

	if (attempt >= RETRAIN_ATTEMPTS)
		return (struct attempt_failed){.closed = true, .attempt = attempt};
	return (struct attempt_failed){.attempt = attempt + 1, .not_before_s = now_s + 3600 * fmin(hours, 24)};
}

static struct judgement judge_window(const struct policy *policy, const struct signal *signal, int window)
{
	int64_t k = signal->window_k[window], n = signal->window_n[window];
	struct judgement judgement = {URGENCY_NONE, "not_enough_evidence", NAN, {NAN, NAN}};

	if (n == 0 || signal->look == 0)
		return judgement;
	judgement.drop = (double)signal->reference_k / (double)signal->reference_n - (double)k / (double)n;
	if (policy->estimate_only)
		judgement.ends = (struct interval){judgement.drop, judgement.drop};
	else
		judgement.ends = newcombe_interval(signal->reference_k, signal->reference_n, k, n,
						   1 - look_alpha(signal->look) / WINDOWS);
	if (n < policy->min_rows)
		return judgement;
	judgement.rule = "no_drop";
	if (judgement.ends.low > policy->max_accuracy_decrease) {
		judgement.urgency = URGENCY_TRAIN;
		judgement.rule = "big_drop";
	} else if (judgement.ends.low > 0 && judgement.drop > policy->max_accuracy_decrease) {
		judgement.urgency = URGENCY_WAIT_HALF;
		judgement.rule = "probable_big_drop";
	} else if (judgement.ends.low > 0 && judgement.drop > policy->low_accuracy_decrease) {
		judgement.urgency = URGENCY_WAIT;
		judgement.rule = "small_drop";
	}
	return judgement;
}

static void tell_drop(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	int window = decision->window;

	decision_reason(decision,
			"accuracy %.2f %% -> %.2f %% on %s%lld rows (drop %.2f points, %.2f..%.2f by look %d; small "
			"above %.2f, big "
			"above %.2f)",
			100 * decision->accuracy_reference, 100 * decision->accuracy_new,
			window == WINDOW_RECENT ? "the newest " : "", (long long)signal->window_n[window],
			100 * decision->drop, 100 * decision->low, 100 * decision->high, signal->look,
			100 * policy->low_accuracy_decrease, 100 * policy->max_accuracy_decrease);
	if (signal->rows > signal->window_n[WINDOW_ALL])
		decision_reason(decision, "%lld newer rows wait for the next look, which is taken at %lld",
				(long long)(signal->rows - signal->window_n[WINDOW_ALL]),
				(long long)policy->min_new_rows);
}

static struct judgement judge_drop(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	struct judgement judgements[WINDOWS];
	int worst = WINDOW_ALL;

	for (int window = 0; window < WINDOWS; window++) {
		judgements[window] = judge_window(policy, signal, window);
		decision->windows[window] = judgements[window].ends;
		if (judgements[window].urgency > judgements[worst].urgency)
			worst = window;
	}
	decision->window = worst;
	decision->alpha = look_alpha(signal->look);
	decision->drop = judgements[worst].drop;
	decision->low = judgements[worst].ends.low;
	decision->high = judgements[worst].ends.high;
	decision->accuracy_reference = (double)signal->reference_k / (double)signal->reference_n;
	decision->accuracy_new = (double)signal->window_k[worst] / (double)signal->window_n[worst];
	tell_drop(policy, signal, decision);
	return judgements[worst];
}

static struct judgement judge_evidence(const struct policy *policy, const struct signal *signal,
				       struct decision *decision)
{
	struct judgement judgement = {URGENCY_NONE, "not_enough_evidence", NAN, {NAN, NAN}};
	bool enough = signal->rows > 0 && signal->rows >= policy->min_rows;

	if (!signal->has_champion) {
		if (enough) {
			judgement.urgency = URGENCY_TRAIN;
			judgement.rule = "first_model";
		}
		decision_reason(decision,
				"no model serves yet, and %lld rows can be trained on (at least %lld are wanted)",
				(long long)signal->rows, (long long)policy->min_rows);
	} else if (signal->look == 0) {
		decision_reason(decision, "%lld rows came since the model was trained (a look is taken at %lld)",
				(long long)signal->rows, (long long)policy->min_rows);
	} else if (signal->reference_n == 0) {
		judgement.rule = "no_reference";
		decision_reason(
		    decision,
		    "the model has no holdout rows, so that nothing tells how good it was: give the spec a holdout");
	} else if (signal->window_n[WINDOW_ALL] > 0) {
		judgement = judge_drop(policy, signal, decision);
	}
	return judgement;
}

/* A feedback sample was drawn at random and declared before its truth was known, so that it is worth a test of its own:
 * sample j spends what look j does. */
static bool feedback_says_drop(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	const struct feedback *feedback = &signal->feedback;
	struct interval ends;
	double drop;

	if (feedback->n == 0 || signal->reference_n == 0)
		return false;
	drop = (double)signal->reference_k / (double)signal->reference_n - (double)feedback->k / (double)feedback->n;
	ends = newcombe_interval(signal->reference_k, signal->reference_n, feedback->k, feedback->n,
				 1 - look_alpha(feedback->number));
	decision_reason(decision,
			"feedback sample %d: %.2f %% of %lld predictions were right (drop %.2f..%.2f points)%s",
			feedback->number, 100 * (double)feedback->k / (double)feedback->n, (long long)feedback->n,
			100 * ends.low, 100 * ends.high, policy->uses_feedback ? "" : ", told only");
	return policy->uses_feedback && feedback->n >= policy->min_rows && ends.low > 0 &&
	       drop > policy->low_accuracy_decrease;
}

static bool inputs_have_moved(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	const struct input_drift *drift = &signal->drift;

	if (!*drift->column)
		return false;
	decision_reason(decision, "column \"%s\" has moved most: psi %.3f, of which %.3f would be noise%s",
			drift->column, drift->psi, drift->psi_noise, isnan(policy->drift_psi) ? ", told only" : "");
	return drift->psi - drift->psi_noise > policy->drift_psi; /* never above NAN */
}

static struct judgement judge(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	struct judgement judgement = judge_evidence(policy, signal, decision);
	bool feedback, moved;

	if (!signal->has_champion)
		return judgement;
	feedback = feedback_says_drop(policy, signal, decision);
	moved = inputs_have_moved(policy, signal, decision);
	if (judgement.urgency == URGENCY_NONE && (feedback || moved)) {
		judgement.urgency = URGENCY_WAIT;
		judgement.rule = feedback ? "feedback_drop" : "input_drift";
	}
	return judgement;
}

static void skip(struct decision *decision, const struct signal *signal, const char *rule)
{
	decision->verdict = VERDICT_SKIP;
	decision->rule = rule;
	if (signal->need.state == NEED_NONE)
		return;
	decision->step = STEP_CANCEL;
	decision_reason(decision, "the retraining that waited is cancelled");
}

/* A retraining is on its way. */
static bool under_way(const struct signal *signal, struct decision *decision)
{
	const struct need *need = &signal->need;
	bool runs = need->state == NEED_ACCEPTED, unreachable = need->state != NEED_NONE && *signal->unreachable;

	if (!runs && !unreachable && !(need->state == NEED_INTENDED && need->sent_at_once))
		return false;
	decision->verdict = runs || unreachable ? VERDICT_WAIT : VERDICT_TRAIN;
	decision->rule = unreachable ? "unreachable" : runs ? "in_flight" : "send_again";
	decision->state = need->state;
	decision->sent_at_once = need->sent_at_once;
	decision->due_at_s = need->due_at_s;
	decision->latest_start_at_s = need->latest_start_at_s;
	decision->start_at_s = runs || unreachable ? NAN : signal->now_s;
	if (unreachable)
		decision_reason(decision, "attempt %d: %s", need->attempt, signal->unreachable);
	else
		decision_reason(decision, "attempt %d %s", need->attempt,
				runs ? "is being carried out"
				     : "was intended and not accepted: it is sent again under the same name");
	return true;
}

static bool blocked(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	if (signal->need.state != NEED_NONE || !signal->failed || signal->rows_since_failed >= policy->min_new_rows)
		return false;
	decision->verdict = VERDICT_BLOCKED;
	decision->rule = "blocked";
	decision_reason(decision,
			"the last retraining failed %d times: nothing is tried until a promotion, %lld more rows (%lld "
			"came), or scheduler run --unblock",
			RETRAIN_ATTEMPTS, (long long)policy->min_new_rows, (long long)signal->rows_since_failed);
	return true;
}

/* What has been tried on this evidence already. */
static const char *tried_already(const struct policy *policy, const struct signal *signal, struct decision *decision)
{
	if (signal->refused && signal->rows_since_refused < policy->min_new_rows) {
		decision_reason(
		    decision,
		    "a challenger of this model was refused: none is trained until %lld more rows came (%lld came)",
		    (long long)policy->min_new_rows, (long long)signal->rows_since_refused);
		return "refused_recently";
	}
	if (signal->need.state == NEED_NONE && signal->answered) {
		decision_reason(decision, "a retraining on this very evidence has ended already");
		return "answered";
	}
	return NULL;
}

static void set_deadline(const struct policy *policy, const struct signal *signal, enum urgency urgency,
			 struct decision *decision)
{
	const struct need *need = &signal->need;
	bool is_open = need->state != NEED_NONE;
	double within_s = urgency == URGENCY_WAIT_HALF ? policy->finish_within_s / 2 : policy->finish_within_s;
	double latest_s;

	decision->due_at_s = is_open ? need->due_at_s : signal->now_s;
	if (isinf(policy->finish_within_s))
		latest_s = INFINITY;
	else if (urgency == URGENCY_TRAIN)
		latest_s = signal->now_s;
	else
		latest_s = fmax(decision->due_at_s,
				decision->due_at_s + within_s - (isnan(signal->duration_s) ? 0 : signal->duration_s));
	decision->latest_start_at_s = is_open ? fmin(latest_s, need->latest_start_at_s) : latest_s;
	decision->step = is_open ? STEP_MOVE : STEP_OPEN;
}

struct decision decide(const struct policy *policy, const struct signal *signal)
{
	struct decision decision = {
	    .window = -1,
	    .drop = NAN,
	    .low = NAN,
	    .high = NAN,
	    .accuracy_reference = NAN,
	    .accuracy_new = NAN,
	    .windows = {{NAN, NAN}, {NAN, NAN}},
	    .start_at_s = NAN,
	    .due_at_s = NAN,
	    .latest_start_at_s = NAN,
	    .target_gco2_per_kwh = NAN,
	};
	struct judgement judgement = judge(policy, signal, &decision);
	const char *tried;

	if (under_way(signal, &decision) || blocked(policy, signal, &decision))
		return decision;
	tried = judgement.urgency == URGENCY_NONE ? judgement.rule : tried_already(policy, signal, &decision);
	if (tried) {
		skip(&decision, signal, tried);
		return decision;
	}
	decision.rule = judgement.rule;
	set_deadline(policy, signal, judgement.urgency, &decision);
	if (signal->need.state != NEED_NONE && signal->now_s < signal->need.not_before_s) {
		char text[CLOCK_TEXT_SIZE];

		decision.verdict = VERDICT_WAIT;
		decision.rule = "backing_off";
		decision.start_at_s = signal->need.not_before_s;
		decision_reason(&decision, "the last attempt failed: attempt %d starts not before %s",
				signal->need.attempt, clock_format(signal->need.not_before_s, text));
	} else if (judgement.urgency == URGENCY_TRAIN) {
		decision.verdict = VERDICT_TRAIN;
		decision.start_at_s = signal->now_s;
		decision.sent_at_once = true;
		decision_reason(&decision, "it is trained at once");
	} else {
		rung_decide(policy, signal, &decision);
	}
	decision.state = decision.verdict == VERDICT_TRAIN ? NEED_INTENDED : NEED_WAITING;
	return decision;
}
