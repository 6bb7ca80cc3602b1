#include "common/forest_walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum {
	LANES = FOREST_WALK_ROWS,
	BLIND_STEPS = 3,	  /* steps before the one that looks whether all have arrived */
	CHUNK = 256,		  /* rows of a tree whose leaves are found before their shares are added */
	BYTE_THRESHOLDS = 255,	  /* of a feature whose keys take one byte */
	SORTED_FEATURES = 8,	  /* no more narrow ones than that: rows are sorted by them */
	NARROW_NODES = 1 << 17,	  /* of a tree whose nodes take 4 bytes, */
	WIDE_NODES = 1 << 21,	  /* and 8 */
	OFFSET_BITS = 12,	  /* of a wide node's word */
	MAX_SUMMED = 255,	  /* trees whose shares fit 32 bits */
	ALWAYS = 1,		  /* a key that all rows have, greater than no threshold but 0 */
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
	uint32_t always;	/* where ALWAYS lies */
	size_t stride;		/* bytes of a row's keys */
	uint8_t *keys;		/* coded, by eight rows */
	uint32_t *order;	/* the rows in the order in which they are walked */
	uint32_t *sums;		/* class_count each, in this order */
	void *nodes;
	uint32_t *leaves; /* by node: of a leaf, its distribution */
	uint32_t *open;	  /* the right children that are still to come */
};

/* ------------------------------------------------------------------ nodes of 4 bytes */

/* From the lowest bit on: the column, the threshold's rank, the pair of children. Keys of eight rows stand by column. */
typedef uint32_t node_narrow;

static inline node_narrow leaf_narrow(const struct walk *walk, uint32_t place)
{
	return walk->always | (place & 1 ? 0u : 255u) << 8 | place / 2 << 16;
}

static inline node_narrow split_narrow(const struct column *column, const struct forest_node *node, uint32_t pair)
{
	return column->offset | (uint32_t)(uint8_t)node->rank << 8 | pair << 16;
}

static inline uint32_t step_narrow(const node_narrow *nodes, uint32_t at, const uint8_t *keys, size_t lane,
				   size_t stride UNUSED)
{
	uint32_t node = nodes[at];

	return (node >> 16) * 2 + ((uint8_t)(node >> 8) < keys[(size_t)(uint8_t)node * LANES + lane]);
}

#define NAME(word) word##_narrow
#include "common/forest_walk_kernel.h"
#undef NAME

/* ------------------------------------------------------------------ nodes of 8 bytes */

/* All keys are read as 32 bits. A key of one byte is the highest of them, so the three below it, whatever they are,
 * decide nothing where the threshold has ones there. */
typedef struct {
	uint32_t threshold;
	uint32_t word; /* from the lowest bit on: the key's offset, the pair of children */
} node_wide;

/* Keys in the order of unsigned numbers. */
static inline uint32_t unsigned_key(int32_t key)
{
	return (uint32_t)key ^ 0x80000000u;
}

static inline node_wide leaf_wide(const struct walk *walk, uint32_t place)
{
	return (node_wide){place & 1 ? 0 : UINT32_MAX, walk->always | place / 2 << OFFSET_BITS};
}

static inline node_wide split_wide(const struct column *column, const struct forest_node *node, uint32_t pair)
{
	uint32_t rank = (uint32_t)node->rank << 24 | 0xffffffu;

	return (node_wide){column->is_byte ? rank : unsigned_key(node->threshold),
			   column->offset | pair << OFFSET_BITS};
}

static inline uint32_t step_wide(const node_wide *nodes, uint32_t at, const uint8_t *keys, size_t lane, size_t stride)
{
	uint32_t word = nodes[at].word, key;

	memcpy(&key, keys + lane * stride + (word & ((1u << OFFSET_BITS) - 1)), sizeof(key));
	return (word >> OFFSET_BITS) * 2 + (nodes[at].threshold < key);
}

#define NAME(word) word##_wide
#include "common/forest_walk_kernel.h"
#undef NAME

/* ------------------------------------------------------------------ keys */

static bool all_narrow(const struct forest *forest)
{
	for (int i = 0; i < forest->feature_count; i++)
		if (forest->features[i].threshold_count > BYTE_THRESHOLDS)
			return false;
	return forest->feature_count < UINT8_MAX;
}

static uint32_t largest_tree(const struct forest *forest)
{
	uint32_t most = 0;

	for (int tree = 0; tree < forest->tree_count; tree++)
		if (forest->roots[tree + 1] - forest->roots[tree] > most)
			most = forest->roots[tree + 1] - forest->roots[tree];
	return most;
}

/* Narrow: a byte per feature and ALWAYS. Wide: ALWAYS and the keys of four bytes, then those of one, whose offset is
 * that of the 32 bits that end with them. */
static void place_columns(struct walk *walk)
{
	const struct forest *forest = walk->forest;
	uint32_t features = (uint32_t)forest->feature_count, next = walk->narrow ? 0 : sizeof(uint32_t);

	walk->columns = xcalloc(features, sizeof(*walk->columns));
	for (uint32_t i = 0; i < features; i++) {
		walk->columns[i].is_byte = forest->features[i].threshold_count <= BYTE_THRESHOLDS;
		if (walk->columns[i].is_byte)
			continue;
		walk->columns[i].offset = next;
		next += (uint32_t)sizeof(uint32_t);
	}
	for (uint32_t i = 0; i < features; i++)
		if (walk->columns[i].is_byte)
			walk->columns[i].offset = walk->narrow ? next++ : next++ - 3;
	walk->always = walk->narrow ? next++ : 0;
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
	uint32_t always = ALWAYS;

	for (int i = 0; i < walk->forest->feature_count; i++) {
		const struct column *column = &walk->columns[i];
		uint32_t key = unsigned_key(keys[i]);

		if (column->is_byte)
			coded[column->offset + (walk->narrow ? 0 : 3)] =
			    (uint8_t)rank_of(&walk->forest->features[i], keys[i]);
		else
			memcpy(coded + column->offset, &key, sizeof(key));
	}
	memcpy(coded + walk->always, &always, walk->narrow ? 1 : sizeof(always));
}

/* By one byte of each row, those of equal bytes as they stand. */
static void sort_by_byte(const struct walk *walk, size_t rows, size_t byte, uint32_t *from, uint32_t *to)
{
	size_t ends[256] = {0}, sum = 0;

	for (size_t i = 0; i < rows; i++)
		ends[walk->keys[i * walk->stride + byte]]++;
	for (int i = 0; i < 256; i++) {
		size_t count = ends[i];

		ends[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < rows; i++)
		to[ends[walk->keys[from[i] * walk->stride + byte]]++] = from[i];
}

static void sort_rows(struct walk *walk, size_t rows)
{
	uint32_t *other = xcalloc(rows, sizeof(*other));

	for (size_t byte = (size_t)walk->forest->feature_count; byte-- > 0;) {
		uint32_t *sorted = other;

		sort_by_byte(walk, rows, byte, walk->order, sorted);
		other = walk->order;
		walk->order = sorted;
	}
	free(other);
}

/* Of whole groups of eight; the last row comes more than once where rows are missing. */
static size_t walked_rows(size_t rows)
{
	return (rows + LANES - 1) / LANES * LANES;
}

/* From row by row to eight rows' columns after another, in the order of the walk. */
static void turn_keys(struct walk *walk, size_t rows)
{
	uint8_t *turned = xcalloc(walked_rows(rows), walk->stride);

	for (size_t i = 0; i < walked_rows(rows); i++) {
		const uint8_t *from = walk->keys + walk->order[i < rows ? i : rows - 1] * walk->stride;
		uint8_t *to = turned + i / LANES * LANES * walk->stride + i % LANES;

		for (size_t byte = 0; byte < walk->stride; byte++)
			to[byte * LANES] = from[byte];
	}
	free(walk->keys);
	walk->keys = turned;
}

static void code_rows(struct walk *walk, const int32_t *keys, size_t rows)
{
	size_t features = (size_t)walk->forest->feature_count;

	walk->keys = xcalloc(walked_rows(rows), walk->stride);
	walk->order = xcalloc(rows, sizeof(*walk->order));
	for (size_t row = 0; row < walked_rows(rows); row++)
		code_row(walk, keys + (row < rows ? row : rows - 1) * features, walk->keys + row * walk->stride);
	for (size_t row = 0; row < rows; row++)
		walk->order[row] = (uint32_t)row;
	if (!walk->narrow)
		return;
	if (features <= SORTED_FEATURES)
		sort_rows(walk, rows);
	turn_keys(walk, rows);
}

/* ------------------------------------------------------------------ trees */

static inline __attribute__((always_inline)) void add_chunk(const struct walk *walk, const uint32_t *places,
							    size_t rows, size_t classes, uint32_t *sums)
{
	for (size_t i = 0; i < rows; i++) {
		const uint32_t *shares = walk->forest->distributions + walk->leaves[places[i]] * classes;

		for (size_t k = 0; k < classes; k++)
			sums[i * classes + k] += shares[k];
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

static void walk_tree(const struct walk *walk, int tree, size_t rows)
{
	size_t classes = (size_t)walk->forest->class_count;
	uint32_t places[CHUNK];

	if (walk->narrow)
		lay_out_narrow(walk, tree);
	else
		lay_out_wide(walk, tree);
	for (size_t start = 0; start < rows; start += CHUNK) {
		size_t count = rows - start < CHUNK ? rows - start : CHUNK;
		const uint8_t *keys = walk->keys + start * walk->stride;

		if (walk->narrow)
			for (size_t i = 0; i < count; i += LANES)
				walk_narrow(walk, keys + i * walk->stride, places + i);
		else
			for (size_t i = 0; i < count; i += LANES)
				walk_wide(walk, keys + i * walk->stride, places + i);
		add_shares(walk, places, count, walk->sums + start * classes);
	}
}

static void move_sums(struct walk *walk, size_t rows, uint64_t *scores)
{
	size_t classes = (size_t)walk->forest->class_count;

	for (size_t i = 0; i < rows; i++)
		for (size_t k = 0; k < classes; k++)
			scores[walk->order[i] * classes + k] += walk->sums[i * classes + k];
	memset(walk->sums, 0, rows * classes * sizeof(*walk->sums));
}

bool forest_walk_fits(const struct forest *forest)
{
	return largest_tree(forest) < WIDE_NODES &&
	       ((size_t)forest->feature_count + 1) * sizeof(uint32_t) <= 1u << OFFSET_BITS;
}

void forest_walk(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	size_t nodes = largest_tree(forest) + (size_t)1; /* the root has no sibling */
	struct walk walk = {.forest = forest, .narrow = nodes <= NARROW_NODES && all_narrow(forest)};

	place_columns(&walk);
	code_rows(&walk, keys, rows);
	walk.sums = xcalloc(rows * (size_t)forest->class_count, sizeof(*walk.sums));
	walk.nodes = xcalloc(nodes, walk.narrow ? sizeof(node_narrow) : sizeof(node_wide));
	walk.leaves = xcalloc(nodes, sizeof(*walk.leaves));
	walk.open = xcalloc(nodes + 1, sizeof(*walk.open));
	for (int tree = 0; tree < forest->tree_count; tree++) {
		walk_tree(&walk, tree, rows);
		if (tree % MAX_SUMMED == MAX_SUMMED - 1)
			move_sums(&walk, rows, scores);
	}
	move_sums(&walk, rows, scores);
	free(walk.columns);
	free(walk.keys);
	free(walk.order);
	free(walk.sums);
	free(walk.nodes);
	free(walk.leaves);
	free(walk.open);
}
