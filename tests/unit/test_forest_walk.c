#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/forest_walk.h"
#include "common/xalloc.h"

/* Random forests of many shapes: what many rows get must be what each gets alone. */
struct shape {
	int features, thresholds, wide_every; /* every such feature has wide_thresholds instead; 0: none */
	int wide_thresholds, classes, trees;
	uint32_t nodes; /* of a tree, about */
	int chain_percent;
	size_t rows;
};

static const struct shape shapes[] = {
    {1, 1, 0, 0, 2, 1, 1, 0, 100}, /* nothing but a leaf */
    {1, 0, 0, 0, 1, 3, 1, 0, 17},  /* a feature that splits nothing, one class */
    {1, 1, 0, 0, 2, 2, 3, 0, 9},
    {3, 4, 0, 0, 5, 7, 101, 0, 1000},
    {5, 17, 0, 0, 5, 4, 20001, 0, 3000}, /* sorted */
    {8, 255, 0, 0, 4, 9, 3001, 0, 777},	 /* the most that is sorted, the most of a byte */
    {8, 256, 0, 0, 4, 9, 3001, 0, 777},	 /* one more */
    {9, 255, 0, 0, 3, 9, 3001, 0, 513},
    {32, 3, 0, 0, 2, 3, 3001, 0, 300}, /* the most of small nodes */
    {33, 3, 0, 0, 2, 5, 3001, 0, 300},
    {1000, 2, 3, 300, 2, 2, 4001, 0, 100},
    {7, 9, 2, 70000, 6, 3, 30001, 0, 2000}, /* more thresholds than a rank can tell */
    {56, 5, 20, 1000, 5, 5, 5001, 30, 1001},
    {3, 20, 0, 0, 1000, 3, 501, 0, 50}, /* classes */
    {4, 30, 0, 0, 2, 11, 301, 0, 1000}, /* some rows are decided early */
    {4, 30, 0, 0, 3, 100, 301, 0, 1000},
    {12, 30, 5, 300, 2, 100, 301, 0, 500},
    {2, 255, 0, 0, 3, 256, 31, 0, 255}, /* trees whose scores exceed 32 bits */
    {2, 300, 0, 0, 3, 511, 31, 0, 256},
    {4, 200, 0, 0, 2, 1, 131071, 0, 500}, /* about the largest tree of small nodes */
    {4, 200, 0, 0, 2, 1, 131073, 0, 500},
    {2, 250, 0, 0, 3, 3, 5001, 100, 100}, /* a chain */
    {2, 2500, 0, 0, 3, 3, 5001, 100, 100},
};

static uint64_t next(uint64_t *random)
{
	*random += 0x9e3779b97f4a7c15u;
	return (*random ^ *random >> 31) * 0xbf58476d1ce4e5b9u >> 31;
}

static int compare(const void *a, const void *b)
{
	int32_t first = *(const int32_t *)a, second = *(const int32_t *)b;

	return first < second ? -1 : first > second;
}

/* Ascending, over all numbers or close together. */
static void make_thresholds(struct forest_feature *feature, int count, uint64_t *random)
{
	int spread = next(random) % 2 ? 8 : 0, distinct = 0;
	int32_t low = (int32_t)next(random);

	feature->thresholds = xcalloc((size_t)count, sizeof(int32_t));
	for (int i = 0; i < count; i++)
		feature->thresholds[i] = spread ? (int32_t)((uint32_t)low + next(random) % (uint32_t)(count * spread))
						: (int32_t)next(random);
	if (count > 2 && !spread) {
		feature->thresholds[0] = INT32_MIN;
		feature->thresholds[1] = INT32_MAX;
	}
	qsort(feature->thresholds, (size_t)count, sizeof(int32_t), compare);
	for (int i = 0; i < count; i++)
		if (i == 0 || feature->thresholds[i] != feature->thresholds[distinct - 1])
			feature->thresholds[distinct++] = feature->thresholds[i];
	feature->threshold_count = distinct;
}

static bool make_split(struct forest *forest, uint32_t at, uint64_t *random)
{
	uint16_t f = (uint16_t)(next(random) % (uint64_t)forest->feature_count);
	const struct forest_feature *feature = &forest->features[f];
	uint64_t index;

	if (feature->threshold_count == 0)
		return false;
	index = next(random) % (uint64_t)feature->threshold_count;
	forest->nodes[at] =
	    (struct forest_node){.feature = f, .threshold = feature->thresholds[index], .rank = (uint16_t)index};
	return true;
}

/* count: odd. A chain has a leaf on one side of each split. */
static void grow(struct forest *forest, uint32_t count, int chain_percent, uint64_t *random)
{
	uint32_t at = forest->node_count++, left;

	if (count == 1 || !make_split(forest, at, random)) {
		forest->nodes[at] = (struct forest_node){
		    .feature = FOREST_LEAF, .other = (uint32_t)(next(random) % forest->distribution_count)};
		return;
	}
	left = next(random) % 100 < (uint64_t)chain_percent
		   ? 1
		   : (uint32_t)(next(random) % 3 ? (count - 1) / 4 : next(random) % ((count - 1) / 2)) * 2 + 1;
	if (left > count - 2)
		left = count - 2;
	grow(forest, left, chain_percent, random);
	forest->nodes[at].other = forest->node_count;
	grow(forest, count - 1 - left, chain_percent, random);
}

static void make_distributions(struct forest *forest, uint64_t *random)
{
	size_t classes = (size_t)forest->class_count;

	forest->distribution_count = 100;
	forest->distributions = xcalloc(100 * classes, sizeof(uint32_t));
	for (size_t d = 0; d < 100; d++) {
		uint32_t part = d % 2 ? FOREST_SHARE_ONE : (uint32_t)(next(random) % FOREST_SHARE_ONE);

		forest->distributions[d * classes + next(random) % classes] += part;
		forest->distributions[d * classes + next(random) % classes] += FOREST_SHARE_ONE - part;
	}
}

static struct forest *make_forest(const struct shape *shape, uint64_t *random)
{
	struct forest *forest = xcalloc(1, sizeof(*forest));

	forest->feature_count = shape->features;
	forest->class_count = shape->classes;
	forest->tree_count = shape->trees;
	forest->features = xcalloc((size_t)shape->features, sizeof(*forest->features));
	for (int f = 0; f < shape->features; f++)
		make_thresholds(&forest->features[f],
				shape->wide_every && f % shape->wide_every == 1 ? shape->wide_thresholds
										: shape->thresholds,
				random);
	make_distributions(forest, random);
	forest->nodes = xcalloc((size_t)shape->trees * shape->nodes, sizeof(*forest->nodes));
	forest->roots = xcalloc((size_t)shape->trees + 1, sizeof(*forest->roots));
	for (int tree = 0; tree < shape->trees; tree++) {
		forest->roots[tree] = forest->node_count;
		grow(forest, tree % 5 == 4 ? 1 : shape->nodes, shape->chain_percent, random);
	}
	forest->roots[shape->trees] = forest->node_count;
	return forest;
}

/* On thresholds, beside them, or anywhere. */
static int32_t make_key(const struct forest_feature *feature, uint64_t *random)
{
	static const int32_t extremes[] = {INT32_MIN, INT32_MAX, 0, -1};
	uint64_t which = next(random) % 8;

	if (which == 0 || feature->threshold_count == 0)
		return extremes[next(random) % 4];
	if (which == 1)
		return (int32_t)next(random);
	return (int32_t)((uint32_t)feature->thresholds[next(random) % (uint64_t)feature->threshold_count] +
			 (uint32_t)(next(random) % 3) - 1);
}

/* How many rows were left before the last tree. */
static size_t compare_rows(const struct forest *forest, const int32_t *keys, size_t rows)
{
	size_t classes = (size_t)forest->class_count;
	uint64_t *scores = xcalloc(rows * classes, sizeof(*scores)), *alone = xcalloc(classes, sizeof(*alone));
	uint64_t *decided = xcalloc(rows * classes, sizeof(*decided));
	size_t left_early = 0;
	uint16_t *predicted = xcalloc(rows, sizeof(*predicted)), *silent = xcalloc(rows, sizeof(*silent));

	forest_walk(forest, keys, rows, false, scores);
	forest_walk(forest, keys, rows, true, decided);
	for (size_t row = 0; row < rows; row++) {
		int best = forest_predict(forest, keys + row * (size_t)forest->feature_count, alone);

		assert_memory_equal(alone, scores + row * classes, classes * sizeof(*alone));
		for (size_t k = 0; k < classes; k++) {
			assert_true(decided[row * classes + k] <= alone[k]);
			if ((int)k < best)
				assert_true(decided[row * classes + k] < decided[row * classes + (size_t)best]);
			else
				assert_true(decided[row * classes + k] <= decided[row * classes + (size_t)best]);
		}
		left_early += memcmp(alone, decided + row * classes, classes * sizeof(*alone)) != 0;
	}
	memset(scores, 255, rows * classes * sizeof(*scores));
	forest_predict_by_trees(forest, keys, rows, predicted, scores);
	forest_predict_by_trees(forest, keys, rows, silent, NULL);
	for (size_t row = 0; row < rows; row++) {
		assert_int_equal(predicted[row],
				 forest_predict(forest, keys + row * (size_t)forest->feature_count, alone));
		assert_memory_equal(alone, scores + row * classes, classes * sizeof(*alone));
		assert_int_equal(predicted[row], silent[row]);
	}
	free(scores);
	free(alone);
	free(decided);
	free(predicted);
	free(silent);
	return left_early;
}

static void equals_rows_alone(void **state UNUSED)
{
	uint64_t random = 1;
	size_t left_early = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct forest *forest = make_forest(&shapes[i], &random);
		size_t features = (size_t)forest->feature_count;
		int32_t *keys = xcalloc(shapes[i].rows * features, sizeof(*keys));

		assert_true(forest_walk_fits(forest));
		for (size_t k = 0; k < shapes[i].rows * features; k++)
			keys[k] = make_key(&forest->features[k % features], &random);
		left_early += compare_rows(forest, keys, shapes[i].rows);
		for (size_t rows = 1; rows < 20 && rows <= shapes[i].rows; rows++)
			left_early += compare_rows(forest, keys, rows);
		free(keys);
		forest_free(forest);
	}
	assert_true(left_early > 100);
}

static void adds_to_what_is_there(void **state UNUSED)
{
	static const int32_t keys[] = {1, 2, 3};
	uint64_t random = 7, scores[3][2] = {{1, 2}, {3, 4}, {5, 6}}, alone[2];
	struct forest *forest = make_forest(&shapes[2], &random);

	forest_walk(forest, keys, 3, false, scores[0]);
	for (uint64_t row = 0; row < 3; row++) {
		forest_predict(forest, &keys[row], alone);
		assert_int_equal(scores[row][0], alone[0] + 2 * row + 1);
		assert_int_equal(scores[row][1], alone[1] + 2 * row + 2);
	}
	forest_free(forest);
}

static void refuses_what_does_not_fit(void **state UNUSED)
{
	struct forest forest = {.feature_count = 1000, .tree_count = 2, .roots = (uint32_t[]){0, 1, (1 << 20)}};

	assert_true(forest_walk_fits(&forest)); /* 2^20 - 1 nodes */
	forest.roots[2]++;
	assert_false(forest_walk_fits(&forest));
	forest.roots[2] = 2;
	forest.feature_count = 1025;
	assert_false(forest_walk_fits(&forest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_rows_alone),
	    cmocka_unit_test(adds_to_what_is_there),
	    cmocka_unit_test(refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
