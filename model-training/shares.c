#include "model-training/shares.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/number.h"
#include "common/text.h"
#include "model-training/budget.h"
#include "model-training/shard.h"

void shares_set_pilot(struct plan *plan, const char *json)
{
	json_decref(plan->pilot);
	plan->pilot = json ? json_loads(json, 0, NULL) : NULL;
	plan->pilot_trees = (int)json_integer_value(json_object_get(plan->pilot, "trees"));
	if (plan->forest.max_features == SPEC_AUTO)
		plan->forest.max_features = (int)json_integer_value(json_object_get(plan->pilot, "max_features"));
}

/* ------------------------------------------------------------------ storing and reading */

static bool store(PGconn *db, const struct plan *plan, int i, int n, const struct grown *grown, int first_tree,
		  struct fail *fail)
{
	struct text bytes;
	bool done;

	text_init(&bytes, SHARD_MAX_SIZE);
	done = shard_write(grown, first_tree, plan->dataset->class_count, &bytes, fail) &&
	       db_runf(db, fail, "dddy",
		       "INSERT INTO green_ml.model_shard (plan_id, shard, shards, bytes) SELECT $1, $2, $3, $4 "
		       "WHERE NOT EXISTS (SELECT FROM green_ml.gate WHERE plan_id = $1) ON CONFLICT DO NOTHING",
		       plan->id, i, n, bytes.data, bytes.size);
	text_release(&bytes);
	return done || fail_prefix(fail, "could not store shard %d of %d of plan %d", i, n, plan->id);
}

bool shares_store_pilot(PGconn *db, const struct plan *plan, struct fail *fail)
{
	return plan->trees.tree_count == 0 || store(db, plan, 0, 0, &plan->trees, 0, fail);
}

bool shares_store(PGconn *db, const struct plan *plan, const struct share *share, const struct grown *grown,
		  struct fail *fail)
{
	return store(db, plan, share->i, share->n, grown, share->first_tree, fail);
}

bool shares_remove(PGconn *db, int plan_id, struct fail *fail)
{
	return db_runf(db, fail, "d", "DELETE FROM green_ml.model_shard WHERE plan_id = $1", plan_id) ||
	       fail_prefix(fail, "could not remove the shards of plan %d", plan_id);
}

/* The trees of a shard, which must be the next ones. *found false: there is none, grown is unchanged. */
static bool read_shard(PGconn *db, const struct plan *plan, int i, int n, struct grown *grown, bool *found,
		       struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "ddd", "SELECT bytes FROM green_ml.model_shard WHERE plan_id = $1 AND shard = $2 AND shards = $3",
	    plan->id, i, n);
	struct grown part = {0};
	unsigned char *bytes = NULL;
	size_t size;
	int first_tree = 0;

	*found = row && PQntuples(row) == 1;
	if (*found && (bytes = db_bytes(row, 0, 0, &size, fail)) != NULL &&
	    shard_read(bytes, size, plan->dataset, &first_tree, &part, fail) && first_tree != grown->tree_count)
		fail_set(fail, EXIT_FAILED, "shard %d of %d begins with tree %d, expected %d", i, n, first_tree,
			 grown->tree_count);
	PQfreemem(bytes);
	db_free(row);
	if (fail->code != EXIT_DONE) {
		grown_release(&part);
		return fail_prefix(fail, "could not take over trees of plan %d", plan->id);
	}
	if (*found)
		shard_join(grown, &part);
	return true;
}

/* ------------------------------------------------------------------ growing */

bool share_parse(const char *text, struct share *share, struct fail *fail)
{
	const char *slash = strchr(text, '/');

	*share = (struct share){0};
	return (slash && number_int32(text, (size_t)(slash - text), &share->i) &&
		number_int32(slash + 1, strlen(slash + 1), &share->n) && share->i >= 1 && share->i <= share->n &&
		share->n <= SHARES_MAX) ||
	       fail_set(fail, EXIT_WRONG_USE, "option --shard is \"%s\": expected 1/N to N/N, N at most %d", text,
			SHARES_MAX);
}

static bool grow(const struct plan *plan, int first_tree, int trees, int threads,
		 void (*progress)(int64_t done, int64_t total), struct grown *grown, struct fail *fail)
{
	struct grow_settings settings = plan_growth(plan, threads, progress);

	settings.first_tree = first_tree;
	settings.trees = trees;
	return budget_grow(plan->dataset, &settings, plan->forest.trees, grown, fail);
}

/* From this process, else as it is stored, else grown again: the trees are the same. */
static bool take_pilot(PGconn *db, struct plan *plan, int threads, struct grown *grown, struct fail *fail)
{
	bool found = false;

	*grown = plan->trees;
	plan->trees = (struct grown){0};
	if (grown->tree_count > 0 || plan->pilot_trees == 0)
		return true;
	if (!read_shard(db, plan, 0, 0, grown, &found, fail))
		return false;
	return found || grow(plan, 0, plan->pilot_trees, threads, NULL, grown, fail);
}

bool shares_find(PGconn *db, const struct plan *plan, struct share *share, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "ddd",
				  "SELECT FROM green_ml.model_shard WHERE plan_id = $1 AND shard = $2 AND shards = $3",
				  plan->id, share->i, share->n);

	if (!row)
		return fail_prefix(fail, "could not look up shard %d of %d", share->i, share->n);
	share->existed = PQntuples(row) > 0;
	db_free(row);
	share->trees = shard_share(plan->pilot_trees, plan->forest.trees, share->i, share->n, &share->first_tree);
	return true;
}

bool shares_grow(const struct plan *plan, const struct share *share, int threads,
		 void (*progress)(int64_t done, int64_t total), struct grown *grown, struct fail *fail)
{
	*grown = (struct grown){0};
	if (grow(plan, share->first_tree, share->trees, threads, progress, grown, fail))
		return true;
	grown_release(grown);
	return false;
}

bool shares_grow_all(PGconn *db, struct plan *plan, int threads, void (*progress)(int64_t done, int64_t total),
		     struct grown *grown, struct fail *fail)
{
	if (take_pilot(db, plan, threads, grown, fail) &&
	    grow(plan, grown->tree_count, plan->forest.trees - grown->tree_count, threads, progress, grown, fail))
		return true;
	grown_release(grown);
	return false;
}

/* ------------------------------------------------------------------ merging */

/* The n of which the fewest shares are missing. */
static bool find_shares(PGconn *db, const struct plan *plan, int *n, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "d",
	    "SELECT n, n - count(s.shard) AS missing, string_agg(i::text, ', ' ORDER BY i) FILTER (WHERE s.shard IS "
	    "NULL) "
	    "FROM (SELECT DISTINCT shards AS n FROM green_ml.model_shard WHERE plan_id = $1 AND shards > 0) AS k "
	    "CROSS JOIN generate_series(1, n) AS i "
	    "LEFT JOIN green_ml.model_shard s ON s.plan_id = $1 AND s.shards = n AND s.shard = i "
	    "GROUP BY n ORDER BY missing, n LIMIT 1",
	    plan->id);

	if (!row)
		return fail_prefix(fail, "could not look up the shards of plan %d", plan->id);
	if (PQntuples(row) == 0) {
		fail_set(fail, EXIT_TRY_AGAIN, "plan %d has no shard yet: grow them with --shard", plan->id);
	} else if (db_int(row, 0, 1) > 0) {
		fail_set(fail, EXIT_TRY_AGAIN, "plan %d lacks shard %.100s of %s: grow what is missing with --shard",
			 plan->id, db_text(row, 0, 2), db_text(row, 0, 0));
	} else {
		*n = (int)db_int(row, 0, 0);
	}
	db_free(row);
	return fail->code == EXIT_DONE;
}

bool shares_merge(PGconn *db, struct plan *plan, int threads, struct grown *grown, struct fail *fail)
{
	int n = 0;
	bool done, found;

	*grown = (struct grown){0};
	done = find_shares(db, plan, &n, fail) && take_pilot(db, plan, threads, grown, fail);

	for (int i = 1; done && i <= n; i++)
		done = read_shard(db, plan, i, n, grown, &found, fail);
	if (done && grown->tree_count != plan->forest.trees)
		done = fail_set(fail, EXIT_FAILED, "the shards of plan %d hold %d trees, expected %d", plan->id,
				grown->tree_count, plan->forest.trees);
	if (!done)
		grown_release(grown);
	return done;
}
