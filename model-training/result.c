#include "model-training/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

json_t *result_metrics(const struct plan *plan, const struct forest *forest, size_t model_size,
		       const struct score *score, const struct result_cost *cost)
{
	const struct dataset *dataset = plan->dataset;
	json_t *binned = json_array(), *metrics;
	struct quality_summary sum;

	for (int f = 0; f < dataset->feature_count; f++)
		if (dataset->features[f].binned)
			json_array_append_new(binned, json_string(dataset->features[f].name));
	metrics =
	    json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:I, s:i, s:I, s:o}", "rows_train",
		      (json_int_t)dataset->row_count, "slots", (json_int_t)dataset->slot_count, "rows_holdout",
		      (json_int_t)score->rows, "accuracy", score->accuracy, "accuracy_low", score->accuracy_low,
		      "accuracy_high", score->accuracy_high, "log_loss", score->log_loss, "macro_f1", score->macro_f1,
		      "majority_share", score->majority_share, "min_samples_leaf", plan->forest.min_samples_leaf,
		      "trees", forest->tree_count, "nodes", (json_int_t)forest->node_count, "classes",
		      forest->class_count, "model_bytes", (json_int_t)model_size, "binned", binned);
	quality_sum_up(score->quality, &sum);
	json_object_set_new(metrics, "balanced_accuracy", json_real(sum.balanced_accuracy));
	json_object_set_new(metrics, "brier", json_real(sum.brier));
	json_object_set_new(metrics, "ece", json_real(sum.ece));
	if (plan->pilot)
		json_object_set(metrics, "auto", plan->pilot);
	json_object_set_new(metrics, "wall_s", json_real(cost->wall_s));
	json_object_set_new(metrics, "cpu_s", json_real(cost->cpu_s));
	json_object_set_new(metrics, "fake_computation_s", json_real(cost->fake_cpu_s));
	json_object_set_new(metrics, "threads", json_integer(cost->threads));
	return metrics;
}

static json_t *window_json(const struct gate_counts *counts, const struct gate_window *window)
{
	return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:b, s:b}", "n", (json_int_t)counts->n, "b",
			 (json_int_t)counts->champion_only, "c", (json_int_t)counts->challenger_only, "loss",
			 window->loss, "se", window->se, "upper", window->upper, "mcnemar_p", window->mcnemar_p,
			 "too_small", window->too_small, "passed", window->passed);
}

json_t *result_numbers(const struct gate_input *input, const struct gate_verdict *verdict, json_t *champions)
{
	json_t *numbers =
	    json_pack("{s:I, s:I, s:f, s:f, s:f, s:O}", "n", (json_int_t)input->rows, "k", (json_int_t)input->right,
		      "accuracy", verdict->accuracy, "max_accuracy_drop", input->max_accuracy_drop, "min_accuracy",
		      input->min_accuracy, "champions", champions);

	if (input->has_champion) {
		json_object_set_new(numbers, "all", window_json(&input->all, &verdict->all));
		json_object_set_new(numbers, "recent", window_json(&input->recent, &verdict->recent));
	}
	if (input->has_earlier) {
		json_object_set_new(numbers, "best_earlier", json_real(input->best_earlier));
		json_object_set_new(numbers, "least_by_earlier", json_real(verdict->least_by_earlier));
	}
	return numbers;
}

json_t *result_make(const json_t *metrics, const struct result_outcome *outcome)
{
	json_t *result =
	    json_pack("{s:i, s:i, s:o, s:b, s:s, s:s, s:b}", "plan_id", outcome->plan_id, "model_id", outcome->model_id,
		      "promotion_id", outcome->promotion_id ? json_integer(outcome->promotion_id) : json_null(),
		      "promoted", outcome->promotion_id != 0, "gate_reason", outcome->reason, "sha256", outcome->sha256,
		      "repeated", outcome->repeated);

	json_object_update(result, (json_t *)(uintptr_t)metrics);
	return result;
}

static double real(const json_t *result, const char *key)
{
	return json_number_value(json_object_get(result, key));
}

static long long whole(const json_t *result, const char *key)
{
	return json_integer_value(json_object_get(result, key));
}

static void print_text(const json_t *result)
{
	const char *reason = json_string_value(json_object_get(result, "gate_reason"));

	printf("plan %lld -> model %lld (%.12s), %lld trees, %lld nodes, %lld bytes%s\n", whole(result, "plan_id"),
	       whole(result, "model_id"), json_string_value(json_object_get(result, "sha256")), whole(result, "trees"),
	       whole(result, "nodes"), whole(result, "model_bytes"),
	       json_is_true(json_object_get(result, "repeated")) ? ", trained before" : "");
	printf("trained on %lld rows, min_samples_leaf %lld, %.2f s wall, %.2f s CPU\n", whole(result, "rows_train"),
	       whole(result, "min_samples_leaf"), real(result, "wall_s"), real(result, "cpu_s"));
	if (whole(result, "rows_holdout") > 0)
		printf("accuracy %.4f (95 %%: %.4f to %.4f) on %lld holdout rows; always guessing the most frequent "
		       "label: "
		       "%.4f; balanced %.4f; macro F1 %.4f; log loss %.4f; Brier score %.4f; calibration error %.4f\n",
		       real(result, "accuracy"), real(result, "accuracy_low"), real(result, "accuracy_high"),
		       whole(result, "rows_holdout"), real(result, "majority_share"), real(result, "balanced_accuracy"),
		       real(result, "macro_f1"), real(result, "log_loss"), real(result, "brier"), real(result, "ece"));
	else
		printf("there is no holdout row to measure the accuracy on\n");
	if (json_is_true(json_object_get(result, "promoted")))
		printf("promoted (%s) as promotion %lld\n", reason, whole(result, "promotion_id"));
	else
		printf("refused (%s): the champion stays\n", reason);
}

bool result_end_output(struct fail *fail)
{
	return (fflush(stdout) == 0 && !ferror(stdout)) ||
	       fail_set(fail, EXIT_FAILED, "could not write to stdout: %s", strerror(errno));
}

bool result_print_json(const json_t *object, struct fail *fail)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	return result_end_output(fail);
}

bool result_print(const json_t *result, bool as_json, struct fail *fail)
{
	if (as_json)
		return result_print_json(result, fail);
	print_text(result);
	return result_end_output(fail);
}

bool result_print_plan(const struct plan *plan, bool as_json, struct fail *fail)
{
	long long rows = (long long)plan->dataset->row_count;
	json_t *object;
	bool done;

	if (!as_json) {
		printf("plan %d%s: %lld rows of loads %s, min_samples_leaf %d\n", plan->id,
		       plan->existed ? ", taken before" : "", rows, plan->loads, plan->forest.min_samples_leaf);
		return result_end_output(fail);
	}
	object = json_pack("{s:i, s:I, s:s, s:i, s:b}", "plan_id", plan->id, "rows_train", (json_int_t)rows, "loads",
			   plan->loads, "min_samples_leaf", plan->forest.min_samples_leaf, "repeated", plan->existed);
	done = result_print_json(object, fail);
	json_decref(object);
	return done;
}

bool result_print_share(const struct plan *plan, const struct share *share, bool as_json, struct fail *fail)
{
	json_t *object;
	bool done;

	if (!as_json) {
		printf("plan %d: %d trees from tree %d on are shard %d of %d%s\n", plan->id, share->trees,
		       share->first_tree, share->i, share->n, share->existed ? ", stored before" : "");
		return result_end_output(fail);
	}
	object = json_pack("{s:i, s:i, s:i, s:i, s:i, s:b}", "plan_id", plan->id, "shard", share->i, "shards", share->n,
			   "first_tree", share->first_tree, "trees", share->trees, "repeated", share->existed);
	done = result_print_json(object, fail);
	json_decref(object);
	return done;
}

bool result_outputs(const json_t *result, struct fail *fail)
{
	return output_write(fail, "plan_id", "%lld", whole(result, "plan_id")) &&
	       output_write(fail, "model_id", "%lld", whole(result, "model_id")) &&
	       output_write(fail, "promotion_id", "%lld", whole(result, "promotion_id")) &&
	       output_write(fail, "promoted", "%s",
			    json_is_true(json_object_get(result, "promoted")) ? "true" : "false") &&
	       output_write(fail, "accuracy", "%.6f", real(result, "accuracy"));
}
