#include "scheduler/evidence.h"

#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"

/* The loads that the champion's plan did not know, oldest first. */
struct load_list {
	int count;
	int *ids;
	int64_t *rows;
};

static bool find_pipeline(PGconn *db, const char *pipeline, struct evidence *evidence, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "s",
				  "SELECT p.pipeline_id, f.feature_set_id FROM green_ml.pipeline p "
				  "JOIN green_ml.current_feature_set f USING (pipeline_id) WHERE p.name = $1",
				  pipeline);
	bool found;

	if (!row)
		return fail_prefix(fail, "could not find pipeline \"%s\"", pipeline);
	found = PQntuples(row) == 1;
	if (found) {
		evidence->pipeline_id = (int)db_int(row, 0, 0);
		evidence->feature_set_id = (int)db_int(row, 0, 1);
	}
	db_free(row);
	if (!found)
		return fail_set(fail, EXIT_WRONG_USE,
				"pipeline \"%s\" is not registered: run database/migrate --pipeline with its spec",
				pipeline);
	if (!registry_champion(db, pipeline, &evidence->champion, fail))
		return false;
	if (evidence->champion.exists)
		evidence->feature_set_id = evidence->champion.feature_set_id;
	return true;
}

static bool count_rows(PGconn *db, struct evidence *evidence, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d",
				  "SELECT coalesce(sum(rows), 0) FROM green_ml.preprocessing WHERE feature_set_id = $1",
				  evidence->feature_set_id);

	if (!row)
		return fail_prefix(fail, "could not count the preprocessed rows");
	evidence->rows = db_int(row, 0, 0);
	db_free(row);
	return true;
}

/* Also the look's load list and its hash. */
static bool list_loads(PGconn *db, const char *pipeline, struct evidence *evidence, struct load_list *list,
		       struct fail *fail)
{
	PGresult *rows = db_queryf(
	    db, fail, "s",
	    "SELECT load_id, rows, sha256 FROM green_ml.evidence_load WHERE pipeline = $1 ORDER BY load_id", pipeline);
	struct digest *digest = digest_new();
	unsigned char hash[DIGEST_SIZE];
	struct text loads;

	text_init(&loads, 1 << 24);
	text_puts(&loads, "{");
	for (int i = 0; rows && i < PQntuples(rows); i++) {
		char *line = xasprintf("%s %s\n", db_text(rows, i, 0), db_text(rows, i, 2));

		list->ids = xreallocarray(list->ids, (size_t)i + 1, sizeof(*list->ids));
		list->rows = xreallocarray(list->rows, (size_t)i + 1, sizeof(*list->rows));
		list->ids[i] = (int)db_int(rows, i, 0);
		list->rows[i] = db_int(rows, i, 1);
		evidence->rows += list->rows[i];
		text_printf(&loads, "%s%d", i ? "," : "", list->ids[i]);
		digest_add(digest, line, strlen(line));
		free(line);
		list->count = i + 1;
	}
	text_puts(&loads, "}");
	digest_finish(digest, hash);
	digest_hex(hash, evidence->sha256);
	db_free(rows);
	if (loads.overflow)
		fail_set(fail, EXIT_FAILED, "pipeline \"%s\" has too many loads since its last training to list them",
			 pipeline);
	evidence->loads = text_take(&loads);
	text_release(&loads);
	return fail->code == 0 || fail_prefix(fail, "could not read the evidence");
}

static bool last_look(PGconn *db, struct evidence *evidence, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "d",
		      "SELECT evaluation_id, look, all_k, all_n, recent_k, recent_n FROM green_ml.evaluation "
		      "WHERE model_id = $1 ORDER BY look DESC LIMIT 1",
		      evidence->champion.model_id);

	if (!row)
		return fail_prefix(fail, "could not read the last look at the evidence");
	if (PQntuples(row) == 1) {
		evidence->evaluation_id = db_int(row, 0, 0);
		evidence->look = (int)db_int(row, 0, 1);
		evidence->k[WINDOW_ALL] = db_int(row, 0, 2);
		evidence->n[WINDOW_ALL] = db_int(row, 0, 3);
		evidence->k[WINDOW_RECENT] = db_int(row, 0, 4);
		evidence->n[WINDOW_RECENT] = db_int(row, 0, 5);
	}
	db_free(row);
	return true;
}

static bool look_is_due(const struct config *config, const struct evidence *evidence)
{
	int64_t needed = evidence->look == 0 ? config->min_rows : config->min_new_rows;
	int64_t came = evidence->look == 0 ? evidence->rows : evidence->rows - evidence->n[WINDOW_ALL];

	return came > 0 && came >= needed;
}

/* The oldest load of the recent window: from it on the loads hold at least that many rows. */
static int first_recent_load(const struct load_list *list, int64_t recent_rows)
{
	int64_t rows = 0;
	int i = list->count;

	while (i > 0 && rows < recent_rows)
		rows += list->rows[--i];
	return list->count ? list->ids[i] : 0;
}

static void count_right(const struct feature_rows *rows, const struct forest *forest, int first_recent,
			struct evidence *evidence)
{
	uint8_t *right = xmalloc((size_t)rows->count + 1);

	feature_rows_score(rows, forest, right);
	memset(evidence->k, 0, sizeof(evidence->k));
	memset(evidence->n, 0, sizeof(evidence->n));
	for (int64_t row = 0; row < rows->count; row++) {
		bool recent = rows->load_id[row] >= first_recent;

		evidence->k[WINDOW_ALL] += right[row];
		evidence->n[WINDOW_ALL]++;
		evidence->k[WINDOW_RECENT] += recent ? right[row] : 0;
		evidence->n[WINDOW_RECENT] += recent;
	}
	free(right);
}

static bool take_look(PGconn *db, const struct config *config, const struct load_list *list, struct evidence *evidence,
		      struct fail *fail)
{
	struct forest *forest = registry_model(db, evidence->champion.model_id, NULL, NULL, fail);
	struct feature_set set = {0};
	struct feature_rows rows = {0};
	bool have_set = forest && feature_set_load(db, evidence->feature_set_id, &set, fail);
	bool have_rows = have_set && feature_rows_read(db, &set, forest, evidence->loads, "all", &rows, fail);

	if (have_rows) {
		count_right(&rows, forest, first_recent_load(list, config->recent_rows), evidence);
		evidence->look++;
		evidence->fresh = true;
		evidence->evaluation_id = 0;
		feature_rows_release(&rows);
	}
	if (have_set)
		feature_set_release(&set);
	forest_free(forest);
	return have_rows || fail_prefix(fail, "could not score model %d on the new rows", evidence->champion.model_id);
}

bool evidence_read(PGconn *db, const char *pipeline, const struct config *config, bool may_look,
		   struct evidence *evidence, struct fail *fail)
{
	struct load_list list = {0};
	bool done;

	*evidence = (struct evidence){0};
	done = find_pipeline(db, pipeline, evidence, fail);
	if (done && !evidence->champion.exists)
		done = count_rows(db, evidence, fail);
	else if (done)
		done = list_loads(db, pipeline, evidence, &list, fail) && last_look(db, evidence, fail) &&
		       (!may_look || !look_is_due(config, evidence) || take_look(db, config, &list, evidence, fail));
	free(list.ids);
	free(list.rows);
	if (!done)
		evidence_release(evidence);
	return done;
}

void evidence_release(struct evidence *evidence)
{
	free(evidence->loads);
	evidence->loads = NULL;
}

void evidence_to_signal(const struct evidence *evidence, struct signal *signal)
{
	signal->has_champion = evidence->champion.exists;
	signal->reference_k = evidence->champion.holdout_k;
	signal->reference_n = evidence->champion.holdout_n;
	signal->rows = evidence->rows;
	signal->look = evidence->look;
	memcpy(signal->window_k, evidence->k, sizeof(signal->window_k));
	memcpy(signal->window_n, evidence->n, sizeof(signal->window_n));
}

bool evidence_store(PGconn *db, struct evidence *evidence, const struct decision *decision, int64_t run_id,
		    double now_s, bool simulated, struct fail *fail)
{
	const struct interval *all = &decision->windows[WINDOW_ALL], *recent = &decision->windows[WINDOW_RECENT];
	PGresult *row =
	    db_queryf(db, fail,
		      "dsds"
		      "llllll"
		      "fffff"
		      "ltb",
		      "INSERT INTO green_ml.evaluation (model_id, evidence_sha256, look, loads, reference_n, "
		      "reference_k, all_n, all_k, "
		      "recent_n, recent_k, all_drop_low, all_drop_high, recent_drop_low, recent_drop_high, alpha, "
		      "run_id, evaluated_at, "
		      "simulated) VALUES ($1, decode($2, 'hex'), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
		      "$15, $16, $17, $18) "
		      "ON CONFLICT DO NOTHING RETURNING evaluation_id",
		      evidence->champion.model_id, evidence->sha256, evidence->look, evidence->loads,
		      evidence->champion.holdout_n, evidence->champion.holdout_k, evidence->n[WINDOW_ALL],
		      evidence->k[WINDOW_ALL], evidence->n[WINDOW_RECENT], evidence->k[WINDOW_RECENT], all->low,
		      all->high, recent->low, recent->high, decision->alpha, run_id, now_s, simulated);
	bool stored;

	if (!row)
		return fail_prefix(fail, "could not store the look at the evidence");
	stored = PQntuples(row) == 1;
	if (stored)
		evidence->evaluation_id = db_int(row, 0, 0);
	db_free(row);
	return stored ||
	       fail_set(fail, EXIT_TRY_AGAIN, "another tick has stored look %d of model %d at the same time: try again",
			evidence->look, evidence->champion.model_id);
}
