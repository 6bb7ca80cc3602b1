#include "scheduler/rounds.h"

#include "common/db.h"
#include "common/log.h"
#include "scheduler/report.h"
#include "scheduler/tick.h"
#include "scheduler/watch.h"

static bool tick_one(PGconn *db, const struct rounds *rounds, const struct config *config, const struct spec *spec,
		     struct outputs *outputs, struct fail *fail)
{
	struct tick tick;
	bool done =
	    rounds->explain ? tick_explain(db, config, spec, &tick, fail) : tick_run(db, config, spec, &tick, fail);

	if (tick.decision_id || (rounds->explain && done)) {
		(rounds->explain ? report_explain : report_print)(&tick, config->json);
		outputs_add(outputs, &tick);
	}
	tick_release(&tick);
	return done;
}

static void tick_all(struct rounds *rounds, PGconn **db, const struct spec *specs, int count)
{
	struct outputs outputs;
	struct fail fail = {0};

	outputs_init(&outputs);
	for (int i = 0; i < count; i++) {
		const struct config *config;

		fail_clear(&fail);
		if (*db && PQstatus(*db) != CONNECTION_OK) {
			db_close(*db);
			*db = NULL;
		}
		config = rounds->configure(&specs[i], rounds->context, &fail);
		if (config && (*db || (*db = db_connect(&fail))) &&
		    tick_one(*db, rounds, config, &specs[i], &outputs, &fail))
			continue;
		fail_prefix(&fail, "pipeline \"%s\"", specs[i].name);
		fail_exit(&fail);
		if (rounds->code == EXIT_DONE || rounds->code == EXIT_TRY_AGAIN)
			rounds->code = (int)fail.code;
	}
	fail_clear(&fail);
	if (!rounds->explain && !rounds->watch && !outputs_write(&outputs, &fail))
		rounds->code = fail_exit(&fail);
	outputs_release(&outputs);
}

static void one_round(void *context, PGconn **db)
{
	struct rounds *rounds = context;
	struct fail fail = {0};
	struct spec *specs = NULL;
	int count = 0;

	rounds->code = EXIT_DONE;
	if (spec_load_all(rounds->pipeline, rounds->as, &specs, &count, &fail))
		tick_all(rounds, db, specs, count);
	else
		rounds->code = fail_exit(&fail);
	spec_free_all(specs, count);
}

int rounds_run(struct rounds *rounds)
{
	struct watch watch = {rounds->interval_s, rounds->settle_s, one_round, rounds};
	struct fail fail = {0};
	PGconn *db = NULL;

	if (rounds->watch) {
		log_info("watching", "pipeline", "%s", rounds->pipeline, "interval_s", "%g", rounds->interval_s, NULL);
		return watch_run(&watch, &fail) ? EXIT_DONE : fail_exit(&fail);
	}
	one_round(rounds, &db);
	db_close(db);
	return rounds->code;
}
