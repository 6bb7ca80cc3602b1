/* Predictions: one row walks the trees, some do so side by side, many in a tree laid out for them, or look up a table
 * when making it costs less. */

#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/forest_table.h"
#include "common/xalloc.h"

enum {
	ABREAST = 8,		 /* rows that go down a tree side by side: their cache misses overlap */
	WALK_ROWS = 16,		 /* the same in a tree that is laid out for it, */
	WALK_STEPS = 3,		 /* steps before the one that looks whether all have arrived, */
	NODES_PER_ROW = 16,	 /* which pays from one row for so many nodes on */
	FEATURE_BITS = 10,	 /* of a node's word there */
	BLOCK_NUMBERS = 1 << 22, /* at most so many keys and scores are at work at a time */
	TABLE_ROWS = 1000,	 /* fewer rows never pay for a table */
};

/* A tree as many rows walk it: the children of a node stand side by side, and a leaf is its own left child, which every
 * key chooses. So a step is the same for all nodes, and no step has to be foreseen. */
struct walk_node {
	int32_t threshold;
	uint32_t word; /* the left child's number and, in the lowest bits, the feature */
};

struct walk_tree {
	struct walk_node *nodes;
	uint32_t *leaves; /* by node: of a leaf, its distribution */
	uint32_t *places; /* by the forest's node: its number here */
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

static void lay_out(const struct forest *forest, int tree, struct walk_tree *walk)
{
	const struct forest_node *nodes = forest->nodes;
	uint32_t root = forest->roots[tree], count = forest->roots[tree + 1] - root, next = 2;

	walk->places[0] = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct forest_node *node = &nodes[root + i];
		uint32_t place = walk->places[i];

		if (node->feature == FOREST_LEAF) {
			walk->nodes[place] = (struct walk_node){INT32_MAX, place << FEATURE_BITS};
			walk->leaves[place] = node->other;
			continue;
		}
		walk->nodes[place] = (struct walk_node){node->threshold, next << FEATURE_BITS | node->feature};
		walk->places[i + 1] = next;
		walk->places[node->other - root] = next + 1;
		next += 2;
	}
}

static inline uint32_t walk_step(const struct walk_node *nodes, uint32_t at, const int32_t *keys)
{
	uint32_t word = nodes[at].word;

	return (word >> FEATURE_BITS) + (keys[word & ((1u << FEATURE_BITS) - 1)] > nodes[at].threshold);
}

/* Side by side, so that their cache misses overlap. Rows that have arrived step on the spot until the last one has. */
static void walk_abreast(const struct walk_tree *walk, const int32_t *keys, size_t width, uint32_t at[WALK_ROWS])
{
	const struct walk_node *nodes = walk->nodes;
	uint32_t moved;

	for (int i = 0; i < WALK_ROWS; i++)
		at[i] = 0;
	do {
		for (int step = 0; step < WALK_STEPS; step++)
			for (size_t i = 0; i < WALK_ROWS; i++)
				at[i] = walk_step(nodes, at[i], keys + i * width);
		moved = 0;
		for (size_t i = 0; i < WALK_ROWS; i++) {
			uint32_t next = walk_step(nodes, at[i], keys + i * width);

			moved |= next ^ at[i];
			at[i] = next;
		}
	} while (moved);
}

static void walk_rows(const struct forest *forest, const struct walk_tree *walk, const int32_t *keys, size_t rows,
		      uint64_t *scores)
{
	size_t width = (size_t)forest->feature_count, classes = (size_t)forest->class_count;
	uint32_t at[WALK_ROWS];

	for (size_t row = 0; row < rows; row += WALK_ROWS) {
		size_t first = row + WALK_ROWS <= rows ? row : rows - WALK_ROWS; /* the last ones once more */

		walk_abreast(walk, keys + first * width, width, at);
		for (size_t i = row - first; i < WALK_ROWS; i++)
			add_shares(forest->distributions + walk->leaves[at[i]] * classes, classes,
				   scores + (first + i) * classes);
	}
}

static size_t largest_tree(const struct forest *forest)
{
	size_t most = 0;

	for (int tree = 0; tree < forest->tree_count; tree++)
		if (forest->roots[tree + 1] - forest->roots[tree] > most)
			most = forest->roots[tree + 1] - forest->roots[tree];
	return most;
}

static void predict_many(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	size_t nodes = largest_tree(forest) + 1;
	struct walk_tree walk = {.nodes = xcalloc(nodes, sizeof(*walk.nodes)),
				 .leaves = xcalloc(nodes, sizeof(*walk.leaves)),
				 .places = xcalloc(nodes, sizeof(*walk.places))};

	for (int tree = 0; tree < forest->tree_count; tree++) {
		lay_out(forest, tree, &walk);
		walk_rows(forest, &walk, keys, rows, scores);
	}
	free(walk.nodes);
	free(walk.leaves);
	free(walk.places);
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

static void predict_block(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	memset(scores, 0, rows * (size_t)forest->class_count * sizeof(*scores));
	if (rows >= WALK_ROWS && rows >= forest->node_count / (size_t)forest->tree_count / NODES_PER_ROW &&
	    largest_tree(forest) < 1u << (32 - FEATURE_BITS) && forest->feature_count <= 1 << FEATURE_BITS)
		predict_many(forest, keys, rows, scores);
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
		predict_block(forest, keys + start * (size_t)forest->feature_count, count, used);
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
