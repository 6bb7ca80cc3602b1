/* The rows that a model predicts right, as bytes by load, and what of them holds for other rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/marks.h"

enum { ROWS = 13, MAX_SIZE = 1000 };

static int32_t loads[ROWS] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 5, 7, 7, 7};
static const uint8_t right[ROWS] = {1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1};

static void write_all(struct text *bytes)
{
	struct feature_rows rows = {.count = ROWS, .load_id = loads};

	text_init(bytes, MAX_SIZE);
	marks_write(&rows, right, bytes);
}

static void expect(int32_t *load_id, int count, const char *wanted)
{
	struct feature_rows rows = {.count = count, .load_id = load_id};
	uint8_t found[ROWS + 4], known[ROWS + 4] = {0};
	struct text bytes;

	memset(found, 9, sizeof(found));
	write_all(&bytes);
	marks_read(bytes.data, bytes.size, &rows, found, known);
	for (int i = 0; i < count; i++) {
		assert_int_equal(known[i], wanted[i] != '?');
		assert_int_equal(found[i], wanted[i] == '?' ? 9 : wanted[i] - '0');
	}
	text_release(&bytes);
}

static void come_back(void **state UNUSED)
{
	expect(loads, ROWS, "1001110110011");
}

static void hold_for_the_same_loads_only(void **state UNUSED)
{
	int32_t more[] = {1, 5, 6, 7, 7, 7, 8}, other_count[] = {5, 5, 7, 7, 7}, none[] = {3, 3};

	expect(more, 7, "?0?011?");
	expect(other_count, 5, "??011");
	expect(none, 2, "??");
	expect(NULL, 0, "");
}

static void damaged_bytes_say_nothing(void **state UNUSED)
{
	struct feature_rows rows = {.count = ROWS, .load_id = loads};
	struct text bytes;

	write_all(&bytes);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t found[ROWS], known[ROWS] = {0};

		marks_read(bytes.data, size, &rows, found, known);
		assert_int_equal(known[0], size >= 10);
		assert_int_equal(known[9], size >= 19);
		assert_int_equal(known[12], 0);
	}
	text_release(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(come_back),
	    cmocka_unit_test(hold_for_the_same_loads_only),
	    cmocka_unit_test(damaged_bytes_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
