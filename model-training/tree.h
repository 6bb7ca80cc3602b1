#ifndef MODEL_TRAINING_TREE_H
#define MODEL_TRAINING_TREE_H

/*
 * One tree, grown depth first from the slots it has drawn.
 *
 *	struct tree_grower *grower = tree_grower_new(&data);		working memory, one per thread
 *	tree_grow(grower, tree_number, &tree);				draws its own bootstrap sample
 *	tree_release(&tree);
 *	tree_grower_free(grower);
 *
 * A node is a leaf when it is pure, holds fewer than two or than 2 * min_samples_leaf draws, is max_depth deep, or has
 * no valid cut. Else its candidates are drawn without replacement as scikit-learn draws them: constant ones count, but
 * they go on until one that is not constant has been looked at. The tree depends on data, seed and tree number only.
 *
 * With data->crew (crew.h) several growers, each in a thread that has entered the crew, help each other: tree_grow()
 * gives branches of its tree away, and a grower that has no tree left to grow calls tree_help() until none has.
 */

#include <stdint.h>

#include "model-training/bootstrap.h"
#include "model-training/cut.h"
#include "model-training/distribution.h"

struct grow_data {
	int feature_count, class_count;
	uint32_t slot_count;
	uint64_t draw_count; /* of a tree */
	const struct column *columns;
	const uint16_t *classes;	   /* by slot */
	const struct bootstrap *bootstrap; /* tree_grow() draws from it; tree_grow_from() needs none */
	const struct packed *packed;	   /* packed.h; NULL: grown from the columns */
	int max_features;		   /* 1..feature_count */
	int max_depth;			   /* 0: no limit */
	uint32_t min_samples_leaf;	   /* in draws, at least 1 */
	uint64_t seed;
	struct crew *crew; /* NULL: each tree is grown by one thread */
};

enum { TREE_LEAST_BRANCH = 4096 }; /* members that a subtree must have to be given away */

enum { TREE_LEAF = 0xffff };

struct tree_node {
	union {
		struct {
			uint16_t left, right; /* the neighbouring codes it cuts between */
		};
		uint32_t distribution; /* of a leaf: which of tree.leaves */
	};
	uint16_t feature; /* TREE_LEAF: a leaf */
};

struct tree {
	uint32_t node_count;
	struct tree_node *nodes;     /* in pre-order */
	struct distributions leaves; /* their draws by class, in order of first use */
};

struct tree_grower;

/* What a grower takes once it has grown a tree, at most. */
uint64_t tree_grower_bytes(const struct grow_data *data);
struct tree_grower *tree_grower_new(const struct grow_data *data); /* data must live longer */
void tree_grower_free(struct tree_grower *grower);		   /* NULL is fine */
void tree_grow(struct tree_grower *grower, uint32_t tree_number, struct tree *tree);
/* The same from given draws by slot instead of a bootstrap sample. */
void tree_grow_from(struct tree_grower *grower, uint32_t tree_number, const uint32_t *draws, struct tree *tree);
void tree_help(struct tree_grower *grower);
void tree_release(struct tree *tree);

#endif
