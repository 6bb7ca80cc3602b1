#include "model-training/forest_check.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "model-training/forest_write.h"
#include "model-training/parallel.h"

struct check {
	const struct dataset *dataset;
	const struct grown *grown;
	const struct forest *forest;
	bool *same; /* by tree */
};

/* As forest_write_shares() shares out, but without its divisions: each share is the exact one rounded down, or one more
 * where the remainder is larger than those of all that got none, or as large and of a lower class. Only the classes
 * that the leaf has are looked at: where their shares sum to one, as all do that forest_read() lets pass, nothing is
 * left for the others. */
static bool same_shares(const struct distributions *leaves, uint32_t leaf, const uint32_t *shares)
{
	uint64_t sum = 0, all = 0, most_without = 0, least_with = UINT64_MAX;
	bool same = true;

	for (size_t i = distributions_begin(leaves, leaf); i < leaves->ends[leaf]; i++)
		sum += leaves->cells[i].number;
	for (size_t i = distributions_begin(leaves, leaf); i < leaves->ends[leaf]; i++) {
		const struct distribution_cell *cell = &leaves->cells[i];
		uint64_t exact = (uint64_t)cell->number << FOREST_SHARE_BITS, given = shares[cell->class] * sum;
		bool has_one = given > exact;
		uint64_t remainder = exact - given + (has_one ? sum : 0);
		uint64_t place = remainder * FOREST_MAX_CLASSES + (FOREST_MAX_CLASSES - 1 - cell->class);

		all += shares[cell->class];
		same &= remainder < sum && (remainder > 0 || !has_one);
		if (has_one)
			least_with = place < least_with ? place : least_with;
		else
			most_without = place > most_without ? place : most_without;
	}
	return same && all == FOREST_SHARE_ONE && most_without < least_with;
}

/* Which nodes are leaves nobody can foresee, so that every node is looked at as a split and as a leaf, and what it is
 * not does not count. A tree's leaves are numbered in order of first use: the next new one has the number `known`. */
static bool same_nodes(const struct check *check, const struct tree *tree, const struct forest_node *nodes,
		       uint32_t *of)
{
	uint32_t known = 0, differences = 0;

	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint32_t if_leaf = 0u - (uint32_t)(node->feature == TREE_LEAF);
		const struct dataset_feature *feature = &check->dataset->features[node->feature & ~if_leaf];
		int32_t high = feature->high[node->left & ~if_leaf], low = feature->low[node->right & ~if_leaf];
		uint32_t leaf = node->distribution & if_leaf;

		of[known] = nodes[i].other;
		known += if_leaf & (leaf == known);
		differences |= node->feature ^ nodes[i].feature;
		differences |= if_leaf & (of[leaf] ^ nodes[i].other);
		differences |= ~if_leaf & (uint32_t)(nodes[i].threshold < high || nodes[i].threshold >= low);
	}
	return differences == 0 && known == tree->leaves.count;
}

static bool same_tree(const struct check *check, int t)
{
	const struct tree *tree = &check->grown->trees[t];
	const struct forest *forest = check->forest;
	size_t classes = (size_t)forest->class_count;
	uint32_t *of = xcalloc((size_t)tree->leaves.count + 1, sizeof(*of));
	bool same = forest->roots[t + 1] - forest->roots[t] == tree->node_count &&
		    same_nodes(check, tree, forest->nodes + forest->roots[t], of);

	for (uint32_t i = 0; same && i < tree->leaves.count; i++)
		same = same_shares(&tree->leaves, i, forest->distributions + of[i] * classes);
	free(of);
	return same;
}

static void check_trees(struct parallel_counter *counter, void *context)
{
	struct check *check = context;
	int tree;

	while ((tree = parallel_next(counter)) >= 0)
		check->same[tree] = same_tree(check, tree);
}

bool forest_check(const struct dataset *dataset, const struct grown *grown, const struct forest *forest, int threads)
{
	struct check check = {.dataset = dataset, .grown = grown, .forest = forest};
	bool same = forest->tree_count == grown->tree_count && forest->class_count == dataset->class_count &&
		    forest->feature_count == dataset->feature_count;

	if (!same)
		return false;
	check.same = xcalloc((size_t)grown->tree_count, sizeof(*check.same));
	parallel_run(grown->tree_count, threads, check_trees, &check);
	for (int t = 0; same && t < grown->tree_count; t++)
		same = check.same[t];
	free(check.same);
	return same;
}
