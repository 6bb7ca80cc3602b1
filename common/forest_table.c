#include "common/forest_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum {
	LANES = 4,	      /* scores are added four at a time; a cell is padded to a multiple */
	MAX_TREES = 255,      /* their scores still fit 32 bits */
	MAX_DIRECT = 1 << 16, /* keys between a feature's first and last threshold that are looked up */
	BLOCK = 128,	      /* rows whose cells are found together, feature by feature */
};

typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* Where a key's interval begins, in cells: looked up where the thresholds lie close together. */
struct axis {
	size_t stride; /* cells from one interval to the next; the last feature's is 1 */
	int32_t low;
	uint32_t last;
	uint32_t *offsets; /* by key - low, up to the last; NULL: search the thresholds */
};

struct forest_table {
	const struct forest *forest;
	size_t width;	   /* lanes of a cell */
	struct axis *axes; /* by feature */
	lanes *cells;
	uint16_t *classes; /* the best one, by cell */
};

/* The box of the node being painted, and the way back up. */
struct painter {
	struct forest_table *table;
	int *low, *high; /* by feature: intervals low .. high - 1 */
	int *at;	 /* the odometer over a box */
	lanes *shares;	 /* of the leaf, padded */
	struct step {
		uint32_t node;
		int saved; /* the bound that going left (high) or right (low) has replaced */
		bool right;
	} * steps;
	size_t step_count, step_capacity;
};

static size_t lanes_of(const struct forest *forest)
{
	return ((size_t)forest->class_count + LANES - 1) / LANES;
}

size_t forest_table_size(const struct forest *forest)
{
	size_t size = lanes_of(forest) * sizeof(lanes) + sizeof(uint16_t);

	if (forest->tree_count > MAX_TREES)
		return SIZE_MAX;
	for (int i = 0; i < forest->feature_count; i++)
		if (__builtin_mul_overflow(size, (size_t)forest->features[i].threshold_count + 1, &size))
			return SIZE_MAX;
	return size;
}

/* How many thresholds lie below the key: the number of its interval. */
static size_t interval_of(const struct forest_feature *feature, int32_t key)
{
	size_t low = 0, high = (size_t)feature->threshold_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (feature->thresholds[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds the leaf's shares to every cell of the box: runs of the last feature, the others turn like an odometer. */
static void paint_box(struct painter *painter)
{
	const struct forest_table *table = painter->table;
	int last = table->forest->feature_count - 1, feature;
	size_t width = table->width, run, cell = 0;

	for (feature = 0; feature <= last; feature++) {
		if (painter->low[feature] >= painter->high[feature])
			return; /* no value gets here: a split repeats one above it */
		painter->at[feature] = painter->low[feature];
		cell += (size_t)painter->low[feature] * table->axes[feature].stride;
	}
	run = (size_t)(painter->high[last] - painter->low[last]) * width;
	do {
		lanes *cells = table->cells + cell * width;

		if (width == 1)
			for (size_t i = 0; i < run; i++)
				cells[i] += painter->shares[0];
		else
			for (size_t i = 0; i < run; i += width)
				for (size_t j = 0; j < width; j++)
					cells[i + j] += painter->shares[j];
		for (feature = last - 1; feature >= 0; feature--) {
			cell += table->axes[feature].stride;
			if (++painter->at[feature] < painter->high[feature])
				break;
			cell -= (size_t)(painter->high[feature] - painter->low[feature]) * table->axes[feature].stride;
			painter->at[feature] = painter->low[feature];
		}
	} while (feature >= 0);
}

static void paint_leaf(struct painter *painter, const struct forest_node *node)
{
	const struct forest *forest = painter->table->forest;

	memcpy(painter->shares, forest->distributions + (size_t)node->other * (size_t)forest->class_count,
	       (size_t)forest->class_count * sizeof(uint32_t));
	paint_box(painter);
}

static void push(struct painter *painter, struct step step)
{
	if (painter->step_count == painter->step_capacity) {
		painter->step_capacity = painter->step_capacity ? painter->step_capacity * 2 : 64;
		painter->steps = xreallocarray(painter->steps, painter->step_capacity, sizeof(*painter->steps));
	}
	painter->steps[painter->step_count++] = step;
}

/* From a finished subtree to the next one: the right child of the innermost split that has only gone left. */
static bool climb(struct painter *painter, uint32_t *node)
{
	const struct forest *forest = painter->table->forest;

	while (painter->step_count) {
		struct step *step = &painter->steps[painter->step_count - 1];
		const struct forest_node *split = &forest->nodes[step->node];

		if (!step->right) {
			int cut = painter->high[split->feature];

			painter->high[split->feature] = step->saved;
			step->saved = painter->low[split->feature];
			/* Going left has cut high down to the threshold, or left it where the box ended before. */
			painter->low[split->feature] = cut > step->saved ? cut : step->saved;
			step->right = true;
			*node = split->other;
			return true;
		}
		painter->low[split->feature] = step->saved;
		painter->step_count--;
	}
	return false;
}

static void paint_tree(struct painter *painter, uint32_t node)
{
	const struct forest *forest = painter->table->forest;

	do {
		while (forest->nodes[node].feature != FOREST_LEAF) {
			const struct forest_node *split = &forest->nodes[node];
			const struct forest_feature *feature = &forest->features[split->feature];
			int cut = (int)interval_of(feature, split->threshold) + 1;

			push(painter, (struct step){.node = node, .saved = painter->high[split->feature]});
			if (cut < painter->high[split->feature])
				painter->high[split->feature] = cut;
			node++;
		}
		paint_leaf(painter, &forest->nodes[node]);
	} while (climb(painter, &node));
}

static void paint(struct forest_table *table)
{
	const struct forest *forest = table->forest;
	size_t features = (size_t)forest->feature_count;
	struct painter painter = {.table = table,
				  .low = xcalloc(features, sizeof(int)),
				  .high = xcalloc(features, sizeof(int)),
				  .at = xcalloc(features, sizeof(int)),
				  .shares = xcalloc(table->width, sizeof(lanes))};

	for (size_t i = 0; i < features; i++)
		painter.high[i] = forest->features[i].threshold_count + 1;
	for (int tree = 0; tree < forest->tree_count; tree++)
		paint_tree(&painter, forest->roots[tree]);
	free(painter.low);
	free(painter.high);
	free(painter.at);
	free(painter.shares);
	free(painter.steps);
}

static void make_axis(const struct forest_feature *feature, struct axis *axis)
{
	const int32_t *thresholds = feature->thresholds;
	int64_t range =
	    feature->threshold_count ? (int64_t)thresholds[feature->threshold_count - 1] - thresholds[0] : 0;

	if (feature->threshold_count == 0 || range >= MAX_DIRECT || axis->stride > UINT32_MAX / MAX_DIRECT)
		return;
	axis->low = thresholds[0];
	axis->last = (uint32_t)range + 1;
	axis->offsets = xcalloc((size_t)axis->last + 1, sizeof(*axis->offsets));
	for (uint32_t i = 0; i <= axis->last; i++) {
		int64_t key = (int64_t)axis->low + i; /* beyond the greatest key there is none, nor is it looked up */

		axis->offsets[i] =
		    (uint32_t)(interval_of(feature, key > INT32_MAX ? INT32_MAX : (int32_t)key) * axis->stride);
	}
}

static size_t find_cell(const struct forest_feature *feature, const struct axis *axis, int32_t key)
{
	uint32_t at;

	if (!axis->offsets)
		return interval_of(feature, key) * axis->stride;
	at = key <= axis->low ? 0 : (uint32_t)key - (uint32_t)axis->low;
	return axis->offsets[at < axis->last ? at : axis->last];
}

static void find_classes(struct forest_table *table, size_t cell_count)
{
	int class_count = table->forest->class_count;

	table->classes = xcalloc(cell_count, sizeof(*table->classes));
	for (size_t cell = 0; cell < cell_count; cell++) {
		const uint32_t *scores = (const uint32_t *)(table->cells + cell * table->width);
		int best = 0;

		for (int k = 1; k < class_count; k++)
			if (scores[k] > scores[best])
				best = k;
		table->classes[cell] = (uint16_t)best;
	}
}

struct forest_table *forest_table_new(const struct forest *forest, size_t max_bytes)
{
	size_t size = forest_table_size(forest), stride = 1;
	struct forest_table *table;

	if (size > max_bytes)
		return NULL;
	table = xcalloc(1, sizeof(*table));
	table->forest = forest;
	table->width = lanes_of(forest);
	table->axes = xcalloc((size_t)forest->feature_count, sizeof(*table->axes));
	for (int i = forest->feature_count - 1; i >= 0; i--) {
		table->axes[i].stride = stride;
		make_axis(&forest->features[i], &table->axes[i]);
		stride *= (size_t)forest->features[i].threshold_count + 1;
	}
	table->cells = xcalloc(stride * table->width, sizeof(lanes));
	paint(table);
	find_classes(table, stride);
	return table;
}

void forest_table_free(struct forest_table *table)
{
	if (!table)
		return;
	for (int i = 0; i < table->forest->feature_count; i++)
		free(table->axes[i].offsets);
	free(table->axes);
	free(table->cells);
	free(table->classes);
	free(table);
}

const uint32_t *forest_table_scores(const struct forest_table *table, const int32_t *keys)
{
	const struct forest *forest = table->forest;
	size_t cell = 0;

	for (int i = 0; i < forest->feature_count; i++)
		cell += find_cell(&forest->features[i], &table->axes[i], keys[i]);
	return (const uint32_t *)(table->cells + cell * table->width);
}

void forest_table_predict(const struct forest_table *table, const int32_t *keys, size_t rows, uint16_t *classes)
{
	const struct forest *forest = table->forest;
	size_t features = (size_t)forest->feature_count, cells[BLOCK];

	for (size_t start = 0; start < rows; start += BLOCK) {
		size_t count = rows - start < BLOCK ? rows - start : BLOCK;

		memset(cells, 0, sizeof(cells));
		for (size_t i = 0; i < features; i++) {
			const struct axis axis = table->axes[i];

			for (size_t row = 0; row < count; row++)
				cells[row] +=
				    find_cell(&forest->features[i], &axis, keys[(start + row) * features + i]);
		}
		for (size_t row = 0; row < count; row++)
			classes[start + row] = table->classes[cells[row]];
	}
}
