#include <math.h>
#include <stdio.h>

#include "common/db.h"
#include "common/registry.h"
#include "common/xalloc.h"
#include "model-training/challenge.h"
#include "model-training/command.h"
#include "model-training/result.h"

#define NORMAL_95 1.959963984540054

struct side {
	int model_id, plan_id, feature_set_id;
	int64_t right;
};

static bool find_side(PGconn *db, const char *pipeline, const char *word, struct side *side, struct fail *fail)
{
	PGresult *row;

	if (!command_id(word, "the model", &side->model_id, fail))
		return false;
	row = db_queryf(db, fail, "sd",
			"SELECT m.plan_id, m.feature_set_id FROM green_ml.model m JOIN green_ml.pipeline p "
			"USING (pipeline_id) WHERE p.name = $1 AND m.model_id = $2",
			pipeline, side->model_id);
	if (row && PQntuples(row) == 0)
		fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no model %d: see model-training list", pipeline,
			 side->model_id);
	if (row && PQntuples(row) == 1) {
		side->plan_id = (int)db_int(row, 0, 0);
		side->feature_set_id = (int)db_int(row, 0, 1);
	}
	db_free(row);
	return side->plan_id > 0;
}

/* On the holdout rows of the newer model's plan. champion_only: rows that only the older one predicts right. */
static bool count(const struct command_call *call, struct side *older, struct side *newer, struct gate_counts *counts,
		  struct fail *fail)
{
	struct challenge challenge = {0};
	struct forest *forest = NULL;
	struct plan plan = {0};
	char plan_id[16];
	bool done;

	snprintf(plan_id, sizeof(plan_id), "%d", newer->plan_id);
	done =
	    plan_load(call->db, call->spec, plan_id, &plan, fail) &&
	    (forest = registry_model(call->db, newer->model_id, NULL, NULL, fail)) != NULL &&
	    challenge_open(call->db, &plan, forest, "", &challenge, fail) &&
	    challenge_count(call->db, &challenge, older->model_id, older->feature_set_id, counts, &older->right, fail);
	newer->right = older->right - counts->champion_only + counts->challenger_only;
	challenge_release(&challenge);
	forest_free(forest);
	plan_release(&plan);
	return done;
}

static bool print(const struct side *a, const struct side *b, const struct gate_counts *counts, bool as_json,
		  struct fail *fail)
{
	bool a_is_older = a->model_id < b->model_id;
	int64_t only_a = a_is_older ? counts->champion_only : counts->challenger_only;
	int64_t only_b = a_is_older ? counts->challenger_only : counts->champion_only;
	struct gate_window window = gate_measure(counts, 0);
	double rows = counts->n > 0 ? (double)counts->n : 1, difference = (double)(only_b - only_a) / rows;
	double half = NORMAL_95 * window.se;
	json_t *json;
	bool done;

	if (!as_json) {
		printf("on %lld holdout rows of plan %d\n  model %-8d %.4f\n  model %-8d %.4f\n", (long long)counts->n,
		       a_is_older ? b->plan_id : a->plan_id, a->model_id, (double)a->right / rows, b->model_id,
		       (double)b->right / rows);
		printf("  difference     %+.4f (95 %%: %+.4f to %+.4f), McNemar's p %.3g: %lld rows right only by "
		       "model %d, "
		       "%lld only by model %d\n",
		       difference, difference - half, difference + half, window.mcnemar_p, (long long)only_a,
		       a->model_id, (long long)only_b, b->model_id);
		return result_end_output(fail);
	}
	json = json_pack("{s:i, s:i, s:i, s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:f}", "a", a->model_id, "b",
			 b->model_id, "plan_id", a_is_older ? b->plan_id : a->plan_id, "rows", (json_int_t)counts->n,
			 "accuracy_a", (double)a->right / rows, "accuracy_b", (double)b->right / rows, "only_a_right",
			 (json_int_t)only_a, "only_b_right", (json_int_t)only_b, "difference", difference,
			 "difference_low", difference - half, "difference_high", difference + half, "mcnemar_p",
			 window.mcnemar_p);
	done = result_print_json(json, fail);
	json_decref(json);
	return done;
}

static bool work(const struct command_call *call, struct fail *fail)
{
	struct side a = {0}, b = {0};
	struct gate_counts counts = {0};

	if (!find_side(call->db, call->spec->name, call->words[0], &a, fail) ||
	    !find_side(call->db, call->spec->name, call->words[1], &b, fail))
		return false;
	if (a.model_id == b.model_id)
		return fail_set(fail, EXIT_WRONG_USE, "both are model %d: name two", a.model_id);
	return (a.model_id < b.model_id ? count(call, &a, &b, &counts, fail) : count(call, &b, &a, &counts, fail)) &&
	       print(&a, &b, &counts, call->json, fail);
}

const struct command compare_command = {
    .name = "compare",
    .usage = "MODEL MODEL --pipeline FILE [OPTIONS]",
    .purpose = "Compares two models on the same holdout rows, those of the newer one's plan.",
    .notes =
	"The rows that both models' feature sets hold out count. The interval is Wald's for paired shares; McNemar's "
	"test is\n"
	"the chi-squared one without continuity correction.\n"
	"Exit codes: 0 done, 1 failed for good, 2 wrong usage, setting or spec, 75 try again.",
    .least_words = 2,
    .most_words = 2,
    .work = work,
};
