#include "common/forest.h"

#include <stdlib.h>
#include <string.h>

#include "common/forest_table.h"
#include "common/number.h"
#include "common/xalloc.h"

enum { PREDICT_BLOCK_ROWS = 256 };

/* ------------------------------------------------------------------ values */

int32_t forest_real_key(float value)
{
	int32_t bits;

	value += 0.0f; /* -0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	/* Negative floats order backwards by their bits. */
	return bits < 0 ? (int32_t)(0x80000000u - (uint32_t)bits) : bits;
}

float forest_key_real(int32_t key)
{
	int32_t bits = key < 0 ? (int32_t)(0x80000000u - (uint32_t)key) : key;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int compare_text(const char *known, const char *text, size_t size)
{
	int order = strncmp(known, text, size);

	return order ? order : known[size] != '\0';
}

static enum forest_encoded encode_category(const struct forest_feature *feature, const char *text, size_t size,
					   int32_t *key)
{
	int low = 0, high = feature->category_count - 1;

	while (low <= high && !memchr(text, '\0', size)) {
		int middle = low + (high - low) / 2;
		int order = compare_text(feature->categories[feature->by_text[middle]], text, size);

		if (order == 0) {
			*key = feature->by_text[middle];
			return FOREST_ENCODED;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	*key = feature->frequent;
	return FOREST_UNSEEN;
}

enum forest_encoded forest_encode(const struct forest *forest, int feature, const char *text, size_t size, int32_t *key)
{
	const struct forest_feature *column = &forest->features[feature];
	float real;

	switch (column->type) {
	case COLUMN_INTEGER:
		return number_int32(text, size, key) ? FOREST_ENCODED : FOREST_NO_NUMBER;
	case COLUMN_REAL:
		if (!number_float32(text, size, &real))
			return FOREST_NO_NUMBER;
		*key = forest_real_key(real);
		return FOREST_ENCODED;
	case COLUMN_CATEGORY:
		break;
	}
	return encode_category(column, text, size, key);
}

int forest_label(const struct forest *forest, const char *text, size_t size)
{
	for (int i = 0; i < forest->class_count; i++)
		if (strlen(forest->labels[i]) == size && memcmp(forest->labels[i], text, size) == 0)
			return i;
	return -1;
}

double forest_probability(const struct forest *forest, uint64_t score)
{
	return (double)score / ((double)forest->tree_count * FOREST_SHARE_ONE);
}

/* ------------------------------------------------------------------ predictions */

static const uint32_t *find_leaf(const struct forest *forest, int tree, const int32_t *keys)
{
	const struct forest_node *nodes = forest->nodes;
	uint32_t at = forest->roots[tree];

	while (nodes[at].feature != FOREST_LEAF)
		at = keys[nodes[at].feature] <= nodes[at].threshold ? at + 1 : nodes[at].other;
	return forest->distributions + (size_t)nodes[at].other * (size_t)forest->class_count;
}

static int best_class(const uint64_t *scores, int class_count)
{
	int best = 0;

	for (int i = 1; i < class_count; i++)
		if (scores[i] > scores[best])
			best = i;
	return best;
}

int forest_predict(const struct forest *forest, const int32_t *keys, uint64_t *scores)
{
	uint16_t class;

	forest_predict_rows(forest, keys, 1, &class, scores);
	return class;
}

static void predict_block(const struct forest *forest, const int32_t *keys, size_t rows, uint64_t *scores)
{
	int classes = forest->class_count;

	memset(scores, 0, rows * (size_t)classes * sizeof(*scores));
	/* Trees outside: one tree's nodes stay in the cache for the whole block. */
	for (int tree = 0; tree < forest->tree_count; tree++)
		for (size_t row = 0; row < rows; row++) {
			const uint32_t *shares = find_leaf(forest, tree, keys + row * (size_t)forest->feature_count);

			for (int i = 0; i < classes; i++)
				scores[row * (size_t)classes + (size_t)i] += shares[i];
		}
}

static void predict_by_trees(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			     uint64_t *scores)
{
	size_t class_count = (size_t)forest->class_count;
	size_t block = rows < PREDICT_BLOCK_ROWS ? rows : PREDICT_BLOCK_ROWS;
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

/* The largest table that is painted sooner than the rows could walk down the trees: painting costs about a nanosecond
 * per 16 bytes and tree, a walk a few hundred. */
static size_t worthwhile_table_size(size_t rows)
{
	const size_t walk_to_paint = 200 * 16, most = (size_t)256 << 20;

	return rows < most / walk_to_paint ? rows * walk_to_paint : most;
}

void forest_predict_rows(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			 uint64_t *scores)
{
	struct forest_table *table =
	    rows < PREDICT_BLOCK_ROWS ? NULL : forest_table_new(forest, worthwhile_table_size(rows));

	if (table)
		predict_by_table(forest, table, keys, rows, classes, scores);
	else
		predict_by_trees(forest, keys, rows, classes, scores);
	forest_table_free(table);
}

void forest_free(struct forest *forest)
{
	if (!forest)
		return;
	for (int i = 0; forest->features && i < forest->feature_count; i++) {
		struct forest_feature *feature = &forest->features[i];

		for (int j = 0; feature->categories && j < feature->category_count; j++)
			free(feature->categories[j]);
		free(feature->categories);
		free(feature->by_text);
		free(feature->thresholds);
		free(feature->name);
	}
	for (int i = 0; forest->labels && i < forest->class_count; i++)
		free(forest->labels[i]);
	free(forest->features);
	free(forest->labels);
	free(forest->label_name);
	free(forest->roots);
	free(forest->nodes);
	free(forest->distributions);
	free(forest);
}
