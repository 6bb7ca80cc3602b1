/* Scores of predictions and importances of features: scikit-learn's numbers, see tests/cases/quality/make.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/importance.h"
#include "model-training/quality.h"

enum { MAX_CLASSES = 10, CLASSES_OF_TREES = 3, MAX_FEATURES = 3 };

static char *labels[MAX_CLASSES] = {(char *)"a", (char *)"b", (char *)"c", (char *)"d", (char *)"e",
				    (char *)"f", (char *)"g", (char *)"h", (char *)"i", (char *)"j"};

static json_t *load(const char *file)
{
	json_error_t error;
	json_t *root = json_load_file(file, 0, &error);

	if (!root)
		fail_msg("%s: %s (the tests run in the clone's folder)", file, error.text);
	return root;
}

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value))
		fail_msg("\"%s\" is missing", key);
	return json_number_value(value);
}

static int argmax(const uint64_t *scores, int classes)
{
	int best = 0;

	for (int k = 1; k < classes; k++)
		best = scores[k] > scores[best] ? k : best;
	return best;
}

static struct quality *gather(const json_t *test, int classes)
{
	const json_t *rows = json_object_get(test, "scores"), *list = json_object_get(test, "labels"), *row;
	struct quality *quality = quality_new(classes);
	size_t i;

	json_array_foreach(rows, i, row)
	{
		uint64_t scores[MAX_CLASSES];

		for (int k = 0; k < classes; k++)
			scores[k] = (uint64_t)json_integer_value(json_array_get(row, (size_t)k)) * 7;
		quality_add(quality, (int)json_integer_value(json_array_get(list, i)), argmax(scores, classes), scores,
			    7);
	}
	return quality;
}

static void check_classes(const json_t *test, const json_t *json, int classes)
{
	static const char *const keys[] = {"precision", "recall", "f1"};

	for (int k = 0; k < classes; k++)
		for (int i = 0; i < 3; i++) {
			const json_t *class = json_array_get(json_object_get(json, "classes"), (size_t)k);

			assert_true(fabs(number(class, keys[i]) -
					 json_number_value(json_array_get(json_object_get(test, keys[i]), (size_t)k))) <
				    1e-12);
		}
	assert_true(json_equal(json_object_get(json, "confusion"), json_object_get(test, "confusion")));
}

static void scores_as_scikit_learn(void **state UNUSED)
{
	json_t *cases = load("tests/cases/quality/measure.json"), *test, *wanted;
	const char *key;
	size_t i;

	assert_true(json_array_size(cases) >= 5);
	json_array_foreach(cases, i, test)
	{
		int classes = (int)number(test, "classes");
		struct quality *quality = gather(test, classes);
		json_t *json = quality_json(quality, labels);

		json_object_foreach(json_object_get(test, "expect"), key,
				    wanted) if (fabs(number(json, key) - json_number_value(wanted)) > 1e-12)
		    fail_msg("%s: %s is %.15g, expected %.15g", json_string_value(json_object_get(test, "name")), key,
			     number(json, key), json_number_value(wanted));
		check_classes(test, json, classes);
		json_decref(json);
		quality_free(quality);
	}
	json_decref(cases);
}

static void knows_no_rows_and_unknown_labels(void **state UNUSED)
{
	const uint64_t scores[2] = {FOREST_SHARE_ONE / 4, 3 * (FOREST_SHARE_ONE / 4)};
	struct quality *quality = quality_new(2);
	json_t *json = quality_json(quality, labels);

	assert_true(number(json, "accuracy") == 0 && number(json, "log_loss") == 0 && number(json, "ece") == 0);
	assert_true(number(json, "accuracy_high") == 0);
	json_decref(json);
	quality_add(quality, -1, 1, scores, 1);
	quality_add(quality, 1, 1, scores, 1);
	json = quality_json(quality, labels);
	assert_int_equal((int)number(json, "unknown_labels"), 1);
	assert_true(number(json, "accuracy") == 0.5 && number(json, "balanced_accuracy") == 0.5);
	assert_true(fabs(number(json, "macro_f1") - 1 / 3.0) < 1e-12); /* 2/3 of b, 0 of the unknown one */
	assert_true(fabs(number(json, "brier") - (1 + 0.0625 + 0.5625 + 0.125) / 2) < 1e-12);
	assert_true(fabs(number(json, "log_loss") - (-log(1e-15) - log(0.75)) / 2) < 1e-12);
	json_decref(json);
	quality_free(quality);
}

static void leaves_out_a_large_matrix(void **state UNUSED)
{
	enum { CLASSES = QUALITY_MATRIX_CLASSES + 1 };
	char *many[CLASSES];
	struct quality *quality = quality_new(CLASSES);
	uint64_t scores[CLASSES] = {FOREST_SHARE_ONE};
	json_t *json;

	for (int k = 0; k < CLASSES; k++)
		many[k] = labels[k % MAX_CLASSES];
	quality_add(quality, 3, 0, scores, 1);
	json = quality_json(quality, many);
	assert_null(json_object_get(json, "confusion"));
	assert_int_equal(json_array_size(json_object_get(json, "classes")), CLASSES);
	json_decref(json);
	quality_free(quality);
}

/* ------------------------------------------------------------------ importances */

static void read_tree(const json_t *nodes, struct tree *tree)
{
	const json_t *node;
	size_t i;

	tree->nodes = xcalloc(json_array_size(nodes), sizeof(*tree->nodes));
	json_array_foreach(nodes, i, node)
	{
		const json_t *leaf = json_object_get(node, "leaf");
		uint32_t draws[CLASSES_OF_TREES];

		tree->nodes[i].feature = leaf ? TREE_LEAF : (uint16_t)number(node, "feature");
		tree->nodes[i].distribution = tree->leaves.count;
		for (size_t k = 0; leaf && k < CLASSES_OF_TREES; k++)
			draws[k] = (uint32_t)json_integer_value(json_array_get(leaf, k));
		if (leaf)
			distributions_append(&tree->leaves, draws, CLASSES_OF_TREES);
	}
	tree->node_count = (uint32_t)json_array_size(nodes);
}

static void weighs_features_as_scikit_learn(void **state UNUSED)
{
	json_t *cases = load("tests/cases/quality/importances.json"), *trees = load("tests/cases/forest/trees.json"),
	       *test;
	size_t i;

	assert_int_equal(json_array_size(cases), json_array_size(trees));
	json_array_foreach(cases, i, test)
	{
		const json_t *wanted = json_object_get(test, "importances");
		struct dataset dataset = {.feature_count = (int)json_array_size(wanted),
					  .class_count = CLASSES_OF_TREES};
		struct tree tree[2] = {0};
		struct grown grown = {.tree_count = 2, .trees = tree};
		uint32_t stump_draws[CLASSES_OF_TREES] = {1, 2, 3};
		struct tree_node stump = {.feature = TREE_LEAF};
		double found[MAX_FEATURES];

		read_tree(json_object_get(json_array_get(trees, i), "nodes"), &tree[0]);
		/* A tree without a split has nothing to say. */
		tree[1] = (struct tree){.node_count = 1, .nodes = &stump};
		distributions_append(&tree[1].leaves, stump_draws, CLASSES_OF_TREES);
		importance_of_impurity(&dataset, &grown, 1 + (int)(i % 2), found);
		for (int f = 0; f < dataset.feature_count; f++)
			if (fabs(found[f] - json_number_value(json_array_get(wanted, (size_t)f))) > 1e-12)
				fail_msg("%s: feature %d has %.15g", json_string_value(json_object_get(test, "name")),
					 f, found[f]);
		tree_release(&tree[0]);
		distributions_release(&tree[1].leaves);
	}
	json_decref(cases);
	json_decref(trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scores_as_scikit_learn),
	    cmocka_unit_test(knows_no_rows_and_unknown_labels),
	    cmocka_unit_test(leaves_out_a_large_matrix),
	    cmocka_unit_test(weighs_features_as_scikit_learn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
