#include "model-training/earlier.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

enum { EARLIER_CHAMPIONS = 10 };

static const char find_sql[] =
    "WITH earlier AS ("
    "SELECT model_id, max(p.promotion_id) AS latest FROM green_ml.promotion p JOIN green_ml.model m USING (model_id) "
    "JOIN green_ml.feature_set f ON f.feature_set_id = m.feature_set_id "
    "JOIN green_ml.feature_set mine ON mine.feature_set_id = $2 "
    "WHERE p.pipeline_id = $1 AND f.columns = mine.columns AND f.holdout_limit = mine.holdout_limit "
    "GROUP BY model_id ORDER BY latest DESC LIMIT $3"
    "), counted AS ("
    "SELECT (c.value ->> 'model_id')::int AS model_id, t.loads, (c.value ->> 'right')::bigint AS k "
    "FROM green_ml.gate g JOIN green_ml.training_plan t USING (plan_id) "
    "CROSS JOIN LATERAL jsonb_array_elements(g.numbers -> 'champions') AS c "
    "WHERE t.feature_set_id = $2 AND t.loads <@ $4::int[] AND (c.value ->> 'all_rows')::boolean "
    "UNION ALL SELECT m.model_id, t.loads, m.holdout_k FROM green_ml.model m "
    "JOIN green_ml.training_plan t USING (plan_id) WHERE t.feature_set_id = $2 AND t.loads <@ $4::int[]) "
    "SELECT DISTINCT ON (e.latest) e.model_id, coalesce(c.loads, '{}'), coalesce(c.k, 0) "
    "FROM earlier e LEFT JOIN counted c USING (model_id) ORDER BY e.latest DESC, cardinality(c.loads) DESC NULLS LAST";

PGresult *earlier_find(PGconn *db, const struct plan *plan, struct fail *fail)
{
	return db_queryf(db, fail, "ddds", find_sql, plan->pipeline_id, plan->feature_set_id, (int)EARLIER_CHAMPIONS,
			 plan->loads);
}

bool earlier_same_encoding(const struct forest *a, const struct forest *b)
{
	if (a->feature_count != b->feature_count || a->class_count != b->class_count)
		return false;
	for (int f = 0; f < a->feature_count; f++)
		if (a->features[f].type != b->features[f].type || a->features[f].type == COLUMN_CATEGORY ||
		    strcmp(a->features[f].name, b->features[f].name) != 0)
			return false;
	for (int k = 0; k < a->class_count; k++)
		if (strcmp(a->labels[k], b->labels[k]) != 0)
			return false;
	return true;
}

/* Whether "{1,2,3}" lists the load. */
static bool is_listed(const char *loads, int32_t load)
{
	for (const char *at = loads; *at; at++) {
		char *end;
		long listed = strtol(at, &end, 10);

		if (end > at && listed == load)
			return true;
		at = end > at ? end - 1 : at;
	}
	return false;
}

/* The rows of the loads that are not listed. */
static void pick_not_of(const struct feature_rows *all, int features, const char *loads, struct feature_rows *rest)
{
	uint8_t *listed = xcalloc((size_t)all->count, sizeof(*listed));

	for (int64_t row = 0; row < all->count; row++)
		listed[row] = row > 0 && all->load_id[row] == all->load_id[row - 1]
				  ? listed[row - 1]
				  : is_listed(loads, all->load_id[row]);
	feature_rows_pick(all, features, listed, rest);
	free(listed);
}

static int64_t count_right(const struct feature_rows *rows, const struct forest *forest)
{
	uint8_t *marks = xcalloc((size_t)rows->count, sizeof(*marks));
	int64_t right = 0;

	feature_rows_score(rows, forest, marks);
	for (int64_t row = 0; row < rows->count; row++)
		right += marks[row];
	free(marks);
	return right;
}

static bool count_all(PGconn *db, const struct forest *champion, const struct feature_set *set, const struct plan *plan,
		      int64_t count, int64_t *right, struct fail *fail)
{
	struct feature_rows rows;

	if (!feature_rows_read(db, set, champion, plan->loads, "holdout", &rows, fail))
		return false;
	if (rows.count == count)
		*right = count_right(&rows, champion);
	else
		fail_set(fail, EXIT_TRY_AGAIN, "the holdout rows of feature set %d changed while they were read",
			 set->id);
	feature_rows_release(&rows);
	return fail->code == EXIT_DONE;
}

bool earlier_count(PGconn *db, const PGresult *earlier, int row, const struct feature_rows *rows,
		   const struct forest *forest, const struct feature_set *set, const struct plan *plan, int64_t *right,
		   struct fail *fail)
{
	struct feature_rows rest;
	struct forest *champion = NULL;
	bool done = true;

	pick_not_of(rows, forest->feature_count, db_text(earlier, row, 1), &rest);
	*right = db_int(earlier, row, 2);
	if (rest.count) {
		champion = registry_model(db, (int)db_int(earlier, row, 0), NULL, NULL, fail);
		if (!champion)
			done = false;
		else if (earlier_same_encoding(champion, forest))
			*right += count_right(&rest, champion);
		else
			done = count_all(db, champion, set, plan, rows->count, right, fail);
	}
	forest_free(champion);
	feature_rows_release(&rest);
	return done;
}
