#include "model-training/challenge.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "model-training/earlier.h"
#include "model-training/marks.h"

enum { MAX_SQL = 1 << 20 };

/* By row of the challenge. */
enum mark { WRONG, RIGHT, NOT_THERE };

bool challenge_open(PGconn *db, const struct plan *plan, const struct forest *forest, const char *sha256,
		    struct challenge *challenge, struct fail *fail)
{
	*challenge = (struct challenge){.plan = plan, .forest = forest, .sha256 = sha256};
	if (!feature_set_load(db, plan->feature_set_id, &challenge->set, fail))
		return false;
	if (!feature_rows_read(db, &challenge->set, forest, plan->loads, "holdout", &challenge->rows, fail)) {
		challenge_release(challenge);
		return false;
	}
	score_rows(&challenge->rows, forest, &challenge->score);
	if (challenge->rows.count > plan->gate.recent_rows)
		challenge->first_recent = challenge->rows.count - plan->gate.recent_rows;
	return true;
}

void challenge_release(struct challenge *challenge)
{
	feature_set_release(&challenge->set);
	feature_rows_release(&challenge->rows);
	score_release(&challenge->score);
	json_decref(challenge->champions);
	*challenge = (struct challenge){0};
}

/* What a gate has kept of the model as a challenger. */
static bool recall(PGconn *db, const struct challenge *challenge, int model_id, uint8_t *marks, uint8_t *known,
		   struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "dd",
				  "SELECT g.marks FROM green_ml.gate g JOIN green_ml.training_plan t USING (plan_id) "
				  "WHERE g.model_id = $1 AND t.feature_set_id = $2 AND g.marks IS NOT NULL "
				  "ORDER BY cardinality(t.loads) DESC LIMIT 1",
				  model_id, challenge->set.id);
	unsigned char *bytes = NULL;
	size_t size;
	bool done = row != NULL;

	if (done && PQntuples(row) == 1) {
		bytes = db_bytes(row, 0, 0, &size, fail);
		done = bytes != NULL;
	}
	if (bytes)
		marks_read(bytes, size, &challenge->rows, marks, known);
	PQfreemem(bytes);
	db_free(row);
	return done;
}

/* The rows that it has not been asked about before. */
static void mark_rest(const struct challenge *challenge, const struct forest *forest, const uint8_t *known,
		      uint8_t *marks)
{
	struct feature_rows rest;
	uint8_t *right;

	feature_rows_pick(&challenge->rows, forest->feature_count, known, &rest);
	right = xcalloc((size_t)rest.count, sizeof(*right));
	feature_rows_score(&rest, forest, right);
	for (int64_t row = 0, i = 0; row < challenge->rows.count; row++)
		if (!known[row])
			marks[row] = right[i++];
	free(right);
	feature_rows_release(&rest);
}

static bool mark_encoded_anew(PGconn *db, const struct challenge *challenge, const struct forest *forest,
			      uint8_t *marks, struct fail *fail)
{
	struct feature_rows rows = {0};

	if (!feature_rows_read(db, &challenge->set, forest, challenge->plan->loads, "holdout", &rows, fail))
		return false;
	if (rows.count == challenge->rows.count)
		feature_rows_score(&rows, forest, marks);
	else
		fail_set(fail, EXIT_TRY_AGAIN, "the holdout rows of feature set %d changed while they were read",
			 challenge->set.id);
	feature_rows_release(&rows);
	return fail->code == EXIT_DONE;
}

static bool mark_with_own_set(PGconn *db, const struct challenge *challenge, int model_id, uint8_t *marks,
			      struct fail *fail)
{
	uint8_t *known = xcalloc((size_t)challenge->rows.count, sizeof(*known));
	struct forest *forest = NULL;
	bool done = recall(db, challenge, model_id, marks, known, fail);

	if (done && memchr(known, 0, (size_t)challenge->rows.count)) {
		forest = registry_model(db, model_id, NULL, NULL, fail);
		if (!forest)
			done = false;
		else if (earlier_same_encoding(forest, challenge->forest))
			mark_rest(challenge, forest, known, marks);
		else
			done = mark_encoded_anew(db, challenge, forest, marks, fail);
	}
	forest_free(forest);
	free(known);
	return done;
}

/* The identity of a feature set's holdout rows, in the order in which feature_rows_read() gives them. */
struct places {
	int64_t count, capacity;
	int64_t *places; /* load << 32 | row */
};

static bool add_place(void *context, const char *line, int size UNUSED, struct fail *fail UNUSED)
{
	struct places *places = context;
	char *at;
	int64_t load = strtol(line, &at, 10);

	if (places->count == places->capacity) {
		places->capacity = places->capacity ? places->capacity * 2 : 4096;
		places->places = xreallocarray(places->places, (size_t)places->capacity, sizeof(*places->places));
	}
	places->places[places->count++] = load << 32 | strtol(at, NULL, 10);
	return true;
}

static bool read_places(PGconn *db, const struct feature_set *set, const char *loads, struct places *places,
			struct fail *fail)
{
	struct text sql;
	bool done;

	text_init(&sql, MAX_SQL);
	text_printf(&sql,
		    "COPY (SELECT _load_id, _row FROM %s WHERE _load_id = ANY ('%s'::int[]) AND _holdout "
		    "ORDER BY _load_id, _row) TO STDOUT",
		    set->prep_table, loads);
	done = db_copy_out(db, fail, sql.data, add_place, places) ||
	       fail_prefix(fail, "could not list the holdout rows of feature set %d", set->id);
	text_release(&sql);
	return done;
}

static bool is_prepared(PGconn *db, int feature_set_id, const char *loads, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "ds",
				  "SELECT count(*) = cardinality($2::int[]) FROM green_ml.preprocessing "
				  "WHERE feature_set_id = $1 AND load_id = ANY ($2::int[])",
				  feature_set_id, loads);
	bool prepared = row && db_bool(row, 0, 0);

	db_free(row);
	return prepared || fail_set(fail, EXIT_TRY_AGAIN,
				    "the champion's feature set %d does not have all loads %s yet: run preprocessing",
				    feature_set_id, loads);
}

static void pair(const struct places *mine, const struct places *other, const uint8_t *right, uint8_t *marks)
{
	for (int64_t i = 0, j = 0; i < mine->count; i++) {
		while (j < other->count && other->places[j] < mine->places[i])
			j++;
		marks[i] = j < other->count && other->places[j] == mine->places[i] ? right[j] : NOT_THERE;
	}
}

static bool mark_with_other_set(PGconn *db, const struct challenge *challenge, const struct forest *forest,
				int feature_set_id, uint8_t *marks, struct fail *fail)
{
	const char *loads = challenge->plan->loads;
	struct places mine = {0}, other = {0};
	struct feature_rows rows = {0};
	struct feature_set set = {0};
	uint8_t *right = NULL;

	if (!is_prepared(db, feature_set_id, loads, fail) || !feature_set_load(db, feature_set_id, &set, fail) ||
	    !feature_rows_read(db, &set, forest, loads, "holdout", &rows, fail) ||
	    !read_places(db, &challenge->set, loads, &mine, fail) || !read_places(db, &set, loads, &other, fail))
		goto out;
	if (mine.count != challenge->rows.count || other.count != rows.count) {
		fail_set(fail, EXIT_TRY_AGAIN, "the holdout rows changed while they were read");
		goto out;
	}
	right = xcalloc((size_t)rows.count, sizeof(*right));
	feature_rows_score(&rows, forest, right);
	pair(&mine, &other, right, marks);
out:
	free(right);
	free(mine.places);
	free(other.places);
	feature_rows_release(&rows);
	feature_set_release(&set);
	return fail->code == EXIT_DONE;
}

/* Scores a model on the challenge's rows. *other_label: it predicts another column, marks are not set. */
static bool mark_model(PGconn *db, const struct challenge *challenge, int model_id, int feature_set_id, uint8_t *marks,
		       bool *other_label, struct fail *fail)
{
	struct forest *forest;
	bool done;

	*other_label = false;
	if (feature_set_id == challenge->set.id)
		return mark_with_own_set(db, challenge, model_id, marks, fail);
	forest = registry_model(db, model_id, NULL, NULL, fail);
	done = forest != NULL;
	*other_label = done && strcmp(forest->label_name, challenge->forest->label_name) != 0;
	if (done && !*other_label)
		done = mark_with_other_set(db, challenge, forest, feature_set_id, marks, fail);
	forest_free(forest);
	return done;
}

static struct gate_counts count(const struct challenge *challenge, const uint8_t *marks, int64_t first)
{
	struct gate_counts counts = {0};

	for (int64_t row = first; row < challenge->rows.count; row++) {
		if (marks[row] == NOT_THERE)
			continue;
		counts.n++;
		counts.champion_only += marks[row] == RIGHT && !challenge->score.is_right[row];
		counts.challenger_only += marks[row] == WRONG && challenge->score.is_right[row];
	}
	return counts;
}

/* Notes how many of how many rows a champion predicts right, and returns its accuracy. */
static double note_champion(struct challenge *challenge, int model_id, int64_t rows, int64_t right)
{
	double accuracy = rows > 0 ? (double)right / (double)rows : 0;

	json_array_append_new(challenge->champions,
			      json_pack("{s:i, s:I, s:I, s:b, s:f}", "model_id", model_id, "rows", (json_int_t)rows,
					"right", (json_int_t)right, "all_rows", (int)(rows == challenge->rows.count),
					"accuracy", accuracy));
	return accuracy;
}

static void note_marks(struct challenge *challenge, int model_id, const uint8_t *marks)
{
	int64_t rows = 0, right = 0;

	for (int64_t row = 0; row < challenge->rows.count; row++) {
		rows += marks[row] != NOT_THERE;
		right += marks[row] == RIGHT;
	}
	note_champion(challenge, model_id, rows, right);
}

/* The latest champions with the challenger's columns and holdout, the current one among them. */
static bool meet_earlier(PGconn *db, struct challenge *challenge, const struct champion *champion,
			 struct gate_input *input, struct fail *fail)
{
	PGresult *earlier = earlier_find(db, challenge->plan, fail);
	bool done = earlier != NULL;

	for (int i = 0; done && i < PQntuples(earlier); i++) {
		int model_id = (int)db_int(earlier, i, 0);
		int64_t right;
		double accuracy;

		if (model_id == champion->model_id) {
			accuracy =
			    json_real_value(json_object_get(json_array_get(challenge->champions, 0), "accuracy"));
		} else {
			done = earlier_count(db, earlier, i, &challenge->rows, challenge->forest, &challenge->set,
					     challenge->plan, &right, fail);
			if (!done)
				break;
			accuracy = note_champion(challenge, model_id, challenge->rows.count, right);
		}
		input->best_earlier =
		    !input->has_earlier || accuracy > input->best_earlier ? accuracy : input->best_earlier;
		input->has_earlier = true;
	}
	db_free(earlier);
	return done;
}

bool challenge_meet(PGconn *db, struct challenge *challenge, const struct champion *champion, struct gate_input *input,
		    struct fail *fail)
{
	uint8_t *marks = xcalloc((size_t)challenge->rows.count, sizeof(*marks));
	bool other_label = false, done = true;

	*input = (struct gate_input){.rows = challenge->score.rows,
				     .right = challenge->score.right,
				     .max_accuracy_drop = challenge->plan->gate.max_accuracy_drop,
				     .min_accuracy = challenge->plan->gate.min_accuracy};
	json_decref(challenge->champions);
	challenge->champions = json_array();
	if (champion->exists) {
		input->is_champion = strcmp(champion->sha256, challenge->sha256) == 0;
		done =
		    mark_model(db, challenge, champion->model_id, champion->feature_set_id, marks, &other_label, fail);
		input->has_champion = done && !other_label;
	}
	if (input->has_champion) {
		input->all = count(challenge, marks, 0);
		input->recent = count(challenge, marks, challenge->first_recent);
		note_marks(challenge, champion->model_id, marks);
		done = meet_earlier(db, challenge, champion, input, fail);
	}
	free(marks);
	return done;
}

bool challenge_count(PGconn *db, const struct challenge *challenge, int model_id, int feature_set_id,
		     struct gate_counts *counts, int64_t *right, struct fail *fail)
{
	uint8_t *marks = xcalloc((size_t)challenge->rows.count, sizeof(*marks));
	bool other_label = false;
	bool done = mark_model(db, challenge, model_id, feature_set_id, marks, &other_label, fail);

	if (done && other_label)
		done = fail_set(fail, EXIT_WRONG_USE, "model %d predicts another column", model_id);
	*counts = count(challenge, marks, 0);
	*right = 0;
	for (int64_t row = 0; row < challenge->rows.count; row++)
		*right += marks[row] == RIGHT;
	free(marks);
	return done;
}
