#ifndef MODEL_TRAINING_SHARES_H
#define MODEL_TRAINING_SHARES_H

/*
 * The trees of a plan in green_ml.model_shard: those of its pilot (shard 0 of 0) and those of n shares, each grown by a
 * process of its own, which together make the forest.
 *
 *	share_parse("2/4", &share, &fail)		one process for each share
 *	shares_find(db, plan, &share, &fail)
 *	shares_grow(plan, &share, threads, progress, &grown)
 *	shares_store(db, plan, &share, &grown, &fail)
 *	shares_merge(db, plan, &grown, &fail)		then one more
 *
 * or all trees in one process, the pilot's taken over:
 *
 *	shares_grow_all(db, plan, threads, progress, &grown, &fail)
 *
 * Growing a share again finds it stored. Merging takes the shares of any n that is complete: the trees are the same. A
 * pilot that is not stored is grown again. Once the plan's model is stored, shares are removed and no more are kept:
 *
 *	shares_remove(db, plan->id, &fail)
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "model-training/grow.h"
#include "model-training/plan.h"

enum { SHARES_MAX = 10000 };

/* From training_plan.pilot, the max_features that it found too; json NULL: there is none. */
void shares_set_pilot(struct plan *plan, const char *json);
/* Inside the transaction that stores the plan; nothing without a pilot. */
bool shares_store_pilot(PGconn *db, const struct plan *plan, struct fail *fail) MUST_USE;

struct share {
	int i, n;
	int first_tree, trees;
	bool existed; /* it was stored before */
};

/* "2/4". EXIT_WRONG_USE: it is not 1/N .. N/N, N at most SHARES_MAX. */
bool share_parse(const char *text, struct share *share, struct fail *fail) MUST_USE;

/* Fills share->first_tree, trees and existed. */
bool shares_find(PGconn *db, const struct plan *plan, struct share *share, struct fail *fail) MUST_USE;
/* As shares_grow_all(), EXIT_FAILED when it would be too large: budget.h. */
bool shares_grow(const struct plan *plan, const struct share *share, int threads,
		 void (*progress)(int64_t done, int64_t total), struct grown *grown, struct fail *fail) MUST_USE;
/* Inside the caller's transaction; nothing where the plan's model is there already. */
bool shares_store(PGconn *db, const struct plan *plan, const struct share *share, const struct grown *grown,
		  struct fail *fail) MUST_USE;

/* In the snapshot (db_begin_snapshot) in which the plan had no model yet. EXIT_TRY_AGAIN: shares are missing; the
 * message names them. */
bool shares_merge(PGconn *db, struct plan *plan, int threads, struct grown *grown, struct fail *fail) MUST_USE;
bool shares_grow_all(PGconn *db, struct plan *plan, int threads, void (*progress)(int64_t done, int64_t total),
		     struct grown *grown, struct fail *fail) MUST_USE;

/* Inside the transaction that stores the plan's model. */
bool shares_remove(PGconn *db, int plan_id, struct fail *fail) MUST_USE;

#endif
