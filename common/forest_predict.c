/* Predictions: one row walks the trees, some do so side by side, many in a tree laid out for them, or look up a table
 * when making it costs less. */

#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/forest_table.h"
#include "common/forest_walk.h"
#include "common/xalloc.h"

enum {
	ABREAST = 8,		 /* rows that go down a tree side by side: their cache misses overlap */
	WALK_ROWS = 16,		 /* the fewest for which a tree is laid out, */
	NODES_PER_ROW = 32,	 /* one for so many of its nodes, */
	FEATURES_PER_TREE = 8,	 /* and their keys are coded, which pays from one tree for so many features on */
	BLOCK_NUMBERS = 1 << 22, /* at most so many keys and scores are at work at a time */
	TABLE_ROWS = 1000,	 /* fewer rows never pay for a table */
};

static const uint32_t *shares_of(const struct forest *forest, uint32_t leaf)
{
	return forest->distributions + (size_t)forest->nodes[leaf].other * (size_t)forest->class_count;
}

static uint32_t find_leaf(const struct forest *forest, uint32_t at, const int32_t *keys)
{
	const struct forest_node *nodes = forest->nodes;

	while (nodes[at].feature != FOREST_LEAF)
		at = keys[nodes[at].feature] <= nodes[at].threshold ? at + 1 : nodes[at].other;
	return at;
}

/* A row that has arrived stays where it is until the others have. */
static void find_leaves(const struct forest *forest, uint32_t root, const int32_t *keys, uint32_t leaves[ABREAST])
{
	const struct forest_node *nodes = forest->nodes;
	const size_t width = (size_t)forest->feature_count;
	bool going;

	for (int i = 0; i < ABREAST; i++)
		leaves[i] = root;
	do {
		going = false;
		for (size_t i = 0; i < ABREAST; i++) {
			const struct forest_node *node = &nodes[leaves[i]];
			bool is_leaf = node->feature == FOREST_LEAF;
			int32_t key = keys[i * width + (is_leaf ? 0 : node->feature)];
			/* Which way is a coin toss to the branch predictor, so it is computed. */
			uint32_t left = leaves[i] + 1, goes_left = 0u - (uint32_t)(key <= node->threshold);
			uint32_t next = node->other ^ ((left ^ node->other) & goes_left), stay = 0u - (uint32_t)is_leaf;

			leaves[i] = next ^ ((leaves[i] ^ next) & stay);
			going |= !is_leaf;
		}
	} while (going);
}

static void add_shares(const uint32_t *shares, size_t classes, uint64_t *scores)
{
	for (size_t i = 0; i < classes; i++)
		scores[i] += shares[i];
}

static void predict_abreast(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	size_t classes = (size_t)forest->class_count, width = (size_t)forest->feature_count;

	for (int tree = 0; tree < forest->tree_count; tree++) {
		uint32_t leaves[ABREAST];
		size_t row = 0;

		for (; row + ABREAST <= rows; row += ABREAST) {
			find_leaves(forest, forest->roots[tree], keys + row * width, leaves);
			for (size_t i = 0; i < ABREAST; i++)
				add_shares(shares_of(forest, leaves[i]), classes, scores + (row + i) * classes);
		}
		for (; row < rows; row++)
			add_shares(shares_of(forest, find_leaf(forest, forest->roots[tree], keys + row * width)),
				   classes, scores + row * classes);
	}
}

static void predict_block(const struct forest *forest, const int32_t *keys, size_t rows, bool only_classes,
			  uint64_t *scores)
{
	memset(scores, 0, rows * (size_t)forest->class_count * sizeof(*scores));
	if (rows >= WALK_ROWS && rows >= forest->node_count / (size_t)forest->tree_count / NODES_PER_ROW &&
	    forest->feature_count <= FEATURES_PER_TREE * forest->tree_count && forest_walk_fits(forest))
		forest_walk(forest, keys, rows, only_classes, scores);
	else
		predict_abreast(forest, keys, rows, scores);
}

static size_t block_rows(const struct forest *forest, size_t rows)
{
	size_t most = BLOCK_NUMBERS / (size_t)(forest->class_count + forest->feature_count);

	most = most < WALK_ROWS ? WALK_ROWS : most;
	return rows < most ? rows : most;
}

static int best_class(const uint64_t *scores, int class_count)
{
	int best = 0;

	for (int i = 1; i < class_count; i++)
		if (scores[i] > scores[best])
			best = i;
	return best;
}

void forest_predict_by_trees(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			     uint64_t *scores)
{
	size_t class_count = (size_t)forest->class_count;
	size_t block = block_rows(forest, rows);
	uint64_t few[64], *own = NULL, *used;

	if (!scores && block * class_count > sizeof(few) / sizeof(*few))
		own = xcalloc(block * class_count, sizeof(*own));
	for (size_t start = 0; start < rows; start += block) {
		size_t count = rows - start < block ? rows - start : block;

		used = scores ? scores + start * class_count : own ? own : few;
		predict_block(forest, keys + start * (size_t)forest->feature_count, count, !scores, used);
		for (size_t row = 0; row < count; row++)
			classes[start + row] = (uint16_t)best_class(used + row * class_count, forest->class_count);
	}
	free(own);
}

static void predict_by_table(const struct forest *forest, const struct forest_table *table, const int32_t *keys,
			     size_t rows, uint16_t *classes, uint64_t *scores)
{
	size_t class_count = (size_t)forest->class_count;

	forest_table_predict(table, keys, rows, classes);
	for (size_t row = 0; scores && row < rows; row++) {
		const uint32_t *found = forest_table_scores(table, keys + row * (size_t)forest->feature_count);

		for (size_t i = 0; i < class_count; i++)
			scores[row * class_count + i] = found[i];
	}
}

/* The largest table that is made sooner than the rows could walk down the trees: a walk takes about as long as painting
 * five cells of 16 bytes. */
static size_t worthwhile_table_size(size_t rows)
{
	const size_t walk_to_paint = 5 * 16, most = (size_t)256 << 20;

	return rows < most / walk_to_paint ? rows * walk_to_paint : most;
}

int forest_predict(const struct forest *forest, const int32_t *keys, uint64_t *scores)
{
	uint16_t class;

	forest_predict_by_trees(forest, keys, 1, &class, scores);
	return class;
}

void forest_predict_rows(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			 uint64_t *scores)
{
	struct forest_table *table = rows < TABLE_ROWS ? NULL : forest_table_new(forest, worthwhile_table_size(rows));

	if (table)
		predict_by_table(forest, table, keys, rows, classes, scores);
	else
		forest_predict_by_trees(forest, keys, rows, classes, scores);
	forest_table_free(table);
}
