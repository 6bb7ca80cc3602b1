#ifndef MODEL_TRAINING_PLAN_H
#define MODEL_TRAINING_PLAN_H

/*
 * The training plan: the snapshot of the feature rows that a training reads, and nothing else. Taking one reads the
 * database in one REPEATABLE READ snapshot and stores the coded training set (dataset.h) with the settings; growing
 * needs the plan only. A plan taken again over the same rows with the same settings and need is the same plan.
 *
 *	struct plan_request request = {.spec = &spec, .retrain_id = NULL, .run_id = run_id(run)};
 *	struct plan plan;
 *	if (!plan_take(db, &request, &plan, &fail)) ...		or plan_load(db, &spec, "12", &plan, &fail)
 *	plan_release(&plan);
 *
 * train_on "all" takes every preprocessed load, last_loads the newest N of them, last_rows the newest N training rows
 * by load and row. min_samples_leaf "auto" is searched when the plan is taken for the first time (auto_leaf.h), and
 * max_features "auto" with it; what was chosen and the curve are stored with the plan, and where it is asked for the
 * pilot's trees in the same transaction: shares.h.
 */

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

struct plan {
	int id;
	int pipeline_id;
	int feature_set_id;
	char *known_loads;	   /* "{1,2,3}": every load of the source that was done; trained on or not */
	char *loads;		   /* those it trains on */
	struct spec_forest forest; /* min_samples_leaf, max_features: the chosen ones */
	struct spec_gate gate;
	struct dataset *dataset;
	bool existed;	    /* plan_take: an equal plan was there already */
	json_t *pilot;	    /* what "auto" found, NULL: the spec names the size */
	int pilot_trees;    /* of the forest's trees are the pilot's */
	struct grown trees; /* them, where this process has grown them */
};

struct plan_request {
	const struct spec *spec;
	const char *retrain_id; /* the need it answers, NULL: started by hand */
	int64_t run_id;
	int threads;	 /* for the pilot */
	bool keep_pilot; /* other processes grow the rest: they find the pilot's trees stored */
};

/* How the plan's forest is grown; progress may be NULL. */
struct grow_settings plan_growth(const struct plan *plan, int threads, void (*progress)(int64_t done, int64_t total));

/* Outside a transaction. EXIT_WRONG_USE: not registered, or registered otherwise. EXIT_BAD_DATA: nothing to train on.
 */
bool plan_take(PGconn *db, const struct plan_request *request, struct plan *plan, struct fail *fail) MUST_USE;
/* EXIT_WRONG_USE: there is no such plan of the spec's pipeline. */
bool plan_load(PGconn *db, const struct spec *spec, const char *plan_id, struct plan *plan, struct fail *fail) MUST_USE;
void plan_release(struct plan *plan); /* a zeroed one is fine */

#endif
