#include "scheduler/evidence.h"

#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "scheduler/moved.h"

enum { MAX_LOADS_TEXT = 1 << 24 };

/* A load that the champion's plan did not know. */
struct load {
	int id;
	int64_t rows;
	int64_t k; /* rows that the model predicts right; -1: not scored yet */
	char sha256[DIGEST_HEX_SIZE];
};

/* Oldest first. */
struct load_list {
	int count;
	struct load *loads;
};

static bool list_loads(PGconn *db, const char *pipeline, const struct evidence *evidence, struct load_list *list,
		       struct fail *fail)
{
	PGresult *rows =
	    db_queryf(db, fail, "sl",
		      "SELECT v.load_id, v.rows, v.sha256, coalesce(s.k, -1) FROM green_ml.evidence_load v LEFT JOIN "
		      "(SELECT u.load_id, u.k FROM green_ml.evaluation e, unnest(e.loads, e.load_k) AS u (load_id, k) "
		      " WHERE e.evaluation_id = $2) AS s USING (load_id) WHERE v.pipeline = $1 ORDER BY v.load_id",
		      pipeline, evidence->evaluation_id);

	if (!rows)
		return fail_prefix(fail, "could not list the loads that are evidence");
	list->count = PQntuples(rows);
	list->loads = xcalloc((size_t)list->count + 1, sizeof(*list->loads));
	for (int i = 0; i < list->count; i++) {
		struct load *load = &list->loads[i];

		load->id = (int)db_int(rows, i, 0);
		load->rows = db_int(rows, i, 1);
		snprintf(load->sha256, sizeof(load->sha256), "%s", db_text(rows, i, 2));
		load->k = db_int(rows, i, 3);
	}
	db_free(rows);
	return true;
}

bool evidence_is_due(const struct evidence *evidence, const struct config *config)
{
	int64_t needed = evidence->look == 0 ? config->min_rows : config->min_new_rows;
	int64_t came = evidence->look == 0 ? evidence->rows : evidence->rows - evidence->n[WINDOW_ALL];

	return evidence->champion.exists && came > 0 && came >= needed;
}

/* PostgreSQL's array text of a number per load; only_new: of those that are not scored yet. free(). */
static char *array_of_loads(const struct load_list *list, bool only_new, int64_t (*number)(const struct load *load))
{
	struct text text;
	char *array;

	text_init(&text, MAX_LOADS_TEXT);
	text_puts(&text, "{");
	for (int i = 0; i < list->count; i++)
		if (!only_new || list->loads[i].k < 0)
			text_printf(&text, "%s%lld", text.size > 1 ? "," : "", (long long)number(&list->loads[i]));
	text_puts(&text, "}");
	array = text.overflow ? NULL : text_take(&text);
	text_release(&text);
	return array;
}

static int64_t load_id(const struct load *load)
{
	return load->id;
}

static int64_t load_k(const struct load *load)
{
	return load->k;
}

static void hash_loads(const struct load_list *list, char hex[DIGEST_HEX_SIZE])
{
	struct digest *digest = digest_new();
	unsigned char hash[DIGEST_SIZE];

	for (int i = 0; i < list->count; i++) {
		char *line = xasprintf("%d %s\n", list->loads[i].id, list->loads[i].sha256);

		digest_add(digest, line, strlen(line));
		free(line);
	}
	digest_finish(digest, hash);
	digest_hex(hash, hex);
}

/* The rows come in the order of their loads. */
static bool count_right(const struct feature_rows *rows, const struct forest *forest, struct load_list *list,
			struct fail *fail)
{
	uint8_t *right = xmalloc((size_t)rows->count + 1);
	int64_t row = 0;
	bool good = true;

	feature_rows_score(rows, forest, right);
	for (int i = 0; good && i < list->count; i++) {
		struct load *load = &list->loads[i];
		int64_t first = row, k = 0;

		if (load->k >= 0)
			continue;
		for (; row < rows->count && rows->load_id[row] == load->id; row++)
			k += right[row];
		good = row - first == load->rows ||
		       fail_set(fail, EXIT_FAILED, "load %d has %lld feature rows, preprocessing made %lld", load->id,
				(long long)(row - first), (long long)load->rows);
		load->k = k;
	}
	free(right);
	return good;
}

/* Scores the loads that are new, and looks where their inputs have moved. */
static bool score_loads(PGconn *db, struct evidence *evidence, struct load_list *list, struct fail *fail)
{
	char *ids = array_of_loads(list, true, load_id);
	struct forest *forest = registry_model(db, evidence->champion.model_id, NULL, NULL, fail);
	struct feature_set set = {0};
	struct feature_rows rows = {0};
	bool have_set = forest && feature_set_load(db, evidence->feature_set_id, &set, fail);
	bool have_rows = have_set && feature_rows_read(db, &set, forest, ids, "all", &rows, fail);
	bool done =
	    have_rows && count_right(&rows, forest, list, fail) &&
	    moved_measure(db, evidence->champion.plan_id, forest, &rows, &evidence->drift, &evidence->drift_json, fail);

	if (have_rows)
		feature_rows_release(&rows);
	if (have_set)
		feature_set_release(&set);
	forest_free(forest);
	free(ids);
	return done;
}

/* From the newest load back, until they hold recent_rows rows. */
static void sum_windows(const struct load_list *list, int64_t recent_rows, struct evidence *evidence)
{
	memset(evidence->k, 0, sizeof(evidence->k));
	memset(evidence->n, 0, sizeof(evidence->n));
	for (int i = list->count - 1; i >= 0; i--) {
		const struct load *load = &list->loads[i];

		if (evidence->n[WINDOW_RECENT] < recent_rows) {
			evidence->k[WINDOW_RECENT] += load->k;
			evidence->n[WINDOW_RECENT] += load->rows;
		}
		evidence->k[WINDOW_ALL] += load->k;
		evidence->n[WINDOW_ALL] += load->rows;
	}
}

static bool fill_look(const struct load_list *list, const struct config *config, struct evidence *evidence,
		      struct fail *fail)
{
	evidence->loads = array_of_loads(list, false, load_id);
	evidence->load_k = array_of_loads(list, false, load_k);
	if (!evidence->loads || !evidence->load_k) {
		evidence_release(evidence);
		return fail_set(fail, EXIT_FAILED, "there are too many loads since the last training to list them");
	}
	hash_loads(list, evidence->sha256);
	sum_windows(list, config->recent_rows, evidence);
	evidence->rows = evidence->n[WINDOW_ALL];
	evidence->look++;
	evidence->fresh = true;
	evidence->evaluation_id = 0;
	return true;
}

bool evidence_look(PGconn *db, const char *pipeline, const struct config *config, struct evidence *evidence,
		   struct fail *fail)
{
	struct load_list list = {0};
	bool done = list_loads(db, pipeline, evidence, &list, fail) && score_loads(db, evidence, &list, fail) &&
		    fill_look(&list, config, evidence, fail);

	free(list.loads);
	return done || fail_prefix(fail, "could not score model %d on the new rows", evidence->champion.model_id);
}

void evidence_release(struct evidence *evidence)
{
	free(evidence->loads);
	free(evidence->load_k);
	free(evidence->drift_json);
	evidence->loads = evidence->load_k = evidence->drift_json = NULL;
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
	signal->drift = evidence->drift;
}

bool evidence_store(PGconn *db, struct evidence *evidence, const struct decision *decision, int64_t run_id,
		    double now_s, bool simulated, struct fail *fail)
{
	const struct interval *all = &decision->windows[WINDOW_ALL], *recent = &decision->windows[WINDOW_RECENT];
	PGresult *row = db_queryf(
	    db, fail,
	    "dsdss"
	    "llllll"
	    "fffff"
	    "ltbs",
	    "INSERT INTO green_ml.evaluation (model_id, evidence_sha256, look, loads, load_k, reference_n, "
	    "reference_k, all_n, all_k, "
	    "recent_n, recent_k, all_drop_low, all_drop_high, recent_drop_low, recent_drop_high, alpha, "
	    "run_id, evaluated_at, "
	    "simulated, input_drift) VALUES ($1, decode($2, 'hex'), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
	    "$14, "
	    "$15, $16, $17, $18, $19, $20) "
	    "ON CONFLICT DO NOTHING RETURNING evaluation_id",
	    evidence->champion.model_id, evidence->sha256, evidence->look, evidence->loads, evidence->load_k,
	    evidence->champion.holdout_n, evidence->champion.holdout_k, evidence->n[WINDOW_ALL],
	    evidence->k[WINDOW_ALL], evidence->n[WINDOW_RECENT], evidence->k[WINDOW_RECENT], all->low, all->high,
	    recent->low, recent->high, decision->alpha, run_id, now_s, simulated, evidence->drift_json);
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
