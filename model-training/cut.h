#ifndef MODEL_TRAINING_CUT_H
#define MODEL_TRAINING_CUT_H

/*
 * The best place to cut a node along one feature: among all pairs of neighbouring values that occur in the node, the
 * one with the greatest
 *	sum_k L_k^2 / n_L + sum_k R_k^2 / n_R		(draws of class k left and right of the cut)
 * which is the least Gini impurity. The counts are exact integers and the score is this one double expression, so equal
 * counts give equal scores on every machine; a cut must be strictly better than the best so far to replace it.
 *
 * Where the values of the node lie close together they are counted in a histogram, else they are sorted; both visit the
 * same cuts in the same order.
 */

#include <stdbool.h>
#include <stdint.h>

/* A slot that the tree has drawn. */
struct member {
	uint32_t slot;
	uint32_t draws;
	uint32_t class;
};

/* One feature's codes by slot; exactly one of the two is set. */
struct column {
	const uint8_t *narrow;
	const uint16_t *wide;
	uint8_t greatest; /* code of a narrow one; 0: not known, or it is constant */
};

struct cut_node {
	const struct member *members;
	uint32_t member_count;
	int class_count;
	const uint32_t *totals; /* draws by class */
	uint32_t draws;
	uint64_t squares;  /* sum of totals squared */
	uint32_t min_leaf; /* draws that each side needs */
};

struct cut {
	double score; /* negative: none found yet */
	int feature;
	uint16_t left, right; /* neighbouring codes: code <= left goes left */
};

struct cut_scratch; /* working memory, one per thread */

uint64_t cut_scratch_bytes(uint32_t max_members, int class_count);
struct cut_scratch *cut_scratch_new(uint32_t max_members, int class_count);
void cut_scratch_free(struct cut_scratch *scratch); /* NULL is fine */

/* Replaces *best when this feature has a better cut. False: all members have the same value. */
bool cut_search(struct cut_scratch *scratch, const struct cut_node *node, const struct column *column, int feature,
		struct cut *best);

#endif
