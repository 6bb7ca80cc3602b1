/* Growing trees and forests: against scikit-learn's own trees, against trees worked out by hand, and against itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/dataset.h"
#include "model-training/forest_write.h"
#include "model-training/grow.h"
#include "model-training/random.h"

#define CASES "tests/cases/forest/"

enum { MAX_FEATURES = 32, MAX_CLASSES = 1000 };

static json_t *load_cases(const char *file)
{
	json_error_t error;
	json_t *root = json_load_file(file, 0, &error);

	if (!root)
		fail_msg("%s: %s (the tests run in the clone's folder)", file, error.text);
	return root;
}

/* Number columns "f0", "f1" ... and labels "0", "1" ... */
static struct dataset *build(const struct dataset_rows *rows, enum column_type type, int labels)
{
	static char names[MAX_FEATURES][16], labels_text[MAX_CLASSES][16], *texts[MAX_CLASSES];
	struct dataset_column columns[MAX_FEATURES];
	struct dataset_names all = {.label_name = "y", .labels = texts, .label_count = labels, .features = columns};
	struct fail fail = {0};
	struct dataset *dataset;

	for (int k = 0; k < labels; k++) {
		snprintf(labels_text[k], sizeof(labels_text[k]), "%d", k);
		texts[k] = labels_text[k];
	}
	for (int f = 0; f < rows->feature_count; f++) {
		snprintf(names[f], sizeof(names[f]), "f%d", f);
		columns[f] = (struct dataset_column){.name = names[f], .type = type};
	}
	dataset = dataset_build(rows, &all, &fail);
	if (!dataset)
		fail_msg("%s", fail.text);
	return dataset;
}

/* ------------------------------------------------------------------ one tree */

/* Columns of a dataset as tree.h wants them; every feature is a candidate at every node. */
struct single {
	struct column columns[MAX_FEATURES];
	struct grow_data data;
	struct tree tree;
};

static void grow_single(struct single *single, const struct dataset *dataset, uint32_t min_samples_leaf, int max_depth,
			uint32_t number)
{
	struct tree_grower *grower;

	for (int f = 0; f < dataset->feature_count; f++)
		single->columns[f] = (struct column){.wide = dataset->features[f].codes};
	single->data = (struct grow_data){.feature_count = dataset->feature_count,
					  .class_count = dataset->class_count,
					  .slot_count = dataset->slot_count,
					  .columns = single->columns,
					  .classes = dataset->classes,
					  .max_features = dataset->feature_count,
					  .max_depth = max_depth,
					  .min_samples_leaf = min_samples_leaf};
	grower = tree_grower_new(&single->data);
	tree_grow_from(grower, number, dataset->counts, &single->tree);
	tree_grower_free(grower);
}

static void check_node(const char *name, uint32_t at, const struct dataset *dataset, const struct single *single,
		       const json_t *wanted)
{
	const struct tree_node *node = &single->tree.nodes[at];
	const json_t *leaf = json_object_get(wanted, "leaf");
	uint32_t draws[MAX_CLASSES];
	const struct dataset_feature *feature;
	double threshold = json_number_value(json_object_get(wanted, "threshold")), middle;

	if ((node->feature == TREE_LEAF) != (leaf != NULL))
		fail_msg("%s: node %u is %s leaf", name, at, leaf ? "no" : "a");
	if (leaf) {
		distributions_expand(&single->tree.leaves, node->distribution, dataset->class_count, draws);
		for (int k = 0; k < dataset->class_count; k++)
			assert_int_equal(draws[k], json_integer_value(json_array_get(leaf, (size_t)k)));
		return;
	}
	assert_int_equal(node->feature, json_integer_value(json_object_get(wanted, "feature")));
	feature = &dataset->features[node->feature];
	if (feature->type == COLUMN_REAL)
		middle = ((double)forest_key_real(feature->low[node->left]) +
			  (double)forest_key_real(feature->low[node->right])) /
			 2;
	else
		middle = (feature->low[node->left] + feature->low[node->right]) / 2.0;
	if (fabs(middle - threshold) > 1e-9)
		fail_msg("%s: node %u cuts feature %d at %.9g, scikit-learn at %.9g", name, at, node->feature, middle,
			 threshold);
}

static void equals_scikit_learn(void **state UNUSED)
{
	json_t *cases = load_cases(CASES "trees.json"), *test, *row;
	size_t i, j;

	assert_true(json_array_size(cases) >= 5);
	json_array_foreach(cases, i, test)
	{
		const char *name = json_string_value(json_object_get(test, "name"));
		enum column_type type = strncmp(name, "real", 4) == 0 ? COLUMN_REAL : COLUMN_INTEGER;
		const json_t *nodes = json_object_get(test, "nodes"), *list = json_object_get(test, "rows");
		int features = (int)json_array_size(json_object_get(json_array_get(list, 0), "values"));
		struct single single = {0};
		struct dataset_rows rows;
		struct dataset *dataset;

		dataset_rows_init(&rows, features);
		json_array_foreach(list, j, row)
		{
			int32_t values[MAX_FEATURES];

			for (int f = 0; f < features; f++) {
				double value =
				    json_number_value(json_array_get(json_object_get(row, "values"), (size_t)f));

				values[f] = type == COLUMN_REAL ? forest_real_key((float)value) : (int32_t)value;
			}
			if (json_integer_value(json_object_get(row, "draws")) > 0)
				dataset_rows_add(&rows, (int32_t)json_integer_value(json_object_get(row, "label")),
						 values, json_integer_value(json_object_get(row, "draws")));
		}
		dataset = build(&rows, type, 3);
		for (uint32_t number = 0; number < 10; number++) {
			grow_single(&single, dataset,
				    (uint32_t)json_integer_value(json_object_get(test, "min_samples_leaf")),
				    (int)json_integer_value(json_object_get(test, "max_depth")), number);
			assert_int_equal(single.tree.node_count, json_array_size(nodes));
			for (uint32_t at = 0; at < single.tree.node_count; at++)
				check_node(name, at, dataset, &single, json_array_get(nodes, at));
			tree_release(&single.tree);
		}
		dataset_free(dataset);
		dataset_rows_release(&rows);
	}
	json_decref(cases);
}

/* By hand: x in 1..4 with labels 0 0 1 1, the pair at x = 2 drawn twice. Cutting at 2|3 leaves pure sides. */
static void cuts_where_both_sides_are_pure(void **state UNUSED)
{
	static const int32_t x[] = {1, 2, 3, 4}, label[] = {0, 0, 1, 1};
	uint32_t draws[2];
	struct single single = {0};
	struct dataset_rows rows;
	struct dataset *dataset;

	dataset_rows_init(&rows, 1);
	for (int i = 0; i < 4; i++)
		dataset_rows_add(&rows, label[i], &x[i], i == 1 ? 2 : 1);
	dataset = build(&rows, COLUMN_INTEGER, 2);
	grow_single(&single, dataset, 1, 0, 0);
	assert_int_equal(single.tree.node_count, 3);
	assert_int_equal(dataset->features[0].low[single.tree.nodes[0].left], 2);
	assert_int_equal(dataset->features[0].low[single.tree.nodes[0].right], 3);
	for (uint32_t leaf = 0; leaf < 2; leaf++) {
		distributions_expand(&single.tree.leaves, leaf, 2, draws);
		assert_int_equal(draws[0], leaf == 0 ? 3 : 0);
		assert_int_equal(draws[1], leaf == 0 ? 0 : 2);
	}
	tree_release(&single.tree);

	/* With 3 draws in each leaf no cut of these 5 draws is possible. */
	grow_single(&single, dataset, 3, 0, 0);
	assert_int_equal(single.tree.node_count, 1);
	assert_int_equal(single.tree.nodes[0].feature, TREE_LEAF);
	tree_release(&single.tree);
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

/* XOR: no cut lessens the impurity at the root, and yet one is made, as scikit-learn does. */
static void cuts_without_gain(void **state UNUSED)
{
	struct single single = {0};
	struct dataset_rows rows;
	struct dataset *dataset;

	dataset_rows_init(&rows, 2);
	for (int i = 0; i < 4; i++)
		dataset_rows_add(&rows, (i & 1) ^ (i >> 1), (int32_t[]){i & 1, i >> 1}, 5);
	dataset = build(&rows, COLUMN_INTEGER, 2);
	grow_single(&single, dataset, 1, 0, 0);
	assert_int_equal(single.tree.node_count, 7);
	assert_int_equal(single.tree.leaves.count, 2);
	tree_release(&single.tree);
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

/* One of nine features varies: with one candidate per node it is still found, because constants do not use it up. */
static void looks_past_constants(void **state UNUSED)
{
	struct single single = {0};
	struct dataset_rows rows;
	struct dataset *dataset;

	dataset_rows_init(&rows, 8);
	for (int i = 0; i < 64; i++)
		dataset_rows_add(&rows, i % 2, (int32_t[]){1, 2, 3, 4, 5, i, 7, 8}, 1);
	dataset = build(&rows, COLUMN_INTEGER, 2);
	for (uint32_t number = 0; number < 20; number++) {
		struct tree_grower *grower;

		grow_single(&single, dataset, 1, 0, number);
		tree_release(&single.tree);
		single.data.max_features = 1;
		grower = tree_grower_new(&single.data);
		tree_grow_from(grower, number, dataset->counts, &single.tree);
		assert_int_equal(single.tree.node_count, 127);
		for (uint32_t at = 0; at < single.tree.node_count; at++)
			assert_true(single.tree.nodes[at].feature == 5 || single.tree.nodes[at].feature == TREE_LEAF);
		tree_release(&single.tree);
		tree_grower_free(grower);
	}
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

/* ------------------------------------------------------------------ whole forests */

/* The rows of make.py. */
static void make_row(bool low, uint64_t *state, int32_t *f, int32_t *label)
{
	static const int32_t sizes[] = {3, 8, 12, 24, 7};
	int32_t t;

	if (low) {
		for (int i = 0; i < 5; i++)
			f[i] = (int32_t)(random_next(state) % (uint64_t)sizes[i]);
		t = 3 * f[1] + 2 * f[2] + f[3];
		*label = (t > 30) + (t > 45) + (f[0] == 1 && f[4] > 3);
	} else {
		for (int i = 0; i < 8; i++)
			f[i] = (int32_t)(random_next(state) >> 40);
		t = f[0] + f[1] + (f[2] >> 1);
		*label = (t > 15000000) + (t > 25000000) + (f[3] > 12000000 && f[4] < 6000000);
	}
	if (random_next(state) % 100 < 30)
		*label = (int32_t)(random_next(state) % 4);
}

static struct forest *grow_and_read(const struct dataset *dataset, const struct grow_settings *settings,
				    unsigned char hash[DIGEST_SIZE])
{
	struct fail fail = {0};
	struct forest *forest;
	struct grown grown;
	struct text bytes;

	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	grow_forest(dataset, settings, &grown);
	if (!forest_write(dataset, &grown, settings->threads, &bytes, &fail))
		fail_msg("%s", fail.text);
	grown_release(&grown);
	digest_bytes(bytes.data, bytes.size, hash);
	forest = forest_read(bytes.data, bytes.size, NULL, &fail);
	if (!forest)
		fail_msg("%s", fail.text);
	text_release(&bytes);
	return forest;
}

static void is_as_accurate_as_scikit_learn(void **state UNUSED)
{
	json_t *root = load_cases(CASES "accuracy.json"), *test;
	size_t i;

	json_array_foreach(json_object_get(root, "forests"), i, test)
	{
		bool low = strcmp(json_string_value(json_object_get(test, "rows")), "low") == 0;
		int64_t train = json_integer_value(json_object_get(test, "train")), right = 0;
		int64_t rows_to_test = json_integer_value(json_object_get(test, "test"));
		double mean = json_number_value(json_object_get(test, "mean"));
		double sd = json_number_value(json_object_get(test, "sd")), accuracy;
		struct grow_settings settings = {.trees = 100, .threads = 2};
		unsigned char hash[DIGEST_SIZE];
		struct dataset_rows rows;
		struct dataset *dataset;
		struct forest *forest;
		uint64_t random = 7;
		int32_t f[MAX_FEATURES], label;

		settings.min_samples_leaf = (int)json_integer_value(json_object_get(test, "min_draws_leaf"));
		dataset_rows_init(&rows, low ? 5 : 8);
		for (int64_t row = 0; row < train; row++) {
			make_row(low, &random, f, &label);
			dataset_rows_add(&rows, label, f, 1);
		}
		dataset = build(&rows, COLUMN_INTEGER, 4);
		forest = grow_and_read(dataset, &settings, hash);
		for (int64_t row = 0; row < rows_to_test; row++) {
			make_row(low, &random, f, &label);
			right += forest_predict(forest, f, NULL) == label;
		}
		accuracy = (double)right / (double)rows_to_test;
		if (fabs(accuracy - mean) > 4 * sd)
			fail_msg("case %zu: accuracy %.5f, scikit-learn reaches %.5f +- %.5f", i, accuracy, mean, sd);
		forest_free(forest);
		dataset_free(dataset);
		dataset_rows_release(&rows);
	}
	json_decref(root);
}

static struct dataset *small_dataset(bool low, int64_t count)
{
	struct dataset_rows rows;
	struct dataset *dataset;
	uint64_t random = 11;
	int32_t f[MAX_FEATURES], label;

	dataset_rows_init(&rows, low ? 5 : 8);
	for (int64_t row = 0; row < count; row++) {
		make_row(low, &random, f, &label);
		dataset_rows_add(&rows, label, f, 1);
	}
	dataset = build(&rows, COLUMN_INTEGER, 4);
	dataset_rows_release(&rows);
	return dataset;
}

/* Rows of few values for every shape of packed.h, and labels that depend on them loosely. */
static struct dataset *narrow_dataset(int features, int classes, int values, int64_t count, int64_t most)
{
	struct dataset_rows rows;
	struct dataset *dataset;
	uint64_t random = (uint64_t)(features + classes + values);

	dataset_rows_init(&rows, features);
	for (int64_t row = 0; row < count; row++) {
		int32_t f[MAX_FEATURES], label = 0;

		for (int i = 0; i < features; i++)
			f[i] = (int32_t)random_below(&random, i == 1 ? 1 : i % 3 ? 4 : (uint32_t)values);
		label = (f[0] * 3 + f[features - 1]) * classes / (values * 4);
		if (random_below(&random, 4) == 0 || row < classes)
			label = (int32_t)(row % classes);
		/* Some rows are many, unless all are. */
		dataset_rows_add(&rows, label % classes, f,
				 row % 100 == 0 && most < 100 ? 100 * most
							      : 1 + (int64_t)random_below(&random, (uint32_t)most));
	}
	dataset = build(&rows, COLUMN_INTEGER, classes);
	dataset_rows_release(&rows);
	return dataset;
}

static void does_not_depend_on_threads(void **state UNUSED)
{
	static const int threads[] = {1, 2, 3, 8};

	for (int low = 0; low <= 1; low++) {
		struct dataset *dataset = small_dataset(low, 3000);
		unsigned char first[DIGEST_SIZE], hash[DIGEST_SIZE];

		for (int i = 0; i < 4; i++) {
			struct grow_settings settings = {
			    .trees = 20, .min_samples_leaf = 2, .seed = 5, .threads = threads[i]};

			forest_free(grow_and_read(dataset, &settings, i == 0 ? first : hash));
			if (i > 0)
				assert_memory_equal(hash, first, DIGEST_SIZE);
		}
		dataset_free(dataset);
	}
}

/* With every compiler, with SIMD and without. Real numbers are sorted, counted by ranges, or, few of them, counted; the
 * records of narrow rows have several sizes. Only a change of the random numbers or of growing may change a model. */
static void is_the_same_everywhere(void **state UNUSED)
{
	static const struct {
		bool narrow;
		int features, classes, values;
		int64_t rows;
		const char *sha256;
	} shapes[] = {{false, 8, 4, 0, 20000, "5dd02235912b4735a4b120c2ace019bdb315210e62be547d68da9cd4acdffb82"},
		      {false, 8, 4, 0, 300, "f7eec2c2840159513d82ae48f96fff6f99a4dc45dd7feac9e94666156e00119c"},
		      {true, 5, 5, 14, 20000, "e80d15c46801ac675d8757883a5649ca13ad339160e41c18d6c2dcaad0e2c61f"},
		      {true, 12, 4, 200, 20000, "cf73124b4e1f60d879708a01da568e183e5a7e9083262005fd4082ddf92e2185"},
		      {true, 30, 16, 250, 5000, "9a167b92717e1c1a2cb75ff2be9a4b907137846492fa6c8a022cde2f4816bd14"}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct dataset *dataset = shapes[i].narrow ? narrow_dataset(shapes[i].features, shapes[i].classes,
									    shapes[i].values, shapes[i].rows, 2)
							   : small_dataset(false, shapes[i].rows);
		struct grow_settings settings = {.trees = 5, .min_samples_leaf = 2, .seed = 3, .threads = 2};
		unsigned char hash[DIGEST_SIZE];
		char hex[DIGEST_HEX_SIZE];

		for (int simd = 0; simd < 2; simd++) {
			assert_int_equal(simd ? unsetenv("GREEN_ML_SIMD") : setenv("GREEN_ML_SIMD", "off", 1), 0);
			forest_free(grow_and_read(dataset, &settings, hash));
			digest_hex(hash, hex);
			if (strcmp(hex, shapes[i].sha256) != 0)
				fail_msg("shape %zu, SIMD %d: %s", i, simd, hex);
		}
		dataset_free(dataset);
	}
}

/* A tree for each of two shapes of rows that is large enough for others to help with it, and fewer trees than threads.
 */
static void threads_help_each_other(void **state UNUSED)
{
	static const int threads[] = {1, 2, 3, 8};

	for (int narrow = 0; narrow <= 1; narrow++) {
		struct dataset *dataset = narrow ? narrow_dataset(12, 4, 200, 60000, 2) : small_dataset(false, 60000);
		unsigned char first[DIGEST_SIZE], hash[DIGEST_SIZE];

		for (int trees = 1; trees <= 3; trees += 2)
			for (int i = 0; i < 4; i++) {
				struct grow_settings settings = {
				    .trees = trees, .min_samples_leaf = 3, .seed = 9, .threads = threads[i]};

				forest_free(grow_and_read(dataset, &settings, i == 0 ? first : hash));
				if (i > 0)
					assert_memory_equal(hash, first, DIGEST_SIZE);
			}
		dataset_free(dataset);
	}
}

static void check_same_tree(const struct tree *a, const struct tree *b)
{
	size_t cells = distributions_begin(&a->leaves, a->leaves.count);

	assert_int_equal(a->node_count, b->node_count);
	assert_int_equal(a->leaves.count, b->leaves.count);
	assert_memory_equal(a->leaves.ends, b->leaves.ends, a->leaves.count * sizeof(*a->leaves.ends));
	assert_memory_equal(a->leaves.cells, b->leaves.cells, cells * sizeof(*a->leaves.cells));
	for (uint32_t i = 0; i < a->node_count; i++)
		assert_true(a->nodes[i].feature == b->nodes[i].feature && a->nodes[i].left == b->nodes[i].left &&
			    a->nodes[i].right == b->nodes[i].right &&
			    a->nodes[i].distribution == b->nodes[i].distribution);
}

/* However it is grown. */
static void draws_a_fraction_of_the_rows(void **state UNUSED)
{
	for (int low = 0; low < 2; low++) {
		struct dataset *dataset = small_dataset(low, 1001);
		struct grow_settings settings = {
		    .trees = 3, .min_samples_leaf = 1, .sample_fraction = 0.25, .threads = 2};
		struct grown grown;

		grow_forest(dataset, &settings, &grown);
		for (int t = 0; t < grown.tree_count; t++) {
			const struct tree *tree = &grown.trees[t];
			uint64_t draws = 0;

			for (uint32_t i = 0; i < tree->node_count; i++) {
				uint32_t leaf[MAX_CLASSES];

				if (tree->nodes[i].feature != TREE_LEAF)
					continue;
				distributions_expand(&tree->leaves, tree->nodes[i].distribution, dataset->class_count,
						     leaf);
				for (int k = 0; k < dataset->class_count; k++)
					draws += leaf[k];
			}
			assert_int_equal(draws, 250);
		}
		grown_release(&grown);
		dataset_free(dataset);
	}
}

/* The prior's tree is one leaf with the labels of all rows, the others are what they are without it. */
static void has_a_tree_of_the_prior(void **state UNUSED)
{
	struct dataset *dataset = small_dataset(true, 1000);
	struct grow_settings settings = {.trees = 5, .min_samples_leaf = 1, .seed = 1, .threads = 2};
	struct grown without, with;
	uint32_t rows[MAX_CLASSES] = {0}, leaf[MAX_CLASSES];
	int64_t sum = 0;

	grow_forest(dataset, &settings, &without);
	settings.first_tree = 2;
	settings.trees = 3;
	settings.prior_tree = 3;
	grow_forest(dataset, &settings, &with);
	check_same_tree(&with.trees[0], &without.trees[2]);
	check_same_tree(&with.trees[2], &without.trees[4]);
	assert_int_equal(with.trees[1].node_count, 1);
	assert_int_equal(with.trees[1].nodes[0].feature, TREE_LEAF);
	distributions_expand(&with.trees[1].leaves, with.trees[1].nodes[0].distribution, dataset->class_count, leaf);
	for (uint32_t s = 0; s < dataset->slot_count; s++)
		rows[dataset->classes[s]] += dataset->counts[s];
	for (int k = 0; k < dataset->class_count; k++) {
		assert_int_equal(leaf[k], rows[k]);
		sum += leaf[k];
	}
	assert_int_equal(sum, dataset->row_count);
	grown_release(&without);
	grown_release(&with);
	dataset_free(dataset);
}

static void depends_on_the_seed_and_is_a_prefix(void **state UNUSED)
{
	struct dataset *dataset = small_dataset(true, 1000);
	struct grow_settings settings = {.trees = 5, .min_samples_leaf = 1, .seed = 1, .threads = 2};
	struct grown five, ten, share, other;

	grow_forest(dataset, &settings, &five);
	settings.trees = 10;
	grow_forest(dataset, &settings, &ten);
	settings.first_tree = 4;
	settings.trees = 3;
	grow_forest(dataset, &settings, &share);
	settings.first_tree = 0;
	settings.trees = 10;
	settings.seed = 2;
	grow_forest(dataset, &settings, &other);
	/* Tree 4 is the same tree in a forest of five, of ten and in a share; with another seed it is another one. */
	check_same_tree(&five.trees[4], &ten.trees[4]);
	for (int t = 0; t < 3; t++)
		check_same_tree(&share.trees[t], &ten.trees[4 + t]);
	assert_true(other.trees[4].node_count != ten.trees[4].node_count ||
		    other.trees[3].node_count != ten.trees[3].node_count);
	grown_release(&five);
	grown_release(&ten);
	grown_release(&share);
	grown_release(&other);
	dataset_free(dataset);
}

/* The same trees from columns and from records, with SIMD and without. The counts of the shapes with
 * millions do not fit into the 16 bits of a record, one has 2,000 million rows; those of a hundredth of the others'
 * rows seldom into 8. */
static void grows_the_same_from_records(void **state UNUSED)
{
	static const struct {
		int features, classes, values, rows, most, min_samples_leaf, max_depth, max_features;
	} shapes[] = {
	    {5, 4, 20, 3000, 4, 1, 0, 0},	 {8, 2, 256, 3000, 1, 1, 0, 3},	 {1, 3, 200, 2000, 3, 1, 0, 0},
	    {20, 3, 30, 2000, 2, 3, 0, 0},	 {24, 4, 250, 1000, 1, 1, 6, 5}, {12, 7, 100, 3000, 2, 2, 0, 0},
	    {16, 8, 64, 1500, 2, 1, 0, 16},	 {30, 16, 65, 1500, 2, 1, 0, 0}, {32, 9, 5, 2000, 3, 5, 0, 6},
	    {7, 6, 8, 4000, 4, 1, 0, 0},	 {8, 5, 256, 3000, 4, 2, 0, 3},	 {3, 4, 6, 300, 1000000, 1, 0, 1},
	    {3, 3, 200, 300, 13000000, 1, 0, 0}, {5, 5, 16, 3000, 4, 1, 0, 0},	 {6, 5, 100, 3000, 1, 1, 0, 0},
	    {8, 5, 16, 3000, 3, 2, 0, 3}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct dataset *dataset = narrow_dataset(shapes[i].features, shapes[i].classes, shapes[i].values,
							 shapes[i].rows, shapes[i].most);
		struct grow_settings settings = {.trees = 4,
						 .min_samples_leaf = shapes[i].min_samples_leaf,
						 .max_depth = shapes[i].max_depth,
						 .max_features = shapes[i].max_features,
						 .seed = 3,
						 .threads = 1};
		struct bootstrap *bootstrap = bootstrap_new(dataset->counts, dataset->slot_count, 1);
		struct single single = {0};
		struct tree_grower *grower;
		struct grown simd, plain;

		grow_single(&single, dataset, (uint32_t)settings.min_samples_leaf, settings.max_depth, 0);
		tree_release(&single.tree);
		single.data.bootstrap = bootstrap;
		single.data.seed = settings.seed;
		single.data.max_features = settings.max_features     ? settings.max_features
					   : shapes[i].features > 24 ? 5
					   : shapes[i].features > 15 ? 4
					   : shapes[i].features > 8  ? 3
					   : shapes[i].features > 3  ? 2
								     : 1;
		grower = tree_grower_new(&single.data);
		grow_forest(dataset, &settings, &simd);
		assert_int_equal(setenv("GREEN_ML_SIMD", "off", 1), 0);
		grow_forest(dataset, &settings, &plain);
		assert_int_equal(unsetenv("GREEN_ML_SIMD"), 0);
		for (int t = 0; t < settings.trees; t++) {
			tree_grow(grower, (uint32_t)t, &single.tree);
			assert_true(single.tree.node_count > 20);
			check_same_tree(&single.tree, &simd.trees[t]);
			check_same_tree(&single.tree, &plain.trees[t]);
			tree_release(&single.tree);
		}
		tree_grower_free(grower);
		grown_release(&simd);
		grown_release(&plain);
		bootstrap_free(bootstrap);
		dataset_free(dataset);
	}
}

/* Far more classes than a record or a range has room for, a column that says nothing, more threads than trees. */
static void grows_a_thousand_classes(void **state UNUSED)
{
	struct grow_settings settings = {.trees = 3, .min_samples_leaf = 1, .threads = 16};
	unsigned char first[DIGEST_SIZE], hash[DIGEST_SIZE];
	int64_t right = 0;
	struct dataset_rows rows;
	struct dataset *dataset;
	struct forest *forest;

	dataset_rows_init(&rows, 2);
	for (int32_t i = 0; i < 4 * MAX_CLASSES; i++)
		dataset_rows_add(&rows, i % MAX_CLASSES, (int32_t[]){i % MAX_CLASSES * 70 + i / MAX_CLASSES, 7}, 3);
	dataset = build(&rows, COLUMN_INTEGER, MAX_CLASSES);
	forest = grow_and_read(dataset, &settings, first);
	for (int32_t i = 0; i < MAX_CLASSES; i++)
		right += strcmp(forest->labels[forest_predict(forest, (int32_t[]){i * 70 + 1, 7}, NULL)],
				dataset->labels[i]) == 0;
	assert_true(right > MAX_CLASSES * 9 / 10);
	forest_free(forest);
	settings.threads = 1;
	forest_free(grow_and_read(dataset, &settings, hash));
	assert_memory_equal(hash, first, DIGEST_SIZE);
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

static uint64_t sum_draws(const struct distributions *leaves)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < distributions_begin(leaves, leaves->count); i++)
		sum += leaves->cells[i].number;
	return sum;
}

/* No column says anything: every tree is one leaf with all draws. */
static void grows_a_leaf_from_constants(void **state UNUSED)
{
	struct grow_settings settings = {.trees = 5, .min_samples_leaf = 1, .threads = 2};
	struct dataset_rows rows;
	struct dataset *dataset;
	struct grown grown;

	dataset_rows_init(&rows, 2);
	for (int32_t i = 0; i < 10; i++)
		dataset_rows_add(&rows, i % 2, (int32_t[]){3, 4}, 100000);
	dataset = build(&rows, COLUMN_INTEGER, 2);
	grow_forest(dataset, &settings, &grown);
	for (int t = 0; t < grown.tree_count; t++) {
		assert_int_equal(grown.trees[t].node_count, 1);
		assert_int_equal(sum_draws(&grown.trees[t].leaves), 1000000);
	}
	grown_release(&grown);
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

/* As many draws as rows, whatever the leaves: the root's distribution with depth-limited trees of one leaf. */
static void draws_as_many_as_there_are_rows(void **state UNUSED)
{
	struct dataset *dataset = small_dataset(true, 2001);
	struct grow_settings settings = {.trees = 8, .min_samples_leaf = 2001, .threads = 1};
	struct grown grown;

	grow_forest(dataset, &settings, &grown);
	for (int t = 0; t < grown.tree_count; t++) {
		assert_int_equal(grown.trees[t].node_count, 1);
		assert_int_equal(sum_draws(&grown.trees[t].leaves), 2001);
	}
	grown_release(&grown);
	dataset_free(dataset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_scikit_learn),
	    cmocka_unit_test(cuts_where_both_sides_are_pure),
	    cmocka_unit_test(cuts_without_gain),
	    cmocka_unit_test(looks_past_constants),
	    cmocka_unit_test(is_as_accurate_as_scikit_learn),
	    cmocka_unit_test(does_not_depend_on_threads),
	    cmocka_unit_test(is_the_same_everywhere),
	    cmocka_unit_test(threads_help_each_other),
	    cmocka_unit_test(draws_a_fraction_of_the_rows),
	    cmocka_unit_test(has_a_tree_of_the_prior),
	    cmocka_unit_test(depends_on_the_seed_and_is_a_prefix),
	    cmocka_unit_test(grows_the_same_from_records),
	    cmocka_unit_test(grows_a_thousand_classes),
	    cmocka_unit_test(grows_a_leaf_from_constants),
	    cmocka_unit_test(draws_as_many_as_there_are_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
