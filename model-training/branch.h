#ifndef MODEL_TRAINING_BRANCH_H
#define MODEL_TRAINING_BRANCH_H

/*
 * A tree in the parts that several threads grow of it: the trunk begins at its root, a branch at a node that the thread
 * which came to it left to another one. Where that was, the nodes have a stub.
 *
 *	struct branch trunk;
 *	branch_init_trunk(&trunk);
 *	branch_new(&trunk, memory, node, size)		for each subtree that is given away; crew.h
 *	branch_add_node(), branch_add_stub()		the nodes of each part
 *	branch_join(&trunk, class_count, &tree)		when all are grown: the tree as one thread would have grown it
 */

#include <stddef.h>

#include "model-training/tree.h"

struct branch {
	struct branch *trunk; /* of a trunk: itself */
	struct tree tree;     /* what is grown of it */
	uint32_t node_capacity;
	struct branch **branches; /* given away from here, by number of their stubs */
	uint32_t branch_count, branch_capacity;

	void *memory[2]; /* where the tree's members are */
	void *node;	 /* at which it begins, as its grower knows one */

	/* For crew.c. */
	struct branch *next;
	int open; /* of a trunk: parts that are not grown yet */
};

void branch_init_trunk(struct branch *trunk);
/* Freed by branch_join(). `node` is copied. */
struct branch *branch_new(struct branch *from, void *const memory[2], const void *node, size_t node_size);

void branch_grow_nodes(struct branch *branch);

static inline void branch_add_node(struct branch *branch, struct tree_node node)
{
	if (branch->tree.node_count == branch->node_capacity)
		branch_grow_nodes(branch);
	branch->tree.nodes[branch->tree.node_count++] = node;
}

void branch_add_stub(struct branch *branch, struct branch *other);

void branch_join(struct branch *trunk, int class_count, struct tree *tree);

#endif
