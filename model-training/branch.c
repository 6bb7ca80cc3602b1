#include "model-training/branch.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { STUB = TREE_LEAF - 1 }; /* node.feature; `distribution` is the branch's number */

void branch_init_trunk(struct branch *trunk)
{
	*trunk = (struct branch){.trunk = trunk, .open = 1};
}

struct branch *branch_new(struct branch *from, void *const memory[2], const void *node, size_t node_size)
{
	struct branch *branch = xcalloc(1, sizeof(*branch));

	*branch = (struct branch){.trunk = from->trunk, .memory = {memory[0], memory[1]}, .node = xmalloc(node_size)};
	memcpy(branch->node, node, node_size);
	return branch;
}

void branch_grow_nodes(struct branch *branch)
{
	branch->node_capacity = branch->node_capacity ? branch->node_capacity * 2 : 1024;
	branch->tree.nodes = xreallocarray(branch->tree.nodes, branch->node_capacity, sizeof(*branch->tree.nodes));
}

void branch_add_stub(struct branch *branch, struct branch *other)
{
	if (branch->branch_count == branch->branch_capacity) {
		branch->branch_capacity = branch->branch_capacity ? branch->branch_capacity * 2 : 16;
		branch->branches = xreallocarray(branch->branches, branch->branch_capacity, sizeof(struct branch *));
	}
	branch_add_node(branch, (struct tree_node){.feature = STUB, .distribution = branch->branch_count});
	branch->branches[branch->branch_count++] = other;
}

/* ------------------------------------------------------------------ putting the parts together */

struct part {
	struct branch *branch;
	uint32_t at;	   /* its next node */
	uint32_t *numbers; /* of its distributions in the whole tree, plus 1 */
};

struct whole {
	struct branch nodes;
	struct distribution_set leaves;
	struct part *parts; /* that have begun, each within the one before it */
	size_t depth, capacity;
};

static void begin_part(struct whole *whole, struct branch *branch)
{
	if (whole->depth == whole->capacity) {
		whole->capacity = whole->capacity ? whole->capacity * 2 : 16;
		whole->parts = xreallocarray(whole->parts, whole->capacity, sizeof(*whole->parts));
	}
	whole->parts[whole->depth++] =
	    (struct part){.branch = branch, .numbers = xcalloc(branch->tree.leaves.count, sizeof(uint32_t))};
}

static void end_part(struct whole *whole)
{
	struct part *part = &whole->parts[--whole->depth];
	struct branch *branch = part->branch;

	free(part->numbers);
	tree_release(&branch->tree);
	free(branch->branches);
	free(branch->node);
	if (branch != branch->trunk)
		free(branch);
}

/* Distributions are numbered in the order of their first use. */
static void take_node(struct whole *whole)
{
	struct part *part = &whole->parts[whole->depth - 1];
	const struct tree *tree = &part->branch->tree;
	struct tree_node node = tree->nodes[part->at++];

	if (node.feature == STUB) {
		begin_part(whole, part->branch->branches[node.distribution]);
		return;
	}
	if (node.feature == TREE_LEAF) {
		uint32_t *number = &part->numbers[node.distribution];

		if (*number == 0)
			*number = distribution_add_from(&whole->leaves, &tree->leaves, node.distribution) + 1;
		node.distribution = *number - 1;
	}
	branch_add_node(&whole->nodes, node);
}

static void join_parts(struct branch *trunk, int class_count)
{
	struct whole whole = {0};

	branch_init_trunk(&whole.nodes);
	distribution_set_init(&whole.leaves, class_count);
	begin_part(&whole, trunk);
	while (whole.depth > 0) {
		const struct part *part = &whole.parts[whole.depth - 1];

		if (part->at < part->branch->tree.node_count)
			take_node(&whole);
		else
			end_part(&whole);
	}
	distribution_take(&whole.leaves, &whole.nodes.tree.leaves);
	distribution_set_release(&whole.leaves);
	free(whole.parts);
	*trunk = whole.nodes;
}

void branch_join(struct branch *trunk, int class_count, struct tree *tree)
{
	if (trunk->branch_count > 0)
		join_parts(trunk, class_count);
	*tree = trunk->tree;
	tree->nodes = xreallocarray(tree->nodes, tree->node_count, sizeof(*tree->nodes));
}
