#ifndef MODEL_TRAINING_CUT_INTERNAL_H
#define MODEL_TRAINING_CUT_INTERNAL_H

/* What cut.c, cut_coarse.c and cut_avx2.c share. */

#include <string.h>

#include "model-training/cut.h"

typedef double pair_of_doubles __attribute__((vector_size(16)));

struct cut_scratch {
	uint16_t *codes; /* of the node's members */
	uint32_t *histogram;
	uint64_t *items, *sorted; /* code << 48 | class << 32 | draws */
	uint32_t *left;		  /* draws by class left of the place being looked at */
	bool has_avx2;
};

/* A sweep over a node's values in ascending order. */
struct sweep {
	const struct cut_node *node;
	uint32_t *left;
	uint32_t left_draws;
	uint64_t left_squares, right_squares;
	uint16_t last; /* the greatest code that is left */
};

static inline void sweep_start(struct sweep *sweep, const struct cut_node *node, uint32_t *left)
{
	memset(left, 0, (size_t)node->class_count * sizeof(*left));
	*sweep = (struct sweep){.node = node, .left = left, .right_squares = node->squares};
}

/* (L + d)^2 = L^2 + d (2 L + d); (R - d)^2 = R^2 - d (2 R - d). */
static inline void sweep_add(struct sweep *sweep, uint32_t class, uint64_t draws)
{
	uint64_t left = sweep->left[class], right = sweep->node->totals[class] - left;

	sweep->left_squares += draws * (2 * left + draws);
	sweep->right_squares -= draws * (2 * right - draws);
	sweep->left[class] += (uint32_t)draws;
	sweep->left_draws += (uint32_t)draws;
}

/* Looks at the cut between the values that are left and `code`. */
static inline void sweep_try(const struct sweep *sweep, uint16_t code, int feature, struct cut *best)
{
	uint32_t left = sweep->left_draws, right = sweep->node->draws - left;
	/* Two divisions at once where the processor can. */
	pair_of_doubles above = {(double)(int64_t)sweep->left_squares, (double)(int64_t)sweep->right_squares};
	pair_of_doubles below = {(double)left, (double)right}, both = above / below;
	double score = both[0] + both[1];

	if (left < sweep->node->min_leaf || right < sweep->node->min_leaf)
		return;
	if (score > best->score)
		*best = (struct cut){.score = score, .feature = feature, .left = sweep->last, .right = code};
}

enum { CUT_SORT_AVX2 = 4096 };

/* Sorts up to CUT_SORT_AVX2 items in place; items[] has room for CUT_SORT_PADDING more. False, with nothing sorted: one
 * has more than 4095 draws or a class above 15. Only where simd_has_avx2(). */
enum { CUT_SORT_PADDING = 7 };
bool cut_sort_avx2(uint64_t *items, uint32_t count);

/* Of codes in scratch. Only where simd_has_avx2(). */
void cut_range_avx2(const uint16_t *codes, uint32_t count, uint16_t *lowest, uint16_t *highest);

/* Sorts the first `count` of scratch->items, whose codes are up to `range`; where they are then. */
const uint64_t *cut_sort_items(struct cut_scratch *scratch, uint32_t count, uint32_t range);

enum {
	CUT_COARSE_NODE = 1024, /* members from which on ranges of codes are told apart first, */
	CUT_COARSE_CLASSES = 6, /* if there are at most so many classes */
};

/* As cut_search() does for a feature whose members' codes stand in scratch->codes and vary. */
void cut_search_coarsely(struct cut_scratch *scratch, const struct cut_node *node, uint16_t low, uint16_t high,
			 int feature, struct cut *best);

#endif
