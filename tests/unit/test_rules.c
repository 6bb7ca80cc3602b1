/*
 * 10,000 random lives of a pipeline, each of 60 ticks: rows come, accuracy falls, readings fail, submissions get lost,
 * attempts fail, are refused or promoted, the clock jumps. Every decision is compared with a plain model of the rules
 * written down a second time here, and what the scheduler would submit is watched: nothing without a reason, nothing
 * twice, nothing after its deadline, nothing on a number that nobody gave.
 *
 * The model of an interval is another one than newcombe.c's: the quantile by bisection, Wilson's limits as the roots of
 * (x - k/n)^2 = z^2 x (1 - x) / n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/xalloc.h"
#include "scheduler/decide.h"

enum { LIVES = 10000, TICKS = 60, MAX_SUBMISSIONS = TICKS };

/* ------------------------------------------------------------------ chance */

static uint64_t chance_state;

static double uniform(void)
{
	uint64_t z = chance_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool happens(double probability)
{
	return uniform() < probability;
}

static int64_t between(int64_t low, int64_t high)
{
	return low + (int64_t)(uniform() * (double)(high - low + 1));
}

/* ------------------------------------------------------------------ the rules, a second time */

struct bounds {
	double low, high;
};

static double z_of_look(int look)
{
	static double known[TICKS + 1];
	double level = 1 - 0.05 * 6 / (M_PI * M_PI * look * look) / WINDOWS, low = 0, high = 40;

	if (known[look] > 0)
		return known[look];

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (1 - erfc(middle / sqrt(2)) < level)
			low = middle;
		else
			high = middle;
	}
	return known[look] = low;
}

static struct bounds roots(double k, double n, double z)
{
	double a = 1 + z * z / n, b = -(2 * k / n + z * z / n), c = k / n * (k / n);
	double root = sqrt(fmax(0, b * b - 4 * a * c));

	return (struct bounds){(-b - root) / (2 * a), (-b + root) / (2 * a)};
}

static double lower_end(const struct signal *signal, int window)
{
	double k = (double)signal->window_k[window], n = (double)signal->window_n[window], z = z_of_look(signal->look);
	double r = (double)signal->reference_k / (double)signal->reference_n;
	struct bounds before = roots((double)signal->reference_k, (double)signal->reference_n, z);
	struct bounds now = roots(k, n, z);

	return r - k / n - hypot(r - before.low, now.high - k / n);
}

/* 0 none, 1 wait, 2 wait half as long, 3 train. */
static int urgency_of(const struct policy *policy, const struct signal *signal)
{
	int worst = 0;

	if (!signal->has_champion)
		return signal->rows > 0 && signal->rows >= policy->min_rows ? 3 : 0;
	if (signal->look == 0 || signal->reference_n == 0)
		return 0;
	for (int window = 0; window < WINDOWS; window++) {
		double drop, low;
		int urgency = 0;

		if (signal->window_n[window] == 0 || signal->window_n[window] < policy->min_rows)
			continue;
		drop = (double)signal->reference_k / (double)signal->reference_n -
		       (double)signal->window_k[window] / (double)signal->window_n[window];
		low = policy->estimate_only ? drop : lower_end(signal, window);
		if (fabs(low) < 1e-12 || fabs(low - policy->max_accuracy_decrease) < 1e-12)
			return -1; /* two ways of rounding may differ */
		if (low > policy->max_accuracy_decrease)
			urgency = 3;
		else if (low > 0 && drop > policy->low_accuracy_decrease)
			urgency = drop > policy->max_accuracy_decrease ? 2 : 1;
		worst = urgency > worst ? urgency : worst;
	}
	return worst;
}

/* What a need that may wait is held against: a number that was given, or NAN. */
static double target_of(const struct policy *policy, const struct signal *signal)
{
	return policy->start == START_THRESHOLD && signal->reading.known ? policy->threshold_gco2_per_kwh : NAN;
}

static double latest_of(const struct policy *policy, const struct signal *signal, int urgency)
{
	double due = signal->need.state == NEED_NONE ? signal->now_s : signal->need.due_at_s;
	double within = policy->finish_within_s / (urgency == 2 ? 2 : 1);
	double latest =
	    urgency == 3 ? signal->now_s : due + within - (isnan(signal->duration_s) ? 0 : signal->duration_s);

	if (isinf(policy->finish_within_s))
		latest = INFINITY;
	else if (latest < due)
		latest = due;
	return signal->need.state != NEED_NONE && signal->need.latest_start_at_s < latest
		   ? signal->need.latest_start_at_s
		   : latest;
}

static enum verdict verdict_of(const struct policy *policy, const struct signal *signal, int urgency)
{
	const struct need *need = &signal->need;

	if (need->state == NEED_ACCEPTED)
		return VERDICT_WAIT;
	if (need->state == NEED_INTENDED && need->sent_at_once)
		return VERDICT_TRAIN;
	if (need->state == NEED_NONE && signal->failed && signal->rows_since_failed < policy->min_new_rows)
		return VERDICT_BLOCKED;
	if (urgency == 0 || (signal->refused && signal->rows_since_refused < policy->min_new_rows) ||
	    (need->state == NEED_NONE && signal->answered))
		return VERDICT_SKIP;
	if (need->state != NEED_NONE && signal->now_s < need->not_before_s)
		return VERDICT_WAIT;
	if (urgency == 3 || policy->start == START_NOW ||
	    signal->now_s + policy->tick_s > latest_of(policy, signal, urgency))
		return VERDICT_TRAIN;
	return signal->reading.known && signal->reading.gco2_per_kwh < target_of(policy, signal) ? VERDICT_TRAIN
												 : VERDICT_WAIT;
}

/* ------------------------------------------------------------------ the world around them */

struct submission {
	int need, attempt;
	int model, look; /* the evidence */
};

struct world {
	struct policy policy;
	struct signal signal;
	double accuracy; /* of the rows that come */
	int need_id, needs, model;
	int64_t rows_refused, rows_failed, rows_answered; /* how many there were then; -1: never */
	bool regular;					  /* every tick so far came on time */
	bool was_ours;					  /* the last submission arrived although its answer was lost */
	struct submission sent[MAX_SUBMISSIONS];
	int sent_count;
};

static void begin(struct world *world)
{
	*world = (struct world){
	    .policy = {.start = happens(0.3) ? START_NOW : START_THRESHOLD,
		       .threshold_gco2_per_kwh = (double)between(50, 500),
		       .low_accuracy_decrease = happens(0.3) ? 0 : 0.01,
		       .max_accuracy_decrease = 0.05,
		       .min_rows = between(1, 3000),
		       .min_new_rows = between(1, 3000),
		       .finish_within_s = happens(0.2) ? INFINITY : 3600.0 * (double)between(0, 48),
		       .tick_s = 900,
		       .drift_psi = NAN,
		       .estimate_only = happens(0.2)},
	    .signal = {.now_s = 1.7e9,
		       .duration_s = happens(0.3) ? NAN : (double)between(0, 7200),
		       .retrain_kwh = NAN,
		       .open_tick_kwh = NAN,
		       .idle_tick_kwh = NAN},
	    .accuracy = 0.8,
	    .rows_refused = -1,
	    .rows_failed = -1,
	    .rows_answered = -1,
	    .regular = true,
	};
	snprintf(world->policy.name, sizeof(world->policy.name), "random");
}

/* A look as evidence.c takes it: when enough rows came, of all of them and of the newest. */
static void look(struct world *world)
{
	struct signal *signal = &world->signal;
	int64_t came = signal->rows - signal->window_n[WINDOW_ALL];
	int64_t right = (int64_t)((double)came * fmin(1, fmax(0, world->accuracy + (uniform() - 0.5) / 20)));

	if (!signal->has_champion || signal->need.state == NEED_ACCEPTED || came <= 0 ||
	    came < (signal->look ? world->policy.min_new_rows : world->policy.min_rows))
		return;
	signal->look++;
	signal->window_k[WINDOW_ALL] += right;
	signal->window_n[WINDOW_ALL] += came;
	signal->window_k[WINDOW_RECENT] = right;
	signal->window_n[WINDOW_RECENT] = came;
	world->rows_answered = -1;
}

static void time_passes(struct world *world)
{
	double jump = happens(0.02) ? 3600.0 * (double)between(-3, 100) : 0;

	world->regular = world->regular && jump <= 0;
	world->signal.now_s += 900 + jump;
	if (happens(0.15))
		world->accuracy = 0.55 + uniform() * 0.3;
	if (happens(0.3))
		world->signal.rows += between(0, 4000);
}

/* What a tick gathers. */
static void gather(struct world *world)
{
	struct signal *signal = &world->signal;

	look(world);
	signal->reading = (struct reading){.known = happens(0.8), .gco2_per_kwh = (double)between(0, 700)};
	snprintf(signal->reading.source, sizeof(signal->reading.source), "a/b/c/d");
	if (!signal->reading.known) {
		signal->reading.gco2_per_kwh = 0; /* who used it would think the grid is clean */
		snprintf(signal->reading.reason, sizeof(signal->reading.reason), "none");
	}
	signal->refused = world->rows_refused >= 0;
	signal->rows_since_refused = signal->rows - world->rows_refused;
	signal->failed = world->rows_failed >= 0;
	signal->rows_since_failed = signal->rows - world->rows_failed;
	signal->answered = world->rows_answered >= 0;
}

static void promote(struct world *world)
{
	struct signal *signal = &world->signal;

	world->model++;
	signal->has_champion = true;
	signal->reference_n = between(100, 20000);
	signal->reference_k = (int64_t)((double)signal->reference_n * fmin(1, world->accuracy));
	signal->rows = signal->look = 0;
	memset(signal->window_k, 0, sizeof(signal->window_k));
	memset(signal->window_n, 0, sizeof(signal->window_n));
	world->rows_refused = world->rows_failed = world->rows_answered = -1;
}

/* What became of an accepted retraining. */
static void follow(struct world *world)
{
	struct need *need = &world->signal.need;
	struct attempt_failed failed;

	if (need->state == NEED_INTENDED && world->was_ours)
		need->state = NEED_ACCEPTED; /* found under its name */
	if (need->state != NEED_ACCEPTED || happens(0.5))
		return;
	if (happens(0.3)) {
		failed = after_failed_attempt(need->attempt, world->signal.now_s);
		*need = failed.closed ? (struct need){.state = NEED_NONE}
				      : (struct need){NEED_WAITING,	   need->due_at_s, need->latest_start_at_s,
						      failed.not_before_s, failed.attempt, false};
		if (failed.closed)
			world->rows_failed = world->signal.rows;
		return;
	}
	*need = (struct need){.state = NEED_NONE};
	if (happens(0.2) && world->signal.look > 0) {
		world->rows_answered = world->signal.rows; /* promoted, and rolled back by hand */
	} else if (happens(0.5)) {
		promote(world);
	} else {
		world->rows_refused = world->signal.rows;
		world->rows_answered = world->signal.look ? world->signal.rows : -1;
	}
}

/* ------------------------------------------------------------------ what must never happen */

static void submit(struct world *world, const struct decision *decision, int urgency)
{
	const struct signal *signal = &world->signal;
	struct submission new = {world->need_id, signal->need.attempt, world->model, signal->look};

	assert_true(world->sent_count < MAX_SUBMISSIONS);
	assert_non_null(decision->rule);
	assert_true(decision->reason_count > 0);
	assert_true(urgency > 0 || strcmp(decision->rule, "send_again") == 0);
	for (int i = 0; i < world->sent_count; i++) {
		const struct submission *old = &world->sent[i];

		if (old->need == new.need && old->attempt == new.attempt)
			assert_false(world->was_ours); /* only what did not arrive is sent again, and under its name */
		if (old->need != new.need)
			assert_false(signal->has_champion && old->model == new.model && old->look == new.look);
	}
	world->sent[world->sent_count++] = new;
	world->was_ours = happens(0.8);
}

static void watch_the_numbers(const struct world *world, const struct decision *decision)
{
	const struct signal *signal = &world->signal;

	if (!isnan(decision->target_gco2_per_kwh))
		assert_true(decision->target_gco2_per_kwh == target_of(&world->policy, signal));
	if (decision->verdict == VERDICT_TRAIN && !signal->reading.known && decision->rung)
		assert_true(strcmp(decision->rung, "deadline") == 0 || strcmp(decision->rung, "now") == 0);
	if (decision->verdict == VERDICT_WAIT && decision->step != STEP_NONE &&
	    signal->now_s >= signal->need.not_before_s)
		assert_true(signal->now_s + world->policy.tick_s <= decision->latest_start_at_s);
	/* With regular ticks and a first attempt nothing starts after the deadline it had. */
	if (decision->verdict == VERDICT_TRAIN && decision->step == STEP_MOVE && decision->rung && world->regular &&
	    signal->need.state == NEED_WAITING && signal->need.attempt == 1)
		assert_true(signal->now_s <= signal->need.latest_start_at_s);
}

/* What tick.c does with a decision. */
static void carry_out(struct world *world, const struct decision *decision, int urgency)
{
	struct need *need = &world->signal.need;

	if (decision->step == STEP_OPEN) {
		assert_int_equal(need->state, NEED_NONE);
		*need = (struct need){.attempt = 1};
		world->need_id = ++world->needs;
		world->was_ours = false;
		world->rows_failed = -1; /* it is not the last need any more */
	}
	if (decision->step == STEP_OPEN || decision->step == STEP_MOVE) {
		need->state = decision->state;
		need->due_at_s = decision->due_at_s;
		need->latest_start_at_s = decision->latest_start_at_s;
		need->sent_at_once = decision->sent_at_once;
	} else if (decision->step == STEP_CANCEL) {
		*need = (struct need){.state = NEED_NONE};
	}
	if (decision->verdict != VERDICT_TRAIN)
		return;
	submit(world, decision, urgency);
	if (world->was_ours && happens(0.8))
		need->state = NEED_ACCEPTED; /* else its answer was lost */
}

static bool tick(struct world *world)
{
	const struct signal *signal = &world->signal;
	struct decision decision;
	enum verdict wanted;
	int urgency;

	time_passes(world);
	follow(world);
	gather(world);
	urgency = urgency_of(&world->policy, signal);
	if (urgency < 0)
		return false;
	wanted = verdict_of(&world->policy, signal, urgency);
	decision = decide(&world->policy, signal);
	if (decision.verdict != wanted)
		fail_msg("%s (%s), expected %s: urgency %d, need %d, rows %lld, look %d",
			 verdict_name(decision.verdict), decision.rule, verdict_name(wanted), urgency,
			 (int)signal->need.state, (long long)signal->rows, signal->look);
	watch_the_numbers(world, &decision);
	carry_out(world, &decision, urgency);
	return true;
}

static void lives(void **state UNUSED)
{
	int submissions = 0, needs = 0, left = 0;

	for (int life = 0; life < LIVES; life++) {
		struct world world;

		chance_state = (uint64_t)life * 1000003;
		begin(&world);
		for (int i = 0; i < TICKS; i++)
			if (!tick(&world)) {
				left++;
				break;
			}
		submissions += world.sent_count;
		needs += world.needs;
	}
	print_message("# %d lives, %d needs, %d submissions, %d left at a tie\n", LIVES, needs, submissions, left);
	assert_true(submissions > LIVES && needs > LIVES);
	assert_true(left < LIVES / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lives)};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
