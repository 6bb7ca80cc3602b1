#include "model-training/replant.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

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

/* Where the model's distributions stand in the tree at hand, if it is the tree they were last used in. */
struct number {
	int tree; /* plus 1 */
	uint32_t index;
};

/* Distributions are numbered anew by tree, in order of their first use. */
static uint32_t number_leaf(const struct forest *forest, int t, uint32_t distribution, struct number *numbers,
			    struct distributions *leaves)
{
	struct number *number = &numbers[distribution];

	if (number->tree != t + 1) {
		*number = (struct number){.tree = t + 1, .index = leaves->count};
		distributions_append(leaves, forest->distributions + (size_t)distribution * (size_t)forest->class_count,
				     forest->class_count);
	}
	return number->index;
}

static bool replant_tree(const struct forest *forest, const struct dataset *dataset, int t, struct number *numbers,
			 struct tree *tree)
{
	const struct forest_node *nodes = forest->nodes + forest->roots[t];

	tree->node_count = forest->roots[t + 1] - forest->roots[t];
	tree->nodes = xcalloc(tree->node_count, sizeof(*tree->nodes));
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct dataset_feature *feature;
		int left;

		if (nodes[i].feature == FOREST_LEAF) {
			tree->nodes[i] = (struct tree_node){
			    .feature = TREE_LEAF,
			    .distribution = number_leaf(forest, t, nodes[i].other, numbers, &tree->leaves)};
			continue;
		}
		feature = &dataset->features[nodes[i].feature];
		left = dataset_last_up_to(feature, nodes[i].threshold);
		if (left < 0 || left + 1 >= feature->value_count)
			return false;
		tree->nodes[i] = (struct tree_node){
		    .feature = nodes[i].feature, .left = (uint16_t)left, .right = (uint16_t)(left + 1)};
	}
	return true;
}

bool replant(const struct forest *forest, const struct dataset *dataset, struct grown *grown, struct fail *fail)
{
	struct number *numbers;
	bool done = is_of(forest, dataset);

	*grown = (struct grown){0};
	if (done) {
		*grown = (struct grown){.tree_count = forest->tree_count,
					.trees = xcalloc((size_t)forest->tree_count, sizeof(*grown->trees))};
		numbers = xcalloc(forest->distribution_count, sizeof(*numbers));
		for (int t = 0; done && t < forest->tree_count; t++)
			done = replant_tree(forest, dataset, t, numbers, &grown->trees[t]);
		free(numbers);
	}
	if (!done)
		grown_release(grown);
	return done || fail_set(fail, EXIT_FAILED, "the model was not grown from this plan's training set");
}
