#include "model-training/replant.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

/* The last value that goes left. -1: none does. */
static int last_left(const struct dataset_feature *feature, int32_t threshold)
{
	int low = 0, high = feature->value_count; /* the first value beyond the threshold */

	while (low < high) {
		int middle = (low + high) / 2;

		if (feature->low[middle] <= threshold)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static bool is_of(const struct forest *forest, const struct dataset *dataset)
{
	bool same = forest->feature_count == dataset->feature_count && forest->class_count == dataset->class_count;

	for (int f = 0; same && f < dataset->feature_count; f++)
		same = forest->features[f].type == dataset->features[f].type &&
		       strcmp(forest->features[f].name, dataset->features[f].name) == 0;
	for (int k = 0; same && k < dataset->class_count; k++)
		same = strcmp(forest->labels[k], dataset->labels[k]) == 0;
	return same;
}

/* Distributions are numbered anew by tree, in order of their first use. */
static bool replant_tree(const struct forest *forest, const struct dataset *dataset, int t, uint32_t *number_of,
			 struct tree *tree)
{
	const struct forest_node *nodes = forest->nodes + forest->roots[t];
	size_t classes = (size_t)forest->class_count, most;

	tree->node_count = forest->roots[t + 1] - forest->roots[t];
	tree->nodes = xcalloc(tree->node_count, sizeof(*tree->nodes));
	most = tree->node_count / 2 + 1; /* leaves */
	most = most < forest->distribution_count ? most : forest->distribution_count;
	tree->draws = xcalloc(most * classes, sizeof(*tree->draws));
	for (uint32_t i = 0; i < tree->node_count; i++) {
		uint32_t *number = &number_of[nodes[i].feature == FOREST_LEAF ? nodes[i].other : 0];
		int left;

		if (nodes[i].feature != FOREST_LEAF) {
			const struct dataset_feature *feature = &dataset->features[nodes[i].feature];

			left = last_left(feature, nodes[i].threshold);
			if (left < 0 || left + 1 >= feature->value_count)
				return false;
			tree->nodes[i] = (struct tree_node){
			    .feature = nodes[i].feature, .left = (uint16_t)left, .right = (uint16_t)(left + 1)};
			continue;
		}
		if (*number >= tree->distribution_count ||
		    memcmp(tree->draws + *number * classes, forest->distributions + nodes[i].other * classes,
			   classes * sizeof(*tree->draws)) != 0) {
			*number = tree->distribution_count++;
			memcpy(tree->draws + *number * classes, forest->distributions + nodes[i].other * classes,
			       classes * sizeof(*tree->draws));
		}
		tree->nodes[i] = (struct tree_node){.feature = TREE_LEAF, .distribution = *number};
	}
	tree->draws = xreallocarray(tree->draws, (size_t)tree->distribution_count * classes, sizeof(*tree->draws));
	return true;
}

bool replant(const struct forest *forest, const struct dataset *dataset, struct grown *grown, struct fail *fail)
{
	uint32_t *number_of;
	bool done = is_of(forest, dataset);

	*grown = (struct grown){0};
	if (done) {
		*grown = (struct grown){.tree_count = forest->tree_count,
					.trees = xcalloc((size_t)forest->tree_count, sizeof(*grown->trees))};
		number_of = xcalloc(forest->distribution_count, sizeof(*number_of));
		for (int t = 0; done && t < forest->tree_count; t++)
			done = replant_tree(forest, dataset, t, number_of, &grown->trees[t]);
		free(number_of);
	}
	if (!done)
		grown_release(grown);
	return done || fail_set(fail, EXIT_FAILED, "the model was not grown from this plan's training set");
}
