#include "model-training/importance.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/oob.h"
#include "model-training/parallel.h"

struct summing {
	const struct dataset *dataset;
	const struct grown *grown;
	double *by_tree; /* by tree, then feature */
};

/* Draws by class of subtrees whose parent is still to come. */
struct subtrees {
	uint32_t *draws;
	size_t count, capacity;
	int class_count;
};

static uint32_t *push(struct subtrees *subtrees)
{
	if (subtrees->count == subtrees->capacity) {
		subtrees->capacity = subtrees->capacity ? 2 * subtrees->capacity : 64;
		subtrees->draws = xreallocarray(subtrees->draws, subtrees->capacity * (size_t)subtrees->class_count,
						sizeof(*subtrees->draws));
	}
	return subtrees->draws + subtrees->count++ * (size_t)subtrees->class_count;
}

/* n times the Gini impurity. */
static double impurity(const uint32_t *draws, int class_count)
{
	double n = 0, squares = 0;

	for (int k = 0; k < class_count; k++) {
		n += draws[k];
		squares += (double)draws[k] * draws[k];
	}
	return n - squares / n;
}

/* From the last node to the first: both children of a split, the left one on top, stand on the stack when it comes. */
static void sum_tree(const struct tree *tree, struct subtrees *subtrees, double *by_feature)
{
	int classes = subtrees->class_count;

	subtrees->count = 0;
	for (uint32_t i = tree->node_count; i-- > 0;) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->feature == TREE_LEAF) {
			distributions_expand(&tree->leaves, node->distribution, classes, push(subtrees));
		} else {
			uint32_t *left = subtrees->draws + (subtrees->count - 1) * (size_t)classes;
			uint32_t *right = left - classes;
			double children = impurity(left, classes) + impurity(right, classes);

			for (int k = 0; k < classes; k++)
				right[k] += left[k];
			subtrees->count--;
			by_feature[node->feature] += impurity(right, classes) - children;
		}
	}
}

static void sum_trees(struct parallel_counter *counter, void *context)
{
	const struct summing *summing = context;
	struct subtrees subtrees = {.class_count = summing->dataset->class_count};
	int tree;

	while ((tree = parallel_next(counter)) >= 0)
		sum_tree(&summing->grown->trees[tree], &subtrees,
			 summing->by_tree + (size_t)tree * (size_t)summing->dataset->feature_count);
	free(subtrees.draws);
}

static void normalize(double *numbers, int count)
{
	double sum = 0;

	for (int i = 0; i < count; i++)
		sum += numbers[i];
	for (int i = 0; sum > 0 && i < count; i++)
		numbers[i] /= sum;
}

void importance_of_impurity(const struct dataset *dataset, const struct grown *grown, int threads, double *by_feature)
{
	int features = dataset->feature_count;
	struct summing summing = {.dataset = dataset,
				  .grown = grown,
				  .by_tree = xcalloc((size_t)grown->tree_count * (size_t)features, sizeof(double))};

	parallel_run(grown->tree_count, threads, sum_trees, &summing);
	memset(by_feature, 0, (size_t)features * sizeof(*by_feature));
	for (int t = 0; t < grown->tree_count; t++) {
		double *of_tree = summing.by_tree + (size_t)t * (size_t)features;

		normalize(of_tree, features);
		for (int f = 0; f < features; f++)
			by_feature[f] += of_tree[f];
	}
	normalize(by_feature, features);
	free(summing.by_tree);
}

/* ------------------------------------------------------------------ permutation */

/* The prior's tree, the last one, has drawn nothing: no row is out of its bag. */
static int count_drawn(const struct grown *grown, const struct grow_settings *settings)
{
	return settings->prior_tree > 0 ? settings->prior_tree : grown->tree_count;
}

static json_t *permute(const struct dataset *dataset, const struct grown *grown, const struct grow_settings *settings)
{
	int trees = count_drawn(grown, settings);
	struct oob *oob = oob_new(dataset, settings, trees, IMPORTANCE_MAX_SLOTS);
	json_t *list = json_array();
	struct oob_score plain;

	oob_score(oob, grown->trees, trees, settings->threads, &plain);
	for (int f = 0; f < dataset->feature_count; f++) {
		struct oob_score without;

		oob_score_without(oob, grown->trees, f, trees, settings->threads, &without);
		json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "column", dataset->features[f].name,
						      "accuracy_drop", plain.accuracy - without.accuracy,
						      "log_loss_rise", without.log_loss - plain.log_loss));
		oob_score_release(&without);
	}
	oob_score_release(&plain);
	oob_free(oob);
	return list;
}

json_t *importance_of_permutation(const struct dataset *dataset, const struct grown *grown,
				  const struct grow_settings *settings)
{
	int trees = count_drawn(grown, settings);
	struct oob *oob = oob_new(dataset, settings, trees, IMPORTANCE_OOB_SLOTS);
	struct oob_score score;
	json_t *json;

	oob_score(oob, grown->trees, trees, settings->threads, &score);
	json = json_pack("{s:{s:I, s:f, s:f, s:f}, s:o}", "oob", "rows", (json_int_t)score.rows, "accuracy",
			 score.accuracy, "log_loss", score.log_loss, "brier", score.brier, "permutation",
			 permute(dataset, grown, settings));
	oob_score_release(&score);
	oob_free(oob);
	return json;
}
