/* Blocks of cells: written and read, and damaged ones; equal rows gathered; texts coded; when cells are summed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/cells.h"
#include "preprocessing/compact.h"
#include "preprocessing/dictionary.h"
#include "preprocessing/gather.h"

enum { MAX_SIZE = CELLS_BLOCK_MAX_SIZE };

/* Ranges of every width, the extremes too. */
static const int32_t values[][4] = {
    {0, 7, 1000, INT32_MIN}, {1, 7, 1255, INT32_MAX}, {0, 7, 1256, 0}, {1, 7, 1000, -1}, {0, 7, 66535, 5},
};
static const int32_t counts[] = {1, 2, 300, INT32_MAX, 1};
enum { COUNT = sizeof(values) / sizeof(*values) };

static void make(struct cells *cells)
{
	cells_init(cells, 4);
	for (int i = 0; i < COUNT; i++)
		cells_add(cells, values[i], counts[i]);
}

static void a_block_gives_back_its_cells(void **state UNUSED)
{
	for (int first = 0; first <= COUNT; first++)
		for (int count = 0; first + count <= COUNT; count++) {
			struct cells cells, back;
			struct fail fail = {0};
			struct text text;

			make(&cells);
			cells_init(&back, 4);
			cells_add(&back, values[2], 9);
			text_init(&text, MAX_SIZE);
			cells_pack(&cells, first, count, &text);
			assert_true(cells_unpack(&back, text.data, text.size, &fail));
			assert_int_equal(back.count, 1 + count);
			assert_int_equal(back.counts[0], 9);
			assert_memory_equal(back.values + 4, values[first], (size_t)count * sizeof(values[0]));
			assert_memory_equal(back.counts + 1, counts + first, (size_t)count * sizeof(counts[0]));
			text_release(&text);
			cells_release(&cells);
			cells_release(&back);
		}
}

static void equal_values_take_no_bytes(void **state UNUSED)
{
	const int32_t same[] = {3, -70000};
	struct cells cells;
	struct text text;

	cells_init(&cells, 2);
	for (int i = 0; i < 1000; i++)
		cells_add(&cells, same, 1);
	text_init(&text, MAX_SIZE);
	cells_pack(&cells, 0, cells.count, &text);
	assert_int_equal(text.size, 4 + 4 + 2 + 3 * 5);
	text_release(&text);
	cells_release(&cells);
}

static void the_largest_block_fits(void **state UNUSED)
{
	int columns[] = {2, 6, 58, 1001};

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		int64_t most = cells_block_max(columns[i]);

		assert_in_range(most, 1, 65536);
		assert_true(10 + (5 + 4 * most) * (columns[i] + 1) <= MAX_SIZE);
	}
}

/* Whatever is cut off or changed in the heads: an error, never more than was there. */
static void damaged_blocks_are_refused(void **state UNUSED)
{
	struct cells cells, back;
	struct text text;

	make(&cells);
	cells_init(&back, 4);
	text_init(&text, MAX_SIZE);
	cells_pack(&cells, 0, cells.count, &text);
	for (size_t size = 0; size < text.size; size++) {
		struct fail fail = {0};
		char *copy = malloc(size + 1);

		memcpy(copy, text.data, size);
		assert_false(cells_unpack(&back, copy, size, &fail));
		assert_int_equal(fail.code, EXIT_FAILED);
		assert_int_equal(back.count, 0);
		free(copy);
	}
	for (size_t at = 0; at < text.size; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct fail fail = {0};
			char *copy = malloc(text.size);

			memcpy(copy, text.data, text.size);
			copy[at] = (char)(copy[at] ^ 1 << bit);
			if (!cells_unpack(&back, copy, text.size, &fail))
				assert_int_equal(back.count, 0);
			cells_clear(&back);
			free(copy);
		}
	text_release(&text);
	cells_release(&cells);
	cells_release(&back);
}

static void another_number_of_columns_is_refused(void **state UNUSED)
{
	struct cells cells, back;
	struct fail fail = {0};
	struct text text;

	make(&cells);
	cells_init(&back, 5);
	text_init(&text, MAX_SIZE);
	cells_pack(&cells, 0, cells.count, &text);
	assert_false(cells_unpack(&back, text.data, text.size, &fail));
	text_release(&text);
	cells_release(&cells);
	cells_release(&back);
}

/* ------------------------------------------------------------------ gathering */

static void equal_rows_become_one_cell(void **state UNUSED)
{
	struct gather gather;
	int64_t rows = 0;

	gather_init(&gather, 2);
	for (int round = 0; round < 2; round++) {
		gather_clear(&gather);
		for (int i = 0; i < 50000; i++) {
			int32_t row[] = {i % 7, i % 3000 - 1500};

			gather_add(&gather, row, 1 + i % 2);
		}
		assert_int_equal(gather.cells.count, 21000);
	}
	for (int64_t i = 0; i < gather.cells.count; i++) {
		assert_int_equal(gather.cells.values[2 * i], i % 7); /* in the order in which they came */
		rows += gather.cells.counts[i];
	}
	assert_int_equal(rows, 75000);
	gather_release(&gather);
}

static void a_count_does_not_overflow(void **state UNUSED)
{
	const int32_t row[] = {1}, big[] = {INT32_MAX, 5, INT32_MAX - 5, 1};
	struct gather gather;
	int64_t rows = 0, want = 0;

	gather_init(&gather, 1);
	for (size_t i = 0; i < sizeof(big) / sizeof(*big); i++) {
		gather_add(&gather, row, big[i]);
		want += big[i];
	}
	assert_int_equal(gather.cells.count, 3);
	for (int64_t i = 0; i < gather.cells.count; i++)
		rows += gather.cells.counts[i];
	assert_int_equal(rows, want);
	gather_release(&gather);
}

/* ------------------------------------------------------------------ texts */

static void texts_are_coded_as_they_were_first_seen(void **state UNUSED)
{
	struct dictionary *dictionary = dictionary_new();
	char text[16];

	assert_int_equal(dictionary_code(dictionary, "", 0), 0);
	assert_int_equal(dictionary_code(dictionary, "red", 3), 1);
	assert_int_equal(dictionary_code(dictionary, "redder", 3), 1);
	assert_int_equal(dictionary_code(dictionary, "redder", 6), 2);
	dictionary_keep(dictionary);
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "t%d", i);
		assert_int_equal(dictionary_code(dictionary, text, strlen(text)), 3 + i);
	}
	dictionary_forget(dictionary);
	assert_int_equal(dictionary_code(dictionary, "t77", 3), 3);
	assert_int_equal(dictionary_code(dictionary, "red", 3), 1);
	dictionary_free(dictionary);
	dictionary_free(NULL);
}

/* ------------------------------------------------------------------ compacting */

static void due_beyond_twice_the_base_and_100000(void **state UNUSED)
{
	assert_false(compact_is_due(0, 0, 0));
	assert_false(compact_is_due(100000, 0, 0));
	assert_true(compact_is_due(100001, 0, 0));
	assert_false(compact_is_due(100000 + 2 * 65000, 65000, 0));
	assert_true(compact_is_due(100001 + 2 * 65000, 65000, 0));
	assert_false(compact_is_due(100001, 0, 100002));
	assert_true(compact_is_due(100002, 0, 100002));
}

static void kept_when_a_quarter_is_saved(void **state UNUSED)
{
	assert_true(compact_is_worth_it(100, 75));
	assert_false(compact_is_worth_it(100, 76));
	assert_false(compact_is_worth_it(1000000000000, 1000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_block_gives_back_its_cells),
	    cmocka_unit_test(equal_values_take_no_bytes),
	    cmocka_unit_test(the_largest_block_fits),
	    cmocka_unit_test(damaged_blocks_are_refused),
	    cmocka_unit_test(another_number_of_columns_is_refused),
	    cmocka_unit_test(equal_rows_become_one_cell),
	    cmocka_unit_test(a_count_does_not_overflow),
	    cmocka_unit_test(texts_are_coded_as_they_were_first_seen),
	    cmocka_unit_test(due_beyond_twice_the_base_and_100000),
	    cmocka_unit_test(kept_when_a_quarter_is_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
