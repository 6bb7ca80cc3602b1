/* min_samples_leaf "auto": the choice among measured sizes, what it takes for clean and noisy data, and that its forest
 * is the one that is grown with the chosen size and number of columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/spec.h"
#include "common/xalloc.h"
#include "model-training/auto_leaf.h"
#include "model-training/forest_write.h"
#include "model-training/random.h"

enum { FEATURES = 3, CLASSES = 2, SEED = 4 };

static void chooses(void **state UNUSED)
{
	static const struct {
		const char *name;
		struct auto_leaf_size sizes[3];
		int chosen;
	} tests[] = {
	    {"the smallest",
	     {{1, 10, true, 9, .5, .1, 0, 0}, {2, 10, true, 6, .3, 0, 0, 0}, {5, 10, true, 3, .6, .1, 0, 0}},
	     1},
	    {"a smaller forest within half a standard error",
	     {{1, 10, true, 9, .3, 0, 0, .9}, {2, 10, true, 6, .34, .1, 0, .8}, {5, 10, true, 3, .36, .1, 0, .9}},
	     1},
	    {"the smallest of those",
	     {{1, 10, true, 9, .3, 0, 0, 0}, {2, 10, true, 6, .34, .1, 0, 0}, {5, 10, true, 3, .32, .1, 0, 0}},
	     2},
	    {"not a larger one",
	     {{1, 10, true, 9, .31, .1, 0, .9}, {2, 10, true, 6, .3, 0, 0, 0}, {5, 10, true, 3, .6, .1, 0, 0}},
	     1},
	    {"only those judged",
	     {{1, 0, false, 0, 0, 0, 0, 0}, {2, 4, false, 1, .1, 0, 0, 0}, {5, 10, true, 3, .2, .01, 0, 0}},
	     2},
	    {"none", {{1, 0, false, 0, 0, 0, 0, 0}, {2, 0, false, 0, 0, 0, 0, 0}, {5, 0, false, 0, 0, 0, 0, 0}}, -1},
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (auto_leaf_choose(tests[i].sizes, 3) != tests[i].chosen)
			fail_msg("%s: took %d", tests[i].name, auto_leaf_choose(tests[i].sizes, 3));
}

/* The label is decided by two columns of `values` values, but `noise` percent of the labels are drawn by lot. */
static struct dataset *make(int rows, uint32_t values, uint32_t noise)
{
	static char *labels[CLASSES] = {(char *)"no", (char *)"yes"};
	struct dataset_column columns[FEATURES] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
	struct dataset_names names = {.label_name = "y", .labels = labels, .label_count = CLASSES, .features = columns};
	struct dataset_rows list;
	struct fail fail = {0};
	struct dataset *dataset;
	uint64_t random = 1;

	dataset_rows_init(&list, FEATURES);
	for (int row = 0; row < rows; row++) {
		int32_t keys[FEATURES], label;

		for (int f = 0; f < FEATURES; f++)
			keys[f] = (int32_t)random_below(&random, values);
		label = (keys[0] * 7 / (int32_t)values + keys[1] * 7 / (int32_t)values) % 2;
		label = rows == 2 ? row : label;
		if (random_below(&random, 100) < noise)
			label = (int32_t)random_below(&random, CLASSES);
		dataset_rows_add(&list, label, keys, 1);
	}
	dataset = dataset_build(&list, &names, &fail);
	if (!dataset)
		fail_msg("%s", fail.text);
	dataset_rows_release(&list);
	return dataset;
}

static int find(const struct dataset *dataset, int trees, int max_features, struct auto_leaf *found)
{
	struct grow_settings settings = {.trees = trees, .max_features = max_features, .seed = SEED, .threads = 1};
	struct fail fail = {0};

	assert_true(auto_leaf_search(dataset, &settings, found, &fail));
	return found->sizes[found->chosen].min_samples_leaf;
}

static void follows_the_noise(void **state UNUSED)
{
	static const struct {
		uint32_t noise;
		int least, most;
		bool all_sizes;
	} tests[] = {{0, 1, 2, true}, {60, 20, 100, false}};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct dataset *dataset = make(10000, 200, tests[i].noise);
		struct auto_leaf found;
		int leaf = find(dataset, 100, 0, &found);

		print_message("%u %% noise: min_samples_leaf %d\n", tests[i].noise, leaf);
		assert_true(leaf >= tests[i].least && leaf <= tests[i].most);
		assert_int_equal(found.tree_count, 10);
		assert_int_equal(found.pilot.tree_count, 10);
		/* Purity costs most: it is not tried where it is hopeless. */
		assert_int_equal(found.sizes[0].trees > 0, tests[i].all_sizes);
		for (int s = 0; s < AUTO_LEAF_SIZES; s++)
			assert_int_equal(found.sizes[s].trees, found.sizes[s].judged  ? 10
							       : found.sizes[s].trees ? AUTO_LEAF_FIRST_TREES
										      : 0);
		assert_true(found.rows > 5000);
		auto_leaf_release(&found);
		dataset_free(dataset);
	}
}

/* Two of three columns decide clean labels: a node that draws one of the three at random learns less. Where the labels
 * are drawn by lot there is nothing to learn from more columns. */
static void takes_more_columns_where_they_help(void **state UNUSED)
{
	static const struct {
		uint32_t noise;
		int max_features;
	} tests[] = {{0, 3}, {100, 1}};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct dataset *dataset = make(10000, 200, tests[i].noise);
		struct auto_leaf found;

		find(dataset, 100, SPEC_AUTO, &found);
		assert_int_equal(found.max_features, tests[i].max_features);
		assert_int_equal(found.features[0].max_features, 1);
		assert_int_equal(found.features[1].max_features, 3);
		assert_int_equal(found.pilot.tree_count, 10);
		auto_leaf_release(&found);
		find(dataset, 100, 0, &found);
		assert_int_equal(found.max_features, 1);
		assert_int_equal(found.features[0].trees, 0);
		auto_leaf_release(&found);
		dataset_free(dataset);
	}
}

static void write(const struct dataset *dataset, const struct grown *grown, struct text *bytes)
{
	struct fail fail = {0};

	text_init(bytes, FOREST_WRITE_MAX_SIZE);
	if (!forest_write(dataset, grown, 1, bytes, &fail))
		fail_msg("%s", fail.text);
}

static void grows_the_forest_of_that_size(void **state UNUSED)
{
	static const int tree_counts[] = {1, 7, 30, 150};
	struct dataset *dataset = make(3000, 30, 20);

	for (size_t i = 0; i < sizeof(tree_counts) / sizeof(*tree_counts); i++) {
		struct grow_settings searching = {
		    .trees = tree_counts[i], .max_features = SPEC_AUTO, .seed = SEED, .threads = 3};
		struct grow_settings settings = searching;
		struct text searched, plain;
		struct auto_leaf found, other;
		struct fail fail = {0};
		struct grown grown;

		settings.min_samples_leaf = find(dataset, settings.trees, SPEC_AUTO, &found);
		settings.max_features = found.max_features;
		settings.prior_tree = auto_leaf_prior_tree(settings.trees);
		grow_forest(dataset, &settings, &grown);
		write(dataset, &grown, &plain);
		grown_release(&grown);
		assert_true(auto_leaf_search(dataset, &searching, &other, &fail));
		assert_int_equal(other.chosen, found.chosen);
		assert_memory_equal(other.sizes, found.sizes, sizeof(found.sizes));
		assert_true(auto_leaf_grow(dataset, &searching, &other, &grown, &fail));
		write(dataset, &grown, &searched);
		assert_int_equal(grown.tree_count, tree_counts[i]);
		assert_int_equal(grown.trees[tree_counts[i] - 1].node_count == 1,
				 tree_counts[i] >= AUTO_LEAF_LEAST_FOR_PRIOR);
		assert_int_equal(searched.size, plain.size);
		assert_memory_equal(searched.data, plain.data, plain.size);
		grown_release(&grown);
		auto_leaf_release(&found);
		auto_leaf_release(&other);
		text_release(&searched);
		text_release(&plain);
	}
	dataset_free(dataset);
}

/* Two rows; a tree may well have drawn both. */
static void takes_what_it_can_get(void **state UNUSED)
{
	struct dataset *dataset = make(2, 1000, 0);
	struct auto_leaf found;

	for (int trees = 1; trees < 4; trees++) {
		int leaf = find(dataset, trees, SPEC_AUTO, &found);

		if (found.rows == 0)
			assert_int_equal(leaf, AUTO_LEAF_WITHOUT_OOB);
		assert_int_equal(found.pilot.tree_count, trees);
		auto_leaf_release(&found);
	}
	dataset_free(dataset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chooses),
	    cmocka_unit_test(follows_the_noise),
	    cmocka_unit_test(takes_more_columns_where_they_help),
	    cmocka_unit_test(grows_the_forest_of_that_size),
	    cmocka_unit_test(takes_what_it_can_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
