#include "model-training/walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/forest_write.h"

/* A row goes to the next node when its code is below the bound, else to `other`; a leaf's bound is 0 and `other` the
 * leaf itself, so that it stays. */
struct walk_step {
	uint16_t feature, bound;
	uint32_t other;
};

static uint16_t find_bound(const struct dataset *dataset, const struct tree_node *node)
{
	const struct dataset_feature *feature = &dataset->features[node->feature];

	if (node->right == node->left + 1)
		return node->right;
	return (uint16_t)(1 +
			  dataset_last_up_to(feature, forest_write_threshold(feature->type, feature->high[node->left],
									     feature->low[node->right])));
}

static void link_steps(const struct dataset *dataset, const struct tree *tree, struct walk_step *steps)
{
	uint32_t *open = xcalloc(tree->node_count, sizeof(*open)), count = 0;

	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->feature != TREE_LEAF) {
			steps[i] = (struct walk_step){.feature = node->feature, .bound = find_bound(dataset, node)};
			open[count++] = i;
			continue;
		}
		steps[i] = (struct walk_step){.other = i};
		if (count > 0) /* what follows a leaf is the right child of the last split that has none yet */
			steps[open[--count]].other = i + 1;
	}
	free(open);
}

void walk_init(const struct dataset *dataset, const struct tree *tree, struct walk *walk)
{
	const struct distributions *leaves = &tree->leaves;

	*walk = (struct walk){.leaves = leaves,
			      .steps = xcalloc(tree->node_count, sizeof(*walk->steps)),
			      .shares = xcalloc(distributions_begin(leaves, leaves->count), sizeof(*walk->shares)),
			      .squares = xcalloc(leaves->count, sizeof(*walk->squares))};
	link_steps(dataset, tree, walk->steps);
	for (uint32_t d = 0; d < leaves->count; d++) {
		size_t begin = distributions_begin(leaves, d);
		double sum = 0;

		for (size_t i = begin; i < leaves->ends[d]; i++)
			sum += leaves->cells[i].number;
		for (size_t i = begin; i < leaves->ends[d]; i++) {
			walk->shares[i] = leaves->cells[i].number / sum;
			walk->squares[d] += walk->shares[i] * walk->shares[i];
		}
	}
}

void walk_release(struct walk *walk)
{
	free(walk->steps);
	free(walk->shares);
	free(walk->squares);
	*walk = (struct walk){0};
}

void walk_leaves(const struct walk *walk, const uint16_t *const rows[WALK_LANES], uint32_t at[WALK_LANES])
{
	uint32_t moved;

	memset(at, 0, WALK_LANES * sizeof(*at));
	do {
		moved = 0;
		for (int lane = 0; lane < WALK_LANES; lane++) {
			uint32_t here = at[lane];
			struct walk_step step = walk->steps[here];
			uint32_t below = -(uint32_t)(rows[lane][step.feature] < step.bound);
			uint32_t next = step.other + ((here + 1 - step.other) & below);

			moved |= next ^ here;
			at[lane] = next;
		}
	} while (moved);
}
