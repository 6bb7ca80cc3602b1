#include "scheduler/tick.h"

#include <math.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/run.h"
#include "scheduler/carbon.h"
#include "scheduler/carrier.h"
#include "scheduler/costs.h"
#include "scheduler/feedback.h"
#include "scheduler/policy.h"
#include "scheduler/standing.h"
#include "scheduler/store.h"
#include "scheduler/trailing.h"

/* What a tick works with, opened from its settings. */
struct tools {
	struct carbon_source carbon;
	struct carrier carrier;
};

static bool open_tools(const struct config *config, const struct spec *spec, struct tick *tick, struct tools *tools,
		       struct fail *fail)
{
	*tick = (struct tick){.spec = spec};
	if (!policy_make(config, &tick->policy, fail) || !carbon_open(config, &tools->carbon, fail))
		return false;
	if (!carrier_open(config, spec, &tools->carrier, fail)) {
		carbon_release(&tools->carbon);
		return false;
	}
	return true;
}

static void close_tools(struct tools *tools)
{
	carrier_release(&tools->carrier);
	carbon_release(&tools->carbon);
}

void tick_release(struct tick *tick)
{
	free(tick->history);
	free(tick->forecast);
	evidence_release(&tick->evidence);
	tick->history = NULL;
	tick->forecast = NULL;
}

/* One tick of a pipeline at a time; the lock goes with the connection. */
static bool lock_pipeline(PGconn *db, const char *pipeline, struct fail *fail)
{
	if (db_runf(db, fail, "s", "SELECT pg_advisory_lock(hashtext('green_ml.scheduler'), hashtext($1))", pipeline))
		return true;
	return fail_prefix(fail, "another tick of pipeline \"%s\" is at work", pipeline);
}

static bool try_lock(PGconn *db, const char *pipeline, bool *locked, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "s", "SELECT pg_try_advisory_lock(hashtext('green_ml.scheduler'), hashtext($1))", pipeline);

	*locked = row && db_bool(row, 0, 0);
	db_free(row);
	return row != NULL;
}

static void unlock_pipeline(PGconn *db, const char *pipeline)
{
	struct fail fail = {0};

	if (!db_runf(db, &fail, "s", "SELECT pg_advisory_unlock(hashtext('green_ml.scheduler'), hashtext($1))",
		     pipeline))
		log_warning("could not unlock the pipeline, it is free when the connection ends", "pipeline", "%s",
			    pipeline, "error", "%s", fail.text, NULL);
}

/* Decides again where it is a question when to start: only then it matters what retrainings cost and what the grid did
 * before. */
static bool decide_when(PGconn *db, struct tools *tools, int retrain_id, struct tick *tick, struct fail *fail)
{
	double until_s;

	tick->decision = decide(&tick->policy, &tick->signal);
	if (!tick->decision.rung)
		return true;
	until_s = fmin(tick->signal.now_s, tick->decision.due_at_s);
	if (!costs_read(db, tick->evidence.pipeline_id, retrain_id, &tick->signal, fail) ||
	    (tick->policy.budget_g > 0 &&
	     !costs_spent(db, tick->spec->name, tick->signal.now_s, &tick->signal.spent_g, fail)) ||
	    (tick->policy.start != START_NOW &&
	     !carbon_history(&tools->carbon, db, until_s - (TRAILING_HOURS + 24) * 3600.0, tick->signal.now_s + 1,
			     &tick->history, &tick->signal.history_count, fail)) ||
	    (tick->policy.start >= START_FORECAST &&
	     !carbon_forecast(&tools->carbon, db, until_s - (TRAILING_HOURS + 24) * 3600.0, until_s, tick->signal.now_s,
			      &tick->forecast, &tick->signal.forecast_count, fail)))
		return false;
	tick->signal.history = tick->history;
	tick->signal.forecast = tick->forecast;
	tick->decision = decide(&tick->policy, &tick->signal);
	return true;
}

/* A feedback sample is told in ticks that do something anyway, and read in every one where it may open a need. */
static bool read_feedback(PGconn *db, struct tick *tick, bool is_quiet, struct fail *fail)
{
	const struct evidence *evidence = &tick->evidence;

	if (!evidence->champion.exists || (is_quiet && !tick->policy.uses_feedback))
		return true;
	return feedback_read(db, evidence->pipeline_id, evidence->champion.model_id, &tick->signal.feedback, fail);
}

static bool read_grid(PGconn *db, struct tools *tools, bool store, struct tick *tick, struct fail *fail)
{
	struct signal *signal = &tick->signal;

	signal->duration_s = signal->retrain_kwh = signal->open_tick_kwh = signal->idle_tick_kwh = NAN;
	return carbon_read(&tools->carbon, db, signal->now_s, store, &signal->reading, fail);
}

/* Everything that is known now, and the decision. */
static bool gather_and_decide(PGconn *db, const struct config *config, struct tools *tools, bool store,
			      const struct standing *standing, const struct change *change, struct tick *tick,
			      struct fail *fail)
{
	struct signal *signal = &tick->signal;

	signal->now_s = clock_now_s();
	signal->need = standing->retrain.need;
	tick->evidence = standing->evidence;
	if (signal->need.state != NEED_ACCEPTED && evidence_is_due(&tick->evidence, config) &&
	    !evidence_look(db, tick->spec->name, config, &tick->evidence, fail))
		return false;
	evidence_to_signal(&tick->evidence, signal);
	return read_feedback(db, tick, false, fail) && retrain_earlier(db, &tick->evidence, change, signal, fail) &&
	       read_grid(db, tools, store, tick, fail) && decide_when(db, tools, standing->retrain.id, tick, fail);
}

/* The usual tick: no need, no look due, no drop that the last look would have found. It neither changes anything nor
 * depends on what another tick may be changing, so that it takes no lock. */
static bool quiet(PGconn *db, const struct config *config, struct tools *tools, const struct standing *standing,
		  struct run *run, struct tick *tick, bool *is_quiet, struct fail *fail)
{
	struct writer writer = {0, clock_now_s(), clock_is_simulated()};

	*is_quiet = false;
	if (standing->retrain.id || standing->failed || config->unblock || evidence_is_due(&standing->evidence, config))
		return true;
	tick->signal.now_s = writer.now_s;
	tick->evidence = standing->evidence;
	evidence_to_signal(&tick->evidence, &tick->signal);
	if (!read_feedback(db, tick, true, fail))
		return false;
	tick->decision = decide(&tick->policy, &tick->signal);
	*is_quiet = tick->decision.verdict == VERDICT_SKIP;
	return !*is_quiet ||
	       (read_grid(db, tools, true, tick, fail) && store_quiet_decision(db, run, tick, &writer, fail));
}

static bool write_all(PGconn *db, const struct config *config, const struct writer *writer, const struct change *change,
		      struct retrain *retrain, struct tick *tick, struct fail *fail)
{
	int before = retrain->id;

	if (!retrain_store_change(db, change, writer, fail))
		return false;
	if (tick->evidence.fresh && !evidence_store(db, &tick->evidence, &tick->decision, writer->run_id, writer->now_s,
						    writer->simulated, fail))
		return false;
	if (!retrain_apply(db, &tick->evidence, &tick->decision, writer, retrain, fail))
		return false;
	tick->retrain_id = retrain->id ? retrain->id : before;
	if (tick->decision.verdict == VERDICT_TRAIN &&
	    !retrain_workflow(config->template, tick->spec->name, retrain, tick->workflow, fail))
		return false;
	if (retrain->need.state == NEED_ACCEPTED)
		memcpy(tick->workflow, retrain->workflow, sizeof(tick->workflow));
	return store_decision(db, tick, writer, fail);
}

static bool store_tick(PGconn *db, const struct config *config, struct run *run, const struct writer *writer,
		       const struct change *change, struct retrain *retrain, struct tick *tick, struct fail *fail)
{
	if (db_begin(db, fail) && write_all(db, config, writer, change, retrain, tick, fail) &&
	    run_done(run, db, fail) && db_commit(db, fail))
		return true;
	db_rollback(db);
	tick->decision_id = 0;
	return false;
}

static void log_decision(const struct tick *tick)
{
	const struct decision *decision = &tick->decision;

	log_event(decision->verdict == VERDICT_BLOCKED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "decided", "pipeline", "%s",
		  tick->spec->name, "verdict", "%s", verdict_name(decision->verdict), "rule", "%s", decision->rule,
		  "rung", "%s", decision->rung ? decision->rung : "-", "decision_id", "%lld",
		  (long long)tick->decision_id, "retrain_id", "%d", tick->retrain_id, NULL);
}

/* What became of the open need. A server that does not say is no reason to decide nothing: the decision tells it, and
 * asked is what the tick ends with. */
static bool follow(PGconn *db, const struct tools *tools, struct standing *standing, struct change *change,
		   struct tick *tick, struct fail *asked, struct fail *fail)
{
	switch (carrier_follow(&tools->carrier, db, clock_now_s(), &standing->retrain, change, asked)) {
	case FOLLOWED:
		break;
	case FOLLOW_UNREACHABLE:
		snprintf(tick->signal.unreachable, sizeof(tick->signal.unreachable), "%.255s", asked->text);
		break;
	case FOLLOW_FAILED:
		return fail_set(fail, asked->code, "%s", asked->text);
	}
	return true;
}

static bool work(PGconn *db, const struct config *config, struct tools *tools, struct run *run, struct tick *tick,
		 struct fail *fail)
{
	struct writer writer = {run_id(run), clock_now_s(), clock_is_simulated()};
	struct standing standing;
	struct change change;
	struct fail asked = {0};
	bool lifted = false;

	if (!standing_read(db, tick->spec, &standing, fail))
		return false;
	if (config->unblock && !retrain_unblock(db, standing.evidence.pipeline_id, &writer, &lifted, fail))
		return false;
	if (!follow(db, tools, &standing, &change, tick, &asked, fail) ||
	    !gather_and_decide(db, config, tools, true, &standing, &change, tick, fail) ||
	    !store_tick(db, config, run, &writer, &change, &standing.retrain, tick, fail))
		return false;
	log_decision(tick);
	if (asked.code)
		return fail_set(fail, asked.code, "%s", asked.text);
	return tick->decision.verdict != VERDICT_TRAIN ||
	       carrier_start(&tools->carrier, db, tick->workflow, &writer, &standing.retrain, fail);
}

static bool locked_tick(PGconn *db, const struct config *config, struct tools *tools, struct run *run,
			struct tick *tick, struct fail *fail)
{
	bool done = false;

	if (run_lease(run, tick->spec->name, fail) && lock_pipeline(db, tick->spec->name, fail)) {
		done = work(db, config, tools, run, tick, fail);
		unlock_pipeline(db, tick->spec->name);
	}
	if (!done && tick->decision_id == 0)
		run_failed(run, db, fail->text);
	else if (!done)
		run_failed_after_all(run, db, fail->text);
	return done;
}

bool tick_run(PGconn *db, const struct config *config, const struct spec *spec, struct tick *tick, struct fail *fail)
{
	struct tools tools;
	struct standing standing;
	struct run *run;
	bool done, is_quiet = false;

	if (!open_tools(config, spec, tick, &tools, fail))
		return false;
	run = run_brief(db, fail);
	done = run && standing_read(db, spec, &standing, fail) &&
	       quiet(db, config, &tools, &standing, run, tick, &is_quiet, fail);
	if (done && is_quiet)
		log_decision(tick);
	else if (done)
		done = locked_tick(db, config, &tools, run, tick, fail);
	run_free(run);
	close_tools(&tools);
	return done;
}

bool tick_explain(PGconn *db, const struct config *config, const struct spec *spec, struct tick *tick,
		  struct fail *fail)
{
	struct tools tools;
	struct standing standing = {.retrain = {0}};
	struct change change = {.any = false};
	struct fail asked = {0};
	bool locked = false, done = false;

	if (!open_tools(config, spec, tick, &tools, fail))
		return false;
	/* A pipeline that a tick is at work on is left to it: its retraining is in flight, whatever the rows say. */
	if (standing_read(db, spec, &standing, fail) && try_lock(db, spec->name, &locked, fail))
		done = (!locked || follow(db, &tools, &standing, &change, tick, &asked, fail)) &&
		       gather_and_decide(db, config, &tools, false, &standing, &change, tick, fail);
	tick->retrain_id = standing.retrain.id;
	if (locked)
		unlock_pipeline(db, spec->name);
	close_tools(&tools);
	return done;
}
