#include "common/forest_walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum {
	LANES = FOREST_WALK_ROWS,
	BLIND_STEPS = 3,       /* steps before the one that looks whether all have arrived */
	CHUNK = 256,	       /* rows of a tree whose leaves are found before their shares are added */
	BYTE_THRESHOLDS = 255, /* of a feature whose keys take one byte */
	SORTED_FEATURES = 8,   /* no more narrow ones than that: rows are sorted by them */
	MAX_SUMMED = 255,      /* trees whose shares fit 32 bits */
	NODES_AHEAD = 128,     /* that are asked for before they are laid out */
	LOOK_TREES = 5,	       /* after so many trees rows are looked at whether they are decided */
	NARROW_PLACE_BITS = 7, /* of a narrow node: where the key lies; above it 8 bits of threshold and 17 of a node */
	NARROW_NODE_SHIFT = NARROW_PLACE_BITS + 8,
	WIDE_PLACE_BITS = 12, /* of a wide one; above it 32 bits of threshold and 20 of a node */
	WIDE_NODE_SHIFT = WIDE_PLACE_BITS + 32,
};

/* Where a feature's key lies in a coded row. */
struct column {
	uint32_t offset;
	bool is_byte;
};

struct walk {
	const struct forest *forest;
	bool narrow;
	struct column *columns; /* by feature */
	size_t stride;		/* bytes of a row's keys */
	uint8_t *coded;		/* the keys row by row */
	size_t rows;		/* that are walked, */
	uint32_t *order;	/* in which order, */
	uint8_t *keys;		/* with which keys, as the nodes need them */
	uint32_t *sums;		/* class_count each, in this order */
	void *nodes;
	uint32_t *leaves; /* by node: of a leaf, its distribution */
	uint32_t *open;	  /* the right children that are still to come */
};

/* A node is one number. From the highest bit on: its left child's number, which is even; the complement of its
 * threshold; where its key lies. Adding the key at the threshold's place carries into the child's number when the key
 * is greater, which makes it the right child's. A leaf has its own number and a zero, to which no key adds up so far.
 */

/* ------------------------------------------------------------------ nodes of 4 bytes */

/* Keys are numbers of 32 bits in their place already, those of eight rows by column; a place is in fours of them. */
typedef uint32_t node_narrow;

static inline node_narrow leaf_narrow(uint32_t own)
{
	return own << NARROW_NODE_SHIFT;
}

static inline node_narrow split_narrow(const struct column *column, const struct forest_node *node, uint32_t left)
{
	return left << NARROW_NODE_SHIFT | (uint32_t)(uint8_t)~node->rank << NARROW_PLACE_BITS | column->offset * 4;
}

static inline uint32_t step_narrow(node_narrow node, const uint8_t *keys, size_t lane, size_t stride UNUSED)
{
	const uint32_t *key =
	    (const uint32_t *)(const void *)keys + lane + (node & ((1u << NARROW_PLACE_BITS) - 1)) * 2;

	return (node + *key) >> NARROW_NODE_SHIFT;
}

#define NAME(word) word##_narrow
#include "common/forest_walk_kernel.h"
#undef NAME

/* ------------------------------------------------------------------ nodes of 8 bytes */

/* Keys are read as numbers of 32 bits. One of one byte is the highest of four, and the three below it, whatever they
 * are, decide nothing as the threshold has ones there. */
typedef uint64_t node_wide;

/* Keys in the order of unsigned numbers. */
static inline uint32_t unsigned_key(int32_t key)
{
	return (uint32_t)key ^ 0x80000000u;
}

static inline node_wide leaf_wide(uint32_t own)
{
	return (node_wide)own << WIDE_NODE_SHIFT;
}

static inline node_wide split_wide(const struct column *column, const struct forest_node *node, uint32_t left)
{
	uint32_t if_byte = 0u - (uint32_t)column->is_byte;
	uint32_t threshold = ((uint32_t)node->rank << 24 | 0xffffffu) & if_byte;

	threshold |= unsigned_key(node->threshold) & ~if_byte;
	return (node_wide)left << WIDE_NODE_SHIFT | (node_wide)~threshold << WIDE_PLACE_BITS | column->offset;
}

static inline uint32_t step_wide(node_wide node, const uint8_t *keys, size_t lane, size_t stride)
{
	uint32_t key;

	memcpy(&key, keys + lane * stride + (node & ((1u << WIDE_PLACE_BITS) - 1)), sizeof(key));
	return (uint32_t)((node + ((node_wide)key << WIDE_PLACE_BITS)) >> WIDE_NODE_SHIFT);
}

#define NAME(word) word##_wide
#include "common/forest_walk_kernel.h"
#undef NAME

/* ------------------------------------------------------------------ keys */

static uint32_t largest_tree(const struct forest *forest)
{
	uint32_t most = 0;

	for (int tree = 0; tree < forest->tree_count; tree++)
		if (forest->roots[tree + 1] - forest->roots[tree] > most)
			most = forest->roots[tree + 1] - forest->roots[tree];
	return most;
}

static bool is_narrow(const struct forest *forest)
{
	for (int i = 0; i < forest->feature_count; i++)
		if (forest->features[i].threshold_count > BYTE_THRESHOLDS)
			return false;
	return forest->feature_count * 4 <= 1 << NARROW_PLACE_BITS &&
	       largest_tree(forest) < 1u << (32 - NARROW_NODE_SHIFT);
}

/* A byte for each feature, behind those of four bytes. In a wide node a byte is found by the four that it ends, so that
 * three stand before the first one. */
static void place_columns(struct walk *walk)
{
	const struct forest *forest = walk->forest;
	uint32_t features = (uint32_t)forest->feature_count, before = walk->narrow ? 0 : 3, next = 0;

	walk->columns = xcalloc(features, sizeof(*walk->columns));
	for (uint32_t i = 0; i < features; i++) {
		walk->columns[i].is_byte = forest->features[i].threshold_count <= BYTE_THRESHOLDS;
		if (walk->columns[i].is_byte)
			continue;
		walk->columns[i].offset = next;
		next += (uint32_t)sizeof(uint32_t);
	}
	next = next < before ? before : next;
	for (uint32_t i = 0; i < features; i++)
		if (walk->columns[i].is_byte)
			walk->columns[i].offset = next++ - before;
	walk->stride = next;
}

/* How many thresholds lie below the key. */
static uint32_t rank_of(const struct forest_feature *feature, int32_t key)
{
	const int32_t *at = feature->thresholds;
	size_t left = (size_t)feature->threshold_count;

	if (left == 0)
		return 0;
	while (left > 1) {
		size_t half = left / 2;

		at += (at[half - 1] < key) * half;
		left -= half;
	}
	return (uint32_t)(at - feature->thresholds) + (*at < key);
}

static void code_row(const struct walk *walk, const int32_t *keys, uint8_t *coded)
{
	for (int i = 0; i < walk->forest->feature_count; i++) {
		const struct column *column = &walk->columns[i];
		uint32_t key = unsigned_key(keys[i]);

		if (column->is_byte)
			coded[column->offset + (walk->narrow ? 0 : 3)] =
			    (uint8_t)rank_of(&walk->forest->features[i], keys[i]);
		else
			memcpy(coded + column->offset, &key, sizeof(key));
	}
}

/* By one byte of each row, those of equal bytes as they stand. */
static void sort_by_byte(const struct walk *walk, size_t byte, const uint32_t *from, uint32_t *to)
{
	size_t ends[256] = {0}, sum = 0;

	for (size_t i = 0; i < walk->rows; i++)
		ends[walk->coded[i * walk->stride + byte]]++;
	for (int i = 0; i < 256; i++) {
		size_t count = ends[i];

		ends[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < walk->rows; i++)
		to[ends[walk->coded[from[i] * walk->stride + byte]]++] = from[i];
}

static void sort_rows(struct walk *walk)
{
	uint32_t *other = xcalloc(walk->rows, sizeof(*other));

	for (size_t byte = (size_t)walk->forest->feature_count; byte-- > 0;) {
		uint32_t *sorted = other;

		sort_by_byte(walk, byte, walk->order, sorted);
		other = walk->order;
		walk->order = sorted;
	}
	free(other);
}

static void code_rows(struct walk *walk, const int32_t *keys)
{
	size_t features = (size_t)walk->forest->feature_count;

	walk->coded = xcalloc(walk->rows, walk->stride);
	walk->order = xcalloc(walk->rows, sizeof(*walk->order));
	for (size_t row = 0; row < walk->rows; row++) {
		code_row(walk, keys + row * features, walk->coded + row * walk->stride);
		walk->order[row] = (uint32_t)row;
	}
	if (forest_walk_sorts(walk->forest))
		sort_rows(walk);
}

/* Whole groups of eight; the last row comes more than once where rows are missing. */
static size_t walked_rows(const struct walk *walk)
{
	return (walk->rows + LANES - 1) / LANES * LANES;
}

/* Of a row that is walked, each key where a narrow node's threshold is; those of eight rows column by column. */
static void put_narrow_keys(struct walk *walk, size_t i, const uint8_t *coded)
{
	uint32_t *keys = (uint32_t *)(void *)walk->keys + i / LANES * LANES * walk->stride + i % LANES;

	for (size_t column = 0; column < walk->stride; column++)
		keys[column * LANES] = (uint32_t)coded[column] << NARROW_PLACE_BITS;
}

static void arrange_keys(struct walk *walk)
{
	for (size_t i = 0; i < walked_rows(walk); i++) {
		const uint8_t *coded = walk->coded + walk->order[i < walk->rows ? i : walk->rows - 1] * walk->stride;

		if (walk->narrow)
			put_narrow_keys(walk, i, coded);
		else
			memcpy(walk->keys + i * walk->stride, coded, walk->stride);
	}
}

/* ------------------------------------------------------------------ trees */

typedef uint32_t four_shares __attribute__((vector_size(16), aligned(4), may_alias));

static inline __attribute__((always_inline)) void add_chunk(const struct walk *walk, const uint32_t *places,
							    size_t rows, size_t classes, uint32_t *sums)
{
	const uint32_t *distributions = walk->forest->distributions, *leaves = walk->leaves;

	for (size_t i = 0; i < rows; i++, sums += classes) {
		const uint32_t *shares = distributions + leaves[places[i]] * classes;
		size_t k = 0;

		for (; k + 4 <= classes; k += 4)
			*(four_shares *)(sums + k) += *(const four_shares *)(shares + k);
		for (; k < classes; k++)
			sums[k] += shares[k];
	}
}

/* The compiler unrolls the loop over few classes. */
static void add_shares(const struct walk *walk, const uint32_t *places, size_t rows, uint32_t *sums)
{
	switch (walk->forest->class_count) {
	case 2:
		add_chunk(walk, places, rows, 2, sums);
		break;
	case 3:
		add_chunk(walk, places, rows, 3, sums);
		break;
	case 4:
		add_chunk(walk, places, rows, 4, sums);
		break;
	case 5:
		add_chunk(walk, places, rows, 5, sums);
		break;
	default:
		add_chunk(walk, places, rows, (size_t)walk->forest->class_count, sums);
	}
}

static void walk_tree(const struct walk *walk, int tree)
{
	size_t classes = (size_t)walk->forest->class_count;
	size_t stride = walk->narrow ? walk->stride * sizeof(uint32_t) : walk->stride;
	uint32_t places[CHUNK];

	if (walk->narrow)
		lay_out_narrow(walk, tree);
	else
		lay_out_wide(walk, tree);
	for (size_t start = 0; start < walk->rows; start += CHUNK) {
		size_t count = walk->rows - start < CHUNK ? walk->rows - start : CHUNK;
		const uint8_t *keys = walk->keys + start * stride;

		if (walk->narrow)
			for (size_t i = 0; i < count; i += LANES)
				walk_narrow(walk, keys + i * stride, places + i);
		else
			for (size_t i = 0; i < count; i += LANES)
				walk_wide(walk, keys + i * stride, places + i);
		add_shares(walk, places, count, walk->sums + start * classes);
	}
}

static void move_sums(struct walk *walk, uint64_t *scores)
{
	size_t classes = (size_t)walk->forest->class_count;

	for (size_t i = 0; i < walk->rows; i++)
		for (size_t k = 0; k < classes; k++)
			scores[walk->order[i] * classes + k] += walk->sums[i * classes + k];
	memset(walk->sums, 0, walk->rows * classes * sizeof(*walk->sums));
}

/* No class can catch up with the first one any more. */
static bool is_decided(const uint64_t *scores, size_t classes, int trees_left)
{
	uint64_t first = 0, second = 0;

	for (size_t k = 0; k < classes; k++) {
		uint64_t score = scores[k], lower = score < first ? score : first;

		first = score > first ? score : first;
		second = lower > second ? lower : second;
	}
	return first - second > (uint64_t)trees_left << FOREST_SHARE_BITS;
}

static void leave_decided(struct walk *walk, const uint64_t *scores, int trees_left)
{
	size_t classes = (size_t)walk->forest->class_count, kept = 0;

	for (size_t i = 0; i < walk->rows; i++)
		if (!is_decided(scores + walk->order[i] * classes, classes, trees_left))
			walk->order[kept++] = walk->order[i];
	walk->rows = kept;
	arrange_keys(walk);
}

bool forest_walk_sorts(const struct forest *forest)
{
	return forest->feature_count <= SORTED_FEATURES && is_narrow(forest);
}

bool forest_walk_fits(const struct forest *forest)
{
	return largest_tree(forest) < 1u << (64 - WIDE_NODE_SHIFT) &&
	       (size_t)forest->feature_count * sizeof(uint32_t) <= 1u << WIDE_PLACE_BITS;
}

/* Before half of the trees nothing is decided. */
static void walk_trees(struct walk *walk, uint64_t *scores, bool only_classes)
{
	int trees = walk->forest->tree_count;

	for (int tree = 0; tree < trees && walk->rows > 0; tree++) {
		int left = trees - 1 - tree;
		bool look = only_classes && left > 0 && left < trees / 2 && left % LOOK_TREES == 0;

		walk_tree(walk, tree);
		if (look || left == 0 || tree % MAX_SUMMED == MAX_SUMMED - 1)
			move_sums(walk, scores);
		if (look)
			leave_decided(walk, scores, left);
	}
}

void forest_walk(const struct forest *forest, const int32_t *keys, size_t rows, bool only_classes, uint64_t *scores)
{
	size_t nodes = largest_tree(forest) + (size_t)1; /* the root has no sibling */
	struct walk walk = {.forest = forest, .narrow = is_narrow(forest), .rows = rows};

	place_columns(&walk);
	code_rows(&walk, keys);
	walk.keys = xcalloc(walked_rows(&walk), walk.stride * (walk.narrow ? sizeof(uint32_t) : 1));
	arrange_keys(&walk);
	walk.sums = xcalloc(rows * (size_t)forest->class_count, sizeof(*walk.sums));
	walk.nodes = xcalloc(nodes, walk.narrow ? sizeof(node_narrow) : sizeof(node_wide));
	walk.leaves = xcalloc(nodes, sizeof(*walk.leaves));
	walk.open = xcalloc(nodes + 1, sizeof(*walk.open));
	walk_trees(&walk, scores, only_classes);
	free(walk.columns);
	free(walk.coded);
	free(walk.order);
	free(walk.keys);
	free(walk.sums);
	free(walk.nodes);
	free(walk.leaves);
	free(walk.open);
}
