#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/forest_table.h"
#include "common/xalloc.h"

/* A random forest by hand: every split takes one of few thresholds, so that the table stays small and some splits
 * repeat one above them (an empty side). */
enum { FEATURES = 3, CLASSES = 5, TREES = 7, THRESHOLDS = 4, DEPTH = 6, MAX_NODES = TREES << (DEPTH + 1) };

static uint64_t next(uint64_t *random)
{
	*random += 0x9e3779b97f4a7c15u;
	return (*random ^ *random >> 31) * 0xbf58476d1ce4e5b9u >> 33;
}

static void grow(struct forest *forest, int depth, uint64_t *random)
{
	uint32_t at = forest->node_count++;

	if (depth == DEPTH || next(random) % 5 == 0) {
		forest->nodes[at] = (struct forest_node){
		    .feature = FOREST_LEAF, .other = (uint32_t)(next(random) % forest->distribution_count)};
		return;
	}
	forest->nodes[at].feature = (uint16_t)(next(random) % FEATURES);
	forest->nodes[at].rank = (uint16_t)(next(random) % THRESHOLDS);
	forest->nodes[at].threshold = forest->features[forest->nodes[at].feature].thresholds[forest->nodes[at].rank];
	grow(forest, depth + 1, random);
	forest->nodes[at].other = forest->node_count;
	grow(forest, depth + 1, random);
}

/* The last feature's thresholds lie far apart in every other forest. */
static int32_t key_step(uint64_t seed)
{
	return seed % 2 ? 100000000 : 1;
}

static struct forest *make_forest(uint64_t seed)
{
	struct forest *forest = xcalloc(1, sizeof(*forest));
	uint64_t random = seed;

	forest->feature_count = FEATURES;
	forest->class_count = CLASSES;
	forest->tree_count = TREES;
	forest->distribution_count = 11;
	forest->features = xcalloc(FEATURES, sizeof(*forest->features));
	for (int f = 0; f < FEATURES; f++) {
		forest->features[f].threshold_count = THRESHOLDS;
		forest->features[f].thresholds = xcalloc(THRESHOLDS, sizeof(int32_t));
		for (int t = 0; t < THRESHOLDS; t++)
			forest->features[f].thresholds[t] = (-5 + 3 * t + f) * (f == 2 ? key_step(seed) : 1);
	}
	forest->distributions = xcalloc(11 * CLASSES, sizeof(uint32_t));
	for (int d = 0; d < 11; d++) {
		uint32_t part = (uint32_t)(next(&random) % FOREST_SHARE_ONE);

		forest->distributions[d * CLASSES + d % CLASSES] = part;
		forest->distributions[d * CLASSES + (d + 1) % CLASSES] = FOREST_SHARE_ONE - part;
	}
	forest->nodes = xcalloc(MAX_NODES, sizeof(*forest->nodes));
	forest->roots = xcalloc(TREES + 1, sizeof(*forest->roots));
	for (int tree = 0; tree < TREES; tree++) {
		forest->roots[tree] = forest->node_count;
		grow(forest, 0, &random);
	}
	forest->roots[TREES] = forest->node_count;
	return forest;
}

static void equals_the_trees_everywhere(void **state UNUSED)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct forest *forest = make_forest(seed);
		struct forest_table *table = forest_table_new(forest, 1 << 20);

		assert_non_null(table);
		for (int32_t a = -8; a <= 8; a++)
			for (int32_t b = -8; b <= 8; b++)
				for (int32_t c = -8; c <= 10; c++) {
					const int32_t keys[FEATURES] = {a == 8	  ? INT32_MAX
									: a == -8 ? INT32_MIN
										  : a,
									b, c * key_step(seed)};
					const uint32_t *found = forest_table_scores(table, keys);
					uint64_t scores[CLASSES];
					uint16_t class;

					forest_table_predict(table, keys, 1, &class);
					assert_int_equal(class, forest_predict(forest, keys, scores));
					for (int i = 0; i < CLASSES; i++)
						assert_int_equal(found[i], scores[i]);
				}
		forest_table_free(table);
		forest_free(forest);
	}
}

/* A few rows walk the trees, many go together or through a table: the answers must not tell which. */
static void many_rows_equal_single_ones(void **state UNUSED)
{
	enum { ROWS = 3000 };
	static const int counts[] = {1, 7, 8, 9, 255, 256, 257, 999, ROWS};
	struct forest *forest = make_forest(99);
	int32_t *keys = xcalloc(ROWS * FEATURES, sizeof(*keys));
	uint16_t *classes = xcalloc(ROWS, sizeof(*classes));
	uint64_t *scores = xcalloc(ROWS * CLASSES, sizeof(*scores)), random = 5, one[CLASSES];

	for (int i = 0; i < ROWS * FEATURES; i++)
		keys[i] = (int32_t)(next(&random) % 20) - 8;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		memset(scores, 255, ROWS * CLASSES * sizeof(*scores));
		forest_predict_rows(forest, keys, (size_t)counts[i], classes, scores);
		for (int row = 0; row < counts[i]; row++) {
			assert_int_equal(forest_predict(forest, keys + row * FEATURES, one), classes[row]);
			assert_memory_equal(one, scores + row * CLASSES, sizeof(one));
		}
	}
	free(keys);
	free(classes);
	free(scores);
	forest_free(forest);
}

static void refuses_what_does_not_fit(void **state UNUSED)
{
	struct forest *forest = make_forest(3);
	size_t size = forest_table_size(forest);

	assert_int_equal(size, 5 * 5 * 5 * (8 * sizeof(uint32_t) + sizeof(uint16_t)));
	assert_null(forest_table_new(forest, size - 1));
	forest->tree_count = 256; /* their scores would not fit 32 bits */
	assert_int_equal(forest_table_size(forest), SIZE_MAX);
	forest->tree_count = TREES;
	forest->features[0].threshold_count = INT32_MAX;
	forest->features[1].threshold_count = INT32_MAX;
	forest->features[2].threshold_count = INT32_MAX;
	assert_int_equal(forest_table_size(forest), SIZE_MAX);
	for (int f = 0; f < FEATURES; f++)
		forest->features[f].threshold_count = THRESHOLDS;
	forest_free(forest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_the_trees_everywhere),
	    cmocka_unit_test(many_rows_equal_single_ones),
	    cmocka_unit_test(refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
