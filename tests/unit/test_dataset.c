/* The training set: coding, merging, what does not matter, what is refused, and damaged bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/bytes.h"
#include "model-training/dataset.h"
#include "model-training/distinct.h"
#include "model-training/order.h"
#include "model-training/random.h"

static char *labels[] = {(char *)"10", (char *)"9", (char *)"-1"};
static char *words[] = {(char *)"red", (char *)"blue", (char *)"green"};
static struct dataset_column columns[] = {{.name = "n", .type = COLUMN_INTEGER},
					  {.name = "c", .type = COLUMN_CATEGORY, .texts = words, .text_count = 3}};
static const struct dataset_names names = {.label_name = "y", .labels = labels, .label_count = 3, .features = columns};

/* label code, n, word code */
static const int32_t some_rows[][3] = {{0, 7, 0}, {0, 7, 0}, {1, -7, 1}, {0, 7, 2}, {1, 7, 0}, {1, -7, 1}, {0, 100, 0}};

enum { SOME_ROWS = sizeof(some_rows) / sizeof(*some_rows) };

static struct dataset *build_some(const int *order, int64_t count)
{
	struct fail fail = {0};
	struct dataset_rows rows;
	struct dataset *dataset;

	dataset_rows_init(&rows, 2);
	for (int i = 0; i < SOME_ROWS; i++)
		dataset_rows_add(&rows, some_rows[order[i]][0], some_rows[order[i]] + 1, count);
	dataset = dataset_build(&rows, &names, &fail);
	dataset_rows_release(&rows);
	if (!dataset)
		fail_msg("%s", fail.text);
	return dataset;
}

static void codes_and_merges(void **state UNUSED)
{
	static const int order[] = {0, 1, 2, 3, 4, 5, 6};
	struct dataset *dataset = build_some(order, 1);
	const struct dataset_feature *n = &dataset->features[0], *c = &dataset->features[1];

	assert_int_equal(dataset->row_count, 7);
	assert_int_equal(dataset->class_count, 2);    /* "-1" does not occur */
	assert_string_equal(dataset->labels[0], "9"); /* by number, not by bytes */
	assert_string_equal(dataset->labels[1], "10");
	assert_int_equal(n->value_count, 3);
	assert_int_equal(n->low[0], -7);
	assert_int_equal(n->low[2], 100);
	assert_int_equal(n->rows[0], 2);
	assert_int_equal(n->rows[1], 4);
	/* Share of label 10: blue 0, red 3/4, green 1. */
	assert_string_equal(c->texts[0], "blue");
	assert_string_equal(c->texts[1], "red");
	assert_string_equal(c->texts[2], "green");
	assert_int_equal(c->rows[1], 4);
	assert_int_equal(dataset->slot_count, 5);
	assert_int_equal(dataset->counts[0], 2); /* -7 blue 9 */
	assert_int_equal(n->codes[0], 0);
	assert_int_equal(c->codes[0], 0);
	assert_int_equal(dataset->classes[0], 0);
	dataset_free(dataset);
}

static void write_to(const struct dataset *dataset, struct text *bytes)
{
	struct fail fail = {0};

	text_init(bytes, DATASET_MAX_SIZE);
	if (!dataset_write(dataset, bytes, &fail))
		fail_msg("%s", fail.text);
}

static void does_not_depend_on_the_order_of_rows(void **state UNUSED)
{
	static const int orders[][SOME_ROWS] = {{0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {3, 6, 0, 5, 1, 4, 2}};
	struct text first, bytes;

	for (int i = 0; i < 3; i++) {
		struct dataset *dataset = build_some(orders[i], 3);

		write_to(dataset, i == 0 ? &first : &bytes);
		dataset_free(dataset);
		if (i == 0)
			continue;
		assert_int_equal(bytes.size, first.size);
		assert_memory_equal(bytes.data, first.data, first.size);
		text_release(&bytes);
	}
	text_release(&first);
}

static void is_read_back(void **state UNUSED)
{
	static const int order[] = {0, 1, 2, 3, 4, 5, 6};
	struct dataset *dataset = build_some(order, 2), *again;
	struct fail fail = {0};
	struct text bytes, second;

	write_to(dataset, &bytes);
	again = dataset_read(bytes.data, bytes.size, &fail);
	assert_non_null(again);
	write_to(again, &second);
	assert_int_equal(second.size, bytes.size);
	assert_memory_equal(second.data, bytes.data, bytes.size);
	text_release(&bytes);
	text_release(&second);
	dataset_free(dataset);
	dataset_free(again);
}

/* Every shorter text and every changed byte is refused or read without harm (ASan and UBSan watch). */
static void survives_damage(void **state UNUSED)
{
	static const int order[] = {0, 1, 2, 3, 4, 5, 6};
	struct dataset *dataset = build_some(order, 1);
	struct text bytes;

	write_to(dataset, &bytes);
	dataset_free(dataset);
	for (size_t size = 0; size < bytes.size; size++) {
		struct fail fail = {0};
		char *shorter = xmalloc(size);

		memcpy(shorter, bytes.data, size);
		assert_null(dataset_read(shorter, size, &fail));
		assert_int_equal(fail.code, EXIT_FAILED);
		free(shorter);
	}
	for (size_t at = 0; at < bytes.size; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct fail fail = {0};

			bytes.data[at] = (char)(bytes.data[at] ^ 1 << bit);
			dataset_free(dataset_read(bytes.data, bytes.size, &fail));
			bytes.data[at] = (char)(bytes.data[at] ^ 1 << bit);
		}
	text_release(&bytes);
}

static void check_refused(const struct dataset_rows *rows, const char *says)
{
	struct fail fail = {0};

	assert_null(dataset_build(rows, &names, &fail));
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	if (!strstr(fail.text, says))
		fail_msg("\"%s\" does not say \"%s\"", fail.text, says);
}

static void refuses_what_no_classifier_can_learn(void **state UNUSED)
{
	struct dataset_rows rows;

	dataset_rows_init(&rows, 2);
	check_refused(&rows, "no row to train on");
	dataset_rows_add(&rows, 1, (int32_t[]){1, 0}, 4);
	dataset_rows_add(&rows, 1, (int32_t[]){2, 1}, 1);
	check_refused(&rows, "all 5 training rows have the label \"9\"");
	dataset_rows_add(&rows, 0, (int32_t[]){2, 1}, INT32_MAX);
	check_refused(&rows, "too many");
	dataset_rows_release(&rows);
}

static void refuses_codes_that_the_dictionary_does_not_know(void **state UNUSED)
{
	struct fail fail = {0};
	struct dataset_rows rows;

	dataset_rows_init(&rows, 2);
	dataset_rows_add(&rows, 1, (int32_t[]){1, 0}, 1);
	dataset_rows_add(&rows, 0, (int32_t[]){1, 3}, 1);
	assert_null(dataset_build(&rows, &names, &fail));
	assert_int_equal(fail.code, EXIT_FAILED);
	dataset_rows_release(&rows);
}

/* 200,000 distinct values: bins of equally many rows, in order, that say so. */
static void bins_many_values(void **state UNUSED)
{
	enum { MANY = 200000 };
	struct dataset_column one[] = {{.name = "n", .type = COLUMN_INTEGER}};
	struct dataset_names all = {.label_name = "y", .labels = labels, .label_count = 3, .features = one};
	const struct dataset_feature *feature;
	struct fail fail = {0};
	struct dataset_rows rows;
	struct dataset *dataset;

	dataset_rows_init(&rows, 1);
	for (int32_t i = 0; i < MANY; i++)
		dataset_rows_add(&rows, i % 2, (int32_t[]){i * 7919 % MANY * 1000}, 1);
	dataset = dataset_build(&rows, &all, &fail);
	assert_non_null(dataset);
	feature = &dataset->features[0];
	assert_true(feature->binned);
	assert_int_equal(feature->value_count, DATASET_MAX_VALUES);
	for (int v = 0; v < feature->value_count; v++) {
		assert_true(feature->low[v] <= feature->high[v]);
		assert_true(v == 0 || feature->high[v - 1] < feature->low[v]);
		assert_true(feature->rows[v] >= 3 && feature->rows[v] <= 4);
	}
	assert_int_equal(feature->low[0], 0);
	assert_int_equal(feature->high[feature->value_count - 1], (MANY - 1) * 1000);
	dataset_free(dataset);
	dataset_rows_release(&rows);
}

static void finds_distinct_values(void **state UNUSED)
{
	static const int32_t values[] = {5, INT32_MIN, -1, 5, INT32_MAX, 0, -1};
	static const int32_t keys[] = {INT32_MIN, -1, 0, 5, INT32_MAX};
	struct distinct distinct;

	distinct_find(values, 7, &distinct);
	assert_int_equal(distinct.count, 5);
	assert_memory_equal(distinct.keys, keys, sizeof(keys));
	for (int i = 0; i < 5; i++)
		assert_int_equal(distinct_index(&distinct, keys[i]), i);
	distinct_release(&distinct);
	distinct_find(values, 0, &distinct);
	assert_int_equal(distinct.count, 0);
	distinct_release(&distinct);
}

/* ------------------------------------------------------------------ the order of categories */

static void orders_two_classes_by_share(void **state UNUSED)
{
	/* Shares of class 1: w 2/4, x 1/2, y 0, z 3/3; w and x are equal and stand by text. */
	static const struct order_cell cells[] = {{0, 0, 2}, {0, 1, 2}, {1, 0, 1}, {1, 1, 1}, {2, 0, 9}, {3, 1, 3}};
	char *texts[] = {(char *)"w", (char *)"x", (char *)"y", (char *)"z"};
	int places[4];

	order_values(cells, 6, texts, 4, 2, places);
	assert_int_equal(places[2], 0);
	assert_int_equal(places[0], 1);
	assert_int_equal(places[1], 2);
	assert_int_equal(places[3], 3);
}

/* Three classes on a line: class 1 never occurs without the others, so the component runs from class 0 to class 2. */
static void orders_three_classes_along_the_component(void **state UNUSED)
{
	static const struct order_cell cells[] = {{0, 0, 50}, {0, 1, 10}, {0, 2, 40}, {1, 0, 90}, {1, 1, 10},
						  {2, 1, 10}, {2, 2, 90}, {3, 0, 30}, {3, 1, 10}, {3, 2, 60}};
	char *texts[] = {(char *)"a", (char *)"b", (char *)"c", (char *)"d"};
	int places[4];

	order_values(cells, 10, texts, 4, 3, places);
	assert_int_equal(places[1], 0);
	assert_int_equal(places[0], 1);
	assert_int_equal(places[3], 2);
	assert_int_equal(places[2], 3);
}

static void orders_equal_shares_by_text(void **state UNUSED)
{
	static const struct order_cell cells[] = {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {1, 0, 2}, {1, 1, 2}, {1, 2, 2}};
	char *texts[] = {(char *)"b", (char *)"a"};
	int places[2];

	order_values(cells, 6, texts, 2, 3, places);
	assert_int_equal(places[0], 1);
	assert_int_equal(places[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(codes_and_merges),
	    cmocka_unit_test(does_not_depend_on_the_order_of_rows),
	    cmocka_unit_test(is_read_back),
	    cmocka_unit_test(survives_damage),
	    cmocka_unit_test(refuses_what_no_classifier_can_learn),
	    cmocka_unit_test(refuses_codes_that_the_dictionary_does_not_know),
	    cmocka_unit_test(bins_many_values),
	    cmocka_unit_test(finds_distinct_values),
	    cmocka_unit_test(orders_two_classes_by_share),
	    cmocka_unit_test(orders_three_classes_along_the_component),
	    cmocka_unit_test(orders_equal_shares_by_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
