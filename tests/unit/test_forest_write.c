/* The model's bytes: shares, thresholds, what is read back, unseen values, and the golden model of the fixture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/digest.h"
#include "common/forest.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "model-training/dataset.h"
#include "model-training/forest_write.h"
#include "model-training/grow.h"

#define CASES "tests/cases/forest/"

enum { MAX_WORDS = 16, ROWS = 200 };

/* ------------------------------------------------------------------ shares and thresholds */

static void shares_sum_to_one(void **state UNUSED)
{
	static const struct {
		uint32_t draws[4], shares[4];
	} cases[] = {
	    {{5, 0, 0, 0}, {1 << 24, 0, 0, 0}},
	    {{1, 1, 0, 0}, {1 << 23, 1 << 23, 0, 0}},
	    {{1, 1, 1, 0}, {5592406, 5592405, 5592405, 0}}, /* 2^24 = 3 * 5592405 + 1: the lower class gets it */
	    {{2, 1, 0, 0}, {11184811, 5592405, 0, 0}},	    /* remainders 2/3 and 1/3 */
	    {{1, 1, 1, 4}, {2396745, 2396745, 2396745, 9586981}},
	    {{3, 1, 2, 0}, {8388608, 2796203, 5592405, 0}},
	    {{4000000000u, 4000000000u, 4000000000u, 4000000000u}, {1 << 22, 1 << 22, 1 << 22, 1 << 22}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t shares[4], sum = 0;

		forest_write_shares(cases[i].draws, 4, shares);
		for (int k = 0; k < 4; k++) {
			sum += shares[k];
			if (shares[k] != cases[i].shares[k])
				fail_msg("case %zu: class %d has share %u, expected %u", i, k, shares[k],
					 cases[i].shares[k]);
		}
		assert_int_equal(sum, FOREST_SHARE_ONE);
	}
}

static void thresholds_lie_between(void **state UNUSED)
{
	static const struct {
		int32_t left, right, threshold;
	} whole[] = {{1, 2, 1},
		     {1, 4, 2},
		     {-1, 0, -1},
		     {-4, -1, -3},
		     {-3, 4, 0},
		     {INT32_MIN, INT32_MAX, -1},
		     {INT32_MAX - 1, INT32_MAX, INT32_MAX - 1},
		     {INT32_MIN, INT32_MIN + 1, INT32_MIN}};
	static const struct {
		float left, right, threshold;
	} real[] = {{1, 2, 1.5f},
		    {-2, -1, -1.5f},
		    {-1, 1, 0},
		    {0, 1e-45f, 0},
		    {-1e-45f, 0, -1e-45f},
		    {3.0e38f, 3.2e38f, 3.1e38f},
		    {16777216, 16777218, 16777216}};

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		assert_int_equal(forest_write_threshold(COLUMN_INTEGER, whole[i].left, whole[i].right),
				 whole[i].threshold);
	for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++) {
		int32_t left = forest_real_key(real[i].left), right = forest_real_key(real[i].right);
		int32_t key = forest_write_threshold(COLUMN_REAL, left, right);

		assert_true(left <= key && key < right);
		if (forest_key_real(key) > real[i].threshold || forest_key_real(key + 1) <= real[i].threshold)
			fail_msg("between %g and %g: threshold %g, expected %g", (double)real[i].left,
				 (double)real[i].right, (double)forest_key_real(key), (double)real[i].threshold);
	}
	/* Neighbouring floats around a tie of rounding: the threshold never reaches the right value. */
	for (int32_t key = forest_real_key(1.0f) - 3; key < forest_real_key(1.0f) + 3; key++)
		assert_int_equal(forest_write_threshold(COLUMN_REAL, key, key + 1), key);
}

/* ------------------------------------------------------------------ a forest by hand */

static char *words(const char *word)
{
	return xstrdup(word);
}

/*
 * Two features: "n" integer with values 10 20 40, "c" category in split order b a c. One tree:
 *	n <= 20 ? (c <= b ? {3,1} : {0,4}) : {1,0}
 */
static struct dataset *dataset_by_hand(void)
{
	struct dataset *dataset = xcalloc(1, sizeof(*dataset));
	struct dataset_feature *n, *c;

	dataset->feature_count = 2;
	dataset->features = xcalloc(2, sizeof(*dataset->features));
	dataset->label_name = words("y");
	dataset->class_count = 2;
	dataset->labels = xcalloc(2, sizeof(*dataset->labels));
	dataset->labels[0] = words("no");
	dataset->labels[1] = words("yes");
	n = &dataset->features[0];
	c = &dataset->features[1];
	for (int f = 0; f < 2; f++) {
		dataset->features[f].value_count = 3;
		dataset->features[f].rows = xcalloc(3, sizeof(int64_t));
		dataset->features[f].low = xcalloc(3, sizeof(int32_t));
		dataset->features[f].high = xcalloc(3, sizeof(int32_t));
	}
	n->name = words("n");
	c->name = words("c");
	c->type = COLUMN_CATEGORY;
	c->texts = xcalloc(3, sizeof(*c->texts));
	for (int v = 0; v < 3; v++) {
		static const int32_t numbers[] = {10, 20, 40};
		static const int64_t rows[] = {1, 7, 1};
		static const char *const texts[] = {"b", "a", "c"};

		n->low[v] = n->high[v] = numbers[v];
		c->low[v] = c->high[v] = v;
		c->rows[v] = rows[v];
		c->texts[v] = words(texts[v]);
	}
	return dataset;
}

static struct forest *read_by_hand(struct text *bytes)
{
	static struct tree_node nodes[] = {{.feature = 0, .left = 1, .right = 2},
					   {.feature = 1, .left = 0, .right = 1},
					   {.feature = TREE_LEAF, .distribution = 0},
					   {.feature = TREE_LEAF, .distribution = 1},
					   {.feature = TREE_LEAF, .distribution = 2}};
	static const uint32_t draws[3][2] = {{3, 1}, {0, 4}, {1, 0}};
	struct tree tree = {.node_count = 5, .nodes = nodes};
	struct grown grown = {.tree_count = 1, .trees = &tree};
	struct dataset *dataset = dataset_by_hand();
	struct fail fail = {0};
	struct forest *forest = NULL;

	for (int i = 0; i < 3; i++)
		distributions_append(&tree.leaves, draws[i], 2);
	if (forest_write(dataset, &grown, 1, bytes, &fail))
		forest = forest_read(bytes->data, bytes->size, NULL, &fail);
	if (!forest)
		fail_msg("%s", fail.text);
	distributions_release(&tree.leaves);
	dataset_free(dataset);
	return forest;
}

static void is_read_back(void **state UNUSED)
{
	struct text bytes;
	struct forest *forest;

	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	forest = read_by_hand(&bytes);
	assert_int_equal(forest->feature_count, 2);
	assert_string_equal(forest->label_name, "y");
	assert_string_equal(forest->labels[1], "yes");
	assert_int_equal(forest->tree_count, 1);
	assert_int_equal(forest->node_count, 5);
	assert_int_equal(forest->distribution_count, 3);
	assert_int_equal(forest->features[0].threshold_count, 1);
	assert_int_equal(forest->features[0].thresholds[0], 30);
	assert_int_equal(forest->features[1].threshold_count, 1);
	assert_int_equal(forest->features[1].thresholds[0], 0);
	assert_string_equal(forest->features[1].categories[0], "b");
	assert_int_equal(forest->features[1].frequent, 1);
	forest_free(forest);
	text_release(&bytes);
}

static void predicts_by_hand(void **state UNUSED)
{
	static const struct {
		const char *n, *c;
		int label;
		uint64_t score;
		enum forest_encoded encoded;
	} cases[] = {
	    {"10", "b", 0, 3 << 22, FOREST_ENCODED},	{"20", "a", 1, 1 << 24, FOREST_ENCODED},
	    {"20", "c", 1, 1 << 24, FOREST_ENCODED},	{"40", "b", 0, 1 << 24, FOREST_ENCODED},
	    {"30", "b", 0, 3 << 22, FOREST_ENCODED},	/* unseen number: at the threshold, left */
	    {"31", "a", 0, 1 << 24, FOREST_ENCODED},	/* and above it, right */
	    {"-7", "zebra", 1, 1 << 24, FOREST_UNSEEN}, /* unseen text: as the most frequent one, a */
	};
	struct text bytes;
	struct forest *forest;

	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	forest = read_by_hand(&bytes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t keys[2];
		uint64_t scores[2];

		assert_int_equal(forest_encode(forest, 0, cases[i].n, strlen(cases[i].n), &keys[0]), FOREST_ENCODED);
		assert_int_equal(forest_encode(forest, 1, cases[i].c, strlen(cases[i].c), &keys[1]), cases[i].encoded);
		assert_int_equal(forest_predict(forest, keys, scores), cases[i].label);
		assert_int_equal(scores[cases[i].label], cases[i].score);
	}
	forest_free(forest);
	text_release(&bytes);
}

static void refuses_what_is_too_large(void **state UNUSED)
{
	struct dataset *dataset = dataset_by_hand();
	struct tree_node leaf = {.feature = TREE_LEAF};
	struct tree tree = {.node_count = 1, .nodes = &leaf};
	struct grown grown = {.tree_count = 1, .trees = &tree};
	struct fail fail = {0};
	struct text bytes;

	distributions_append(&tree.leaves, (uint32_t[]){1, 1}, 2);
	text_init(&bytes, 100);
	assert_false(forest_write(dataset, &grown, 1, &bytes, &fail));
	assert_int_equal(fail.code, EXIT_FAILED);
	assert_non_null(strstr(fail.text, "min_samples_leaf"));
	distributions_release(&tree.leaves);
	text_release(&bytes);
	dataset_free(dataset);
}

/* ------------------------------------------------------------------ the golden model */

static int find_word(char **list, int *count, const char *word)
{
	int i = 0;

	while (i < *count && strcmp(list[i], word) != 0)
		i++;
	if (i == *count)
		list[(*count)++] = xstrdup(word);
	return i;
}

struct fixture {
	struct dataset_rows rows;
	char *animals[MAX_WORDS], *labels[MAX_WORDS];
	int animal_count, label_count;
	char fields[ROWS][4][32];
};

static void read_fixture(struct fixture *fixture)
{
	FILE *file = fopen(CASES "fixture.csv", "re");
	char line[256];
	int row = 0;

	if (!file)
		fail_msg("no %s (the tests run in the clone's folder)", CASES "fixture.csv");
	*fixture = (struct fixture){0};
	dataset_rows_init(&fixture->rows, 3);
	assert_non_null(fgets(line, sizeof(line), file));
	for (; fgets(line, sizeof(line), file); row++) {
		int32_t values[3];
		float size;

		assert_true(row < ROWS);
		assert_int_equal(sscanf(line, "%31[^,],%31[^,],%31[^,],%31[^\n]", fixture->fields[row][0],
					fixture->fields[row][1], fixture->fields[row][2], fixture->fields[row][3]),
				 4);
		assert_true(number_int32(fixture->fields[row][0], strlen(fixture->fields[row][0]), &values[0]));
		assert_true(number_float32(fixture->fields[row][1], strlen(fixture->fields[row][1]), &size));
		values[1] = forest_real_key(size);
		values[2] = find_word(fixture->animals, &fixture->animal_count, fixture->fields[row][2]);
		dataset_rows_add(&fixture->rows,
				 find_word(fixture->labels, &fixture->label_count, fixture->fields[row][3]), values, 1);
	}
	fclose(file);
	assert_int_equal(row, ROWS);
}

static struct dataset *fixture_dataset(const struct fixture *fixture)
{
	struct dataset_column columns[] = {{.name = "age", .type = COLUMN_INTEGER},
					   {.name = "size", .type = COLUMN_REAL},
					   {.name = "animal",
					    .type = COLUMN_CATEGORY,
					    .texts = fixture->animals,
					    .text_count = fixture->animal_count}};
	struct dataset_names names = {
	    .label_name = "label", .labels = fixture->labels, .label_count = fixture->label_count, .features = columns};
	struct fail fail = {0};
	struct dataset *dataset = dataset_build(&fixture->rows, &names, &fail);

	if (!dataset)
		fail_msg("%s", fail.text);
	return dataset;
}

static void fixture_release(struct fixture *fixture)
{
	dataset_rows_release(&fixture->rows);
	for (int i = 0; i < MAX_WORDS; i++) {
		free(fixture->animals[i]);
		free(fixture->labels[i]);
	}
}

static void check_hash(const char *what, const void *data, size_t size, const json_t *wanted)
{
	unsigned char hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	digest_bytes(data, size, hash);
	digest_hex(hash, hex);
	if (!json_is_string(wanted) || strcmp(hex, json_string_value(wanted)) != 0)
		fail_msg("%s has sha256 %s, %s says %s", what, hex, CASES "golden.json", json_string_value(wanted));
}

static void check_predictions(const struct fixture *fixture, const struct forest *forest, int64_t wanted)
{
	int64_t right = 0;

	for (int row = 0; row < ROWS; row++) {
		int32_t keys[3];

		for (int f = 0; f < 3; f++) {
			const char *field = fixture->fields[row][f];

			assert_int_equal(forest_encode(forest, f, field, strlen(field), &keys[f]), FOREST_ENCODED);
		}
		right += strcmp(forest->labels[forest_predict(forest, keys, NULL)], fixture->fields[row][3]) == 0;
	}
	assert_int_equal(right, wanted);
}

/* Both compilers, every number of threads and every later version have to come to these bytes. */
static void equals_the_golden_model(void **state UNUSED)
{
	json_t *golden = json_load_file(CASES "golden.json", 0, NULL), *model;
	struct fixture fixture;
	struct dataset *dataset;
	struct fail fail = {0};
	struct text bytes;
	size_t i;

	assert_non_null(golden);
	read_fixture(&fixture);
	dataset = fixture_dataset(&fixture);
	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	assert_true(dataset_write(dataset, &bytes, &fail));
	check_hash("the training set", bytes.data, bytes.size, json_object_get(golden, "dataset"));
	json_array_foreach(json_object_get(golden, "models"), i, model)
	{
		struct grow_settings settings = {
		    .trees = (int)json_integer_value(json_object_get(model, "trees")),
		    .min_samples_leaf = (int)json_integer_value(json_object_get(model, "min_samples_leaf")),
		    .max_depth = (int)json_integer_value(json_object_get(model, "max_depth")),
		    .max_features = (int)json_integer_value(json_object_get(model, "max_features")),
		    .seed = (uint64_t)json_integer_value(json_object_get(model, "seed")),
		    .threads = 2};
		struct forest *forest;
		struct grown grown;

		text_clear(&bytes);
		grow_forest(dataset, &settings, &grown);
		assert_true(forest_write(dataset, &grown, 2, &bytes, &fail));
		grown_release(&grown);
		check_hash("the model", bytes.data, bytes.size, json_object_get(model, "sha256"));
		forest = forest_read(bytes.data, bytes.size, NULL, &fail);
		assert_non_null(forest);
		check_predictions(&fixture, forest, json_integer_value(json_object_get(model, "right")));
		forest_free(forest);
	}
	assert_true(i >= 3);
	text_release(&bytes);
	dataset_free(dataset);
	fixture_release(&fixture);
	json_decref(golden);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shares_sum_to_one),
	    cmocka_unit_test(thresholds_lie_between),
	    cmocka_unit_test(is_read_back),
	    cmocka_unit_test(predicts_by_hand),
	    cmocka_unit_test(refuses_what_is_too_large),
	    cmocka_unit_test(equals_the_golden_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
