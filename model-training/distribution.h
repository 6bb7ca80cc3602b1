#ifndef MODEL_TRAINING_DISTRIBUTION_H
#define MODEL_TRAINING_DISTRIBUTION_H

/*
 * A set of equally long vectors, one number per class, numbered in the order of their first use: the leaves of a tree
 * (draws) and of a forest (shares) share them.
 *
 *	struct distribution_set set;
 *	distribution_set_init(&set, class_count);
 *	uint32_t index = distribution_add(&set, vector);	the known one's when it is there already
 *	set.vectors + index * class_count
 *	distribution_set_release(&set);
 */

#include <stdint.h>

struct distribution_set {
	int class_count;
	uint32_t count, capacity;
	uint32_t *vectors;
	uint32_t *table; /* index + 1, 0 = free */
	uint32_t table_size;
};

void distribution_set_init(struct distribution_set *set, int class_count);
uint32_t distribution_add(struct distribution_set *set, const uint32_t *vector);
/* The vectors' memory becomes the caller's (free()); the set is empty afterwards. */
uint32_t *distribution_take(struct distribution_set *set);
void distribution_clear(struct distribution_set *set); /* empty, its memory kept */
void distribution_set_release(struct distribution_set *set);

#endif
