#ifndef MODEL_TRAINING_DISTRIBUTION_H
#define MODEL_TRAINING_DISTRIBUTION_H

/*
 * Vectors with one number per class, of which only those that are not 0 are kept: the leaves of a tree (draws) and of a
 * forest (shares). Of a thousand classes a leaf has a few.
 *
 *	struct distributions list = {0};
 *	distributions_append(&list, vector, class_count);
 *	distributions_expand(&list, index, class_count, vector);
 *	distributions_release(&list);
 *
 * A set has each vector once, numbered in the order of their first use:
 *
 *	struct distribution_set set;
 *	distribution_set_init(&set, class_count);
 *	uint32_t index = distribution_add(&set, vector);	the known one's when it is there already
 *	distribution_take(&set, &list);				empties the set
 *	distribution_set_release(&set);
 */

#include <stddef.h>
#include <stdint.h>

struct distribution_cell {
	uint32_t class, number;
};

struct distributions {
	uint32_t count, capacity;
	size_t *ends;			 /* by vector: where its cells end, which is where those of the next begin */
	struct distribution_cell *cells; /* of a vector: by class, ascending */
	size_t cell_capacity;
};

void distributions_append(struct distributions *list, const uint32_t *vector, int class_count);
void distributions_expand(const struct distributions *list, uint32_t index, int class_count, uint32_t *vector);
void distributions_release(struct distributions *list);

static inline size_t distributions_begin(const struct distributions *list, uint32_t index)
{
	return index > 0 ? list->ends[index - 1] : 0;
}

struct distribution_set {
	int class_count;
	struct distributions list;
	uint32_t *table; /* index + 1, 0 = free */
	uint32_t table_size;
};

void distribution_set_init(struct distribution_set *set, int class_count);
uint32_t distribution_add(struct distribution_set *set, const uint32_t *vector);
/* The same with a vector of a list. */
uint32_t distribution_add_from(struct distribution_set *set, const struct distributions *list, uint32_t index);
/* The list becomes the caller's; the set is empty afterwards. */
void distribution_take(struct distribution_set *set, struct distributions *list);
void distribution_set_release(struct distribution_set *set);

#endif
