#ifndef SCHEDULER_DECIDE_H
#define SCHEDULER_DECIDE_H

/*
 * The decision: whether a pipeline's model has to be trained again, and when to start. A pure function of plain
 * structs; clock, network and database are read before it is called, and what it says is stored and carried out
 * afterwards.
 *
 *	struct policy policy;		what is wanted: scheduler/policy.h fills it
 *	struct signal signal;		what is known now: scheduler/tick.h fills it
 *	struct decision decision = decide(&policy, &signal);
 *
 * Times are seconds since 1970 (UTC), durations seconds, intensities gCO2-eq per kWh, energies kWh. "Not known" is NAN
 * for a number and INFINITY for a deadline that does not exist. The pointers of a signal stay the caller's; a decision
 * points to constant texts only.
 *
 * 1. The need. Each window of the evidence is judged by the first rule that holds; the more urgent judgement counts:
 *	first_model		no champion and at least min_rows rows: train
 *	not_enough_evidence	fewer rows than min_rows: skip
 *	big_drop		lower end of the drop > max: train
 *	probable_big_drop	lower end > 0 and drop > max: wait at most finish_within / 2
 *	small_drop		lower end > 0 and drop > low: wait at most finish_within
 *	no_drop			else: skip
 *    Where the evidence asks for nothing, two hints may, if the spec lets them; they never do more than wait:
 *	feedback_drop		lower end of the drop that a complete feedback sample shows > 0, and the drop > low
 *	input_drift		psi of a column above its noise by more than drift_psi
 * 2. What is known of earlier attempts goes before it: in_flight (a retraining runs: wait), unreachable (whether it
 * runs cannot be found out: wait, and change nothing), send_again (an intent that was not accepted, after a big drop:
 * train), blocked (five failed attempts), refused_recently and answered (skip), backing_off (the last attempt failed:
 * wait).
 * 3. The start. A need that may wait is started by the policy, never later than latest_start_at; a tick that would be
 *    the last one before it counts as the deadline. The rung says what decided: now, forecast, percentile, threshold,
 *    deadline. Without a reading nothing is clean: the rung is deadline. not_worth_waiting and saving_too_small start
 *    earlier.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/newcombe.h"
#include "scheduler/points.h"
#include "scheduler/rule.h"

enum verdict { VERDICT_SKIP, VERDICT_WAIT, VERDICT_TRAIN, VERDICT_BLOCKED };
enum { WINDOW_ALL, WINDOW_RECENT, WINDOWS };
enum { RETRAIN_ATTEMPTS = 5 };

struct policy {
	char name[48]; /* "threshold:400" */
	enum start_policy start;
	struct rule rule;	       /* of a start that looks ahead (START_FORECAST and behind it) */
	double threshold_gco2_per_kwh; /* of threshold:T; else the ladder's threshold rung */
	double percentile;	       /* of percentile:P; the ladder's percentile rung uses 20 */
	double low_accuracy_decrease, max_accuracy_decrease;
	int64_t min_rows, min_new_rows;
	double finish_within_s; /* INFINITY: no deadline */
	double min_saving;	/* start when waiting is expected to save a smaller share of the grams */
	double budget_g;	/* of a calendar month (UTC), for trainings that may wait; 0: none */
	double tick_s;
	bool uses_feedback;  /* feedback_drop may open a need */
	double drift_psi;    /* and so may input_drift; NAN: it is only told */
	bool estimate_only;  /* the estimate stands for both ends of the interval (preset seed) */
	bool weighs_waiting; /* not_worth_waiting may start */
};

/* A reading is one number for now, or the reason why there is none. */
struct reading {
	bool known;
	double gco2_per_kwh;
	double start_s; /* of the hour (or slot) it is for */
	double age_s;	/* how long ago that was; 0 for a fixed list and a trace, which hold until their next value */
	bool estimated;
	double retry_at_s; /* the provider asked not to be asked before; 0: it did not */
	char source[160];  /* provider/kind/factors/zone */
	char reason[256];  /* why there is no reading */
};

enum need_state { NEED_NONE, NEED_WAITING, NEED_INTENDED, NEED_ACCEPTED };

/* The open row of green_ml.retrain. */
struct need {
	enum need_state state;
	double due_at_s;
	double latest_start_at_s; /* INFINITY: none */
	double not_before_s;	  /* 0: none */
	int attempt;
	bool sent_at_once;
};

/* The last feedback sample of the champion that is complete; n 0: there is none. */
struct feedback {
	int number; /* 1, 2, ... per model: each is a look of its own */
	int64_t k, n;
};

/* The column whose values have moved most from the plan's snapshot, as the last look found it (common/drift.h). */
struct input_drift {
	char column[64]; /* "": not known */
	double psi, psi_noise;
};

struct signal {
	double now_s;
	bool has_champion;
	int64_t reference_k, reference_n; /* the champion's holdout at training time */
	int64_t rows;			  /* evidence now; without a champion the rows that could be trained on */
	int look;			  /* 0: no look was taken yet; else what the windows hold */
	int64_t window_k[WINDOWS], window_n[WINDOWS];
	struct feedback feedback;
	struct input_drift drift;
	struct need need;
	char unreachable[256]; /* why nobody could tell what became of the need's workflow; "": they could */
	bool failed;	       /* no open need, and the last one failed for good since the last promotion */
	int64_t rows_since_failed;
	bool refused; /* a challenger of this champion was refused */
	int64_t rows_since_refused;
	bool answered; /* a finished retraining has been made on this very evidence */
	struct reading reading;
	const struct carbon_point *history; /* same source as the reading, ascending, up to now */
	size_t history_count;
	const struct forecast_point *forecast; /* published, same source, any order */
	size_t forecast_count;
	double duration_s;    /* predicted, of a retraining; NAN: none has ended yet */
	double retrain_kwh;   /* predicted; NAN: unknown */
	double open_tick_kwh; /* of a tick with an open need, and of an idle one; NAN: unknown */
	double idle_tick_kwh;
	double spent_g; /* by this pipeline's trainings in the current month */
};

/* What becomes of the retrain row. */
enum need_step { STEP_NONE, STEP_OPEN, STEP_MOVE, STEP_CANCEL };

enum { DECISION_REASONS = 8, DECISION_REASON_SIZE = 384 };

struct decision {
	enum verdict verdict;
	const char *rule;
	const char *rung;	/* NULL: the start was no question */
	int window;		/* WINDOW_ALL or WINDOW_RECENT that decided; -1: none was looked at */
	double drop, low, high; /* of that window; NAN: none */
	double accuracy_reference, accuracy_new;
	struct interval windows[WINDOWS]; /* both, as they are stored with the look */
	double alpha;			  /* spent by this look; 0: none */
	double start_at_s;		  /* now for train, the plan for wait; NAN: not known or none */
	double due_at_s;		  /* NAN: no need */
	double latest_start_at_s;	  /* INFINITY: no deadline; NAN: no need */
	double target_gco2_per_kwh;	  /* the reading must be below it; NAN: none */
	enum need_step step;
	enum need_state state; /* of the need after this decision */
	bool sent_at_once;
	int reason_count;
	char reasons[DECISION_REASONS][DECISION_REASON_SIZE];
};

struct decision decide(const struct policy *policy, const struct signal *signal);

/* Adds a sentence to the decision's reasons; one too many is dropped. */
void decision_reason(struct decision *decision, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a failed attempt leads to. */
struct attempt_failed {
	bool closed; /* it was the last: the need is failed */
	int attempt; /* else the next attempt */
	double not_before_s;
};

struct attempt_failed after_failed_attempt(int attempt, double now_s);

const char *verdict_name(enum verdict verdict);
const char *need_state_name(enum need_state state);
const char *window_name(int window);

#endif
