/* A forest read back from its bytes is the one grown; with any of its numbers changed it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/forest.h"
#include "common/text.h"
#include "model-training/dataset.h"
#include "model-training/forest_check.h"
#include "model-training/forest_write.h"
#include "model-training/grow.h"

enum { ROWS = 3000, CLASSES = 3 };

static char name_n[] = "n", name_x[] = "x", name_c[] = "c", text_a[] = "a", text_b[] = "b", text_d[] = "d",
	    label_no[] = "no", label_yes[] = "yes", label_other[] = "other";

struct fixture {
	struct dataset *dataset;
	struct grown grown;
	struct forest *forest;
};

/* An integer, a real and a text; labels that follow them and labels that do not, so that leaves are mixed. */
static struct dataset *make_dataset(void)
{
	char *texts[] = {text_a, text_b, text_d}, *labels[] = {label_no, label_yes, label_other};
	struct dataset_column columns[] = {{.name = name_n, .type = COLUMN_INTEGER},
					   {.name = name_x, .type = COLUMN_REAL},
					   {.name = name_c, .type = COLUMN_CATEGORY, .texts = texts, .text_count = 3}};
	struct dataset_names names = {.label_name = "y", .labels = labels, .label_count = CLASSES, .features = columns};
	struct dataset_rows rows;
	struct dataset *dataset;
	struct fail fail = {0};

	dataset_rows_init(&rows, 3);
	for (uint32_t i = 0; i < ROWS; i++) {
		uint32_t random = i * 2654435761u >> 8;
		int32_t values[] = {(int32_t)(random % 40) - 20, forest_real_key((float)(random % 977) / 7 - 60),
				    (int32_t)(random % 3)};

		dataset_rows_add(&rows, (int32_t)(random % 5 ? random % 40 / 14 : random / 7 % CLASSES), values, 1);
	}
	dataset = dataset_build(&rows, &names, &fail);
	if (!dataset)
		fail_msg("%s", fail.text);
	dataset_rows_release(&rows);
	return dataset;
}

static int set_up(void **state)
{
	static struct fixture fixture;
	struct grow_settings settings = {.trees = 7, .min_samples_leaf = 3, .seed = 5, .threads = 2};
	struct fail fail = {0};
	struct text bytes;

	fixture = (struct fixture){.dataset = make_dataset()};
	grow_forest(fixture.dataset, &settings, &fixture.grown);
	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	assert_true(forest_write(fixture.dataset, &fixture.grown, 2, &bytes, &fail));
	fixture.forest = forest_read(bytes.data, bytes.size, NULL, &fail);
	assert_non_null(fixture.forest);
	text_release(&bytes);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	forest_free(fixture->forest);
	grown_release(&fixture->grown);
	dataset_free(fixture->dataset);
	return 0;
}

static bool is_same(const struct fixture *fixture)
{
	return forest_check(fixture->dataset, &fixture->grown, fixture->forest, 2);
}

static void knows_its_own(void **state)
{
	assert_true(is_same(*state));
}

/* The first node of the last tree that is a split by the feature, or, with FOREST_LEAF, a leaf. */
static struct forest_node *find_node(const struct forest *forest, int feature)
{
	struct forest_node *node = forest->nodes + forest->roots[forest->tree_count - 1];

	while (node->feature != feature) {
		node++;
		assert_true(node < forest->nodes + forest->node_count);
	}
	return node;
}

/* One value further, a row of the training's goes to the other side. */
static void knows_a_threshold(void **state)
{
	struct fixture *fixture = *state;

	for (int f = 0; f < 3; f++) {
		struct forest_node *node = find_node(fixture->forest, f);
		const struct dataset_feature *feature = &fixture->dataset->features[f];
		int32_t kept = node->threshold;
		int above = 0;

		while (feature->low[above] <= kept)
			above++;
		node->threshold = feature->low[above];
		assert_false(is_same(fixture));
		node->threshold = feature->high[above - 1] - 1;
		assert_false(is_same(fixture));
		node->threshold = kept;
		assert_true(is_same(fixture));
	}
}

static void knows_a_feature(void **state)
{
	struct fixture *fixture = *state;
	struct forest_node *node = find_node(fixture->forest, 0), *leaf = find_node(fixture->forest, FOREST_LEAF);

	node->feature = 1;
	assert_false(is_same(fixture));
	node->feature = FOREST_LEAF;
	assert_false(is_same(fixture));
	node->feature = 0;
	leaf->feature = 0;
	assert_false(is_same(fixture));
	leaf->feature = FOREST_LEAF;
	assert_true(is_same(fixture));
}

static void knows_a_leaf(void **state)
{
	struct fixture *fixture = *state;
	struct forest_node *leaf = find_node(fixture->forest, FOREST_LEAF);
	uint32_t kept = leaf->other;

	leaf->other = kept ? kept - 1 : kept + 1;
	assert_false(is_same(fixture));
	leaf->other = kept;
	assert_true(is_same(fixture));
}

/* One unit from a class to another one: in all distributions, as some leaf has each of them. */
static void knows_a_share(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t d = 0; d < fixture->forest->distribution_count; d++) {
		uint32_t *shares = fixture->forest->distributions + (size_t)d * CLASSES;

		for (int from = 0; from < CLASSES; from++)
			for (int to = 0; to < CLASSES; to++) {
				if (from == to || shares[from] == 0)
					continue;
				shares[from]--;
				shares[to]++;
				if (is_same(fixture))
					fail_msg("distribution %u: a unit from class %d to %d", d, from, to);
				shares[from]++;
				shares[to]--;
			}
	}
	assert_true(is_same(fixture));
}

static void knows_a_count(void **state)
{
	struct fixture *fixture = *state;

	fixture->forest->tree_count--;
	assert_false(is_same(fixture));
	fixture->forest->tree_count++;
	fixture->forest->roots[1]--;
	assert_false(is_same(fixture));
	fixture->forest->roots[1]++;
	assert_true(is_same(fixture));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_its_own), cmocka_unit_test(knows_a_threshold), cmocka_unit_test(knows_a_feature),
	    cmocka_unit_test(knows_a_leaf),  cmocka_unit_test(knows_a_share),	  cmocka_unit_test(knows_a_count),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
