#ifndef MODEL_TRAINING_PLAN_ROWS_H
#define MODEL_TRAINING_PLAN_ROWS_H

/*
 * The training rows (holdout excluded) of some loads as cells: for all loads the compacted counts and what came since,
 * for some of them their own. Inside the caller's snapshot.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/registry.h"
#include "common/spec.h"
#include "model-training/dataset.h"

struct plan_window {
	enum spec_train_on train_on;
	int64_t count;
	const char *loads; /* "{1,2}": the loads to read, those of train_on last_rows at most */
	bool all;	   /* these are all preprocessed loads */
};

/* With last_rows, *used becomes the loads that hold a row taken (free()), else a copy of window->loads. */
bool plan_rows_read(PGconn *db, const struct feature_set *set, const struct plan_window *window,
		    struct dataset_rows *rows, char **used, struct fail *fail) MUST_USE;

#endif
