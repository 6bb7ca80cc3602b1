#ifndef MODEL_TRAINING_BLOCK_H
#define MODEL_TRAINING_BLOCK_H

/*
 * The codes of a node's members, side by side: where a subtree has at most so many members, its columns are copied here
 * and its searches stay in a near cache, instead of fetching each code from a long column. That pays unless the
 * candidates of its nodes are few of very many features.
 */

#include "model-training/tree.h"

struct block {
	uint32_t members; /* at most; 0: there is none */
	struct column *columns;
	uint8_t *bytes;
};

void block_init(struct block *block, const struct grow_data *data);
void block_release(struct block *block);
/* The codes of members[i] to place i. */
void block_fill(struct block *block, const struct grow_data *data, const struct member *members, uint32_t count);

#endif
