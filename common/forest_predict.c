/* Predictions: one row walks the trees, some do so side by side, many go down a tree together, node by node, or look up
 * a table when making it costs less. */

#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/forest_table.h"
#include "common/xalloc.h"

enum {
	ABREAST = 8,		/* rows that go down a tree side by side: their cache misses overlap */
	TOGETHER = 256,		/* from so many rows on they go together, */
	BLOCK_ROWS = 1 << 16,	/* at most so many at a time, */
	BLOCK_SCORES = 1 << 18, /* whose scores stay in a cache */
	BLOCK_KEYS = 1 << 22,	/* and whose keys do not take much memory */
	FEW = 16,		/* not worth a call of memcpy() */
	TABLE_ROWS = 1000,	/* fewer rows never pay for a table */
};

/* A node whose rows are known and whose turn comes. */
struct pending {
	uint32_t node, begin, end;
};

/* Rows that go down a tree together. */
struct party {
	const struct forest *forest;
	size_t rows;
	const int32_t *columns; /* the keys, feature by feature */
	uint32_t *order;	/* the rows, those of a node side by side */
	uint32_t *spare;
	struct pending *stack;
	uint64_t *scores;
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

/* The rows that go left to the front, both sides in the order they were in. Returns where the right ones begin. */
static uint32_t split_party(struct party *party, const struct forest_node *node, uint32_t begin, uint32_t end)
{
	const int32_t *keys = party->columns + node->feature * party->rows;
	uint32_t *order = party->order, *spare = party->spare, left = begin, right = 0;

	/* Which way is a coin toss to the branch predictor, so a row is written to both sides. */
	for (uint32_t i = begin; i < end; i++) {
		uint32_t row = order[i];
		bool goes_left = keys[row] <= node->threshold;

		order[left] = row;
		spare[right] = row;
		left += goes_left;
		right += !goes_left;
	}
	if (right > FEW)
		memcpy(order + left, spare, right * sizeof(*order));
	else
		for (uint32_t i = 0; i < right; i++)
			order[left + i] = spare[i];
	return left;
}

/* Each split that waits on the stack has a row of its own, so that there are never more of them than rows. */
static void walk_together(struct party *party, uint32_t root)
{
	const struct forest_node *nodes = party->forest->nodes;
	size_t classes = (size_t)party->forest->class_count, depth = 0;
	struct pending at = {root, 0, (uint32_t)party->rows};

	for (size_t row = 0; row < party->rows; row++)
		party->order[row] = (uint32_t)row;
	for (;;) {
		const struct forest_node *node = &nodes[at.node];

		if (node->feature != FOREST_LEAF) {
			uint32_t middle = split_party(party, node, at.begin, at.end);

			if (middle > at.begin && middle < at.end)
				party->stack[depth++] = (struct pending){node->other, middle, at.end};
			at = middle > at.begin ? (struct pending){at.node + 1, at.begin, middle}
					       : (struct pending){node->other, at.begin, at.end};
			continue;
		}
		for (uint32_t i = at.begin; i < at.end; i++)
			add_shares(shares_of(party->forest, at.node), classes,
				   party->scores + party->order[i] * classes);
		if (depth == 0)
			return;
		at = party->stack[--depth];
	}
}

static void predict_together(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	size_t features = (size_t)forest->feature_count;
	int32_t *columns = xcalloc(rows * features, sizeof(*columns));
	struct party party = {.forest = forest,
			      .rows = rows,
			      .columns = columns,
			      .order = xcalloc(rows, sizeof(*party.order)),
			      .spare = xcalloc(rows, sizeof(*party.spare)),
			      .stack = xcalloc(rows, sizeof(*party.stack)),
			      .scores = scores};

	for (size_t row = 0; row < rows; row++)
		for (size_t i = 0; i < features; i++)
			columns[i * rows + row] = keys[row * features + i];
	for (int tree = 0; tree < forest->tree_count; tree++)
		walk_together(&party, forest->roots[tree]);
	free(columns);
	free(party.order);
	free(party.spare);
	free(party.stack);
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
	if (rows >= TOGETHER)
		predict_together(forest, keys, rows, scores);
	else
		predict_abreast(forest, keys, rows, scores);
}

static size_t block_rows(const struct forest *forest, size_t rows)
{
	size_t most = BLOCK_SCORES / (size_t)forest->class_count, by_keys = BLOCK_KEYS / (size_t)forest->feature_count;

	most = most < by_keys ? most : by_keys;
	most = most < TOGETHER ? TOGETHER : most > BLOCK_ROWS ? BLOCK_ROWS : most;
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
	int class_count = forest->class_count;

	for (size_t row = 0; row < rows; row++) {
		const uint32_t *found = forest_table_scores(table, keys + row * (size_t)forest->feature_count);
		int best = 0;

		for (int i = 1; i < class_count; i++)
			if (found[i] > found[best])
				best = i;
		for (int i = 0; scores && i < class_count; i++)
			scores[row * (size_t)class_count + (size_t)i] = found[i];
		classes[row] = (uint16_t)best;
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
