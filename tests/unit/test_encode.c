/* Which texts a column's type takes: what PostgreSQL would read and common/number.h would not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/forest.h"
#include "preprocessing/encode.h"

static const struct {
	const char *text;
	bool integer, real;
} cases[] = {
    {"0", true, true},		{"-1", true, true},	     {"+5", true, true},	  {"007", true, true},
    {"2147483647", true, true}, {"2147483648", false, true}, {"-2147483648", true, true}, {"1.5", false, true},
    {"1e3", false, true},	{".5", false, true},	     {"", false, false},	  {" 5", false, false},
    {"5 ", false, false},	{"1_000", false, false},     {"0x1F", false, false},	  {"NaN", false, false},
    {"Infinity", false, false}, {"1e39", false, false},	     {"1e-60", false, false},	  {"0e-60", false, true},
    {"five", false, false},
};

/* A set with a label of this type and one feature of that. */
static struct feature_columns set_of(struct feature_column columns[2], enum column_type label, enum column_type feature)
{
		static char none[] = "", na[] = "NA";
	static size_t sizes[] = {2, 0};
	static char *missing[] = {na, none};

	columns[0] = (struct feature_column){.type = label, .dictionary = dictionary_new()};
	columns[1] = (struct feature_column){.type = feature,
					     .missing_count = 2,
					     .missing = missing,
					     .missing_sizes = sizes,
					     .dictionary = feature == COLUMN_CATEGORY ? dictionary_new() : NULL};
	return (struct feature_columns){.count = 2, .columns = columns};
}

static enum encoded encode_as(enum column_type label, enum column_type feature, const char *first, const char *second,
			      int32_t out[2], int64_t missing[2], int *wrong)
{
	struct raw_value raw[] = {{first, strlen(first)}, {second, strlen(second)}};
	struct feature_column columns[2];
	struct feature_columns set = set_of(columns, label, feature);
	enum encoded encoded = encode_row(&set, raw, out, missing, wrong);

	dictionary_free(columns[0].dictionary);
	dictionary_free(columns[1].dictionary);
	return encoded;
}

static void numbers(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *text = cases[i].text;
		int64_t missing[2] = {0};
		int32_t out[2];
		int wrong = -1;

		if (!*text)
			continue; /* missing here */
		if ((encode_as(COLUMN_CATEGORY, COLUMN_INTEGER, "y", text, out, missing, &wrong) == ENCODED) !=
		    cases[i].integer)
			fail_msg("integer \"%s\": want %d", text, cases[i].integer);
		if ((encode_as(COLUMN_CATEGORY, COLUMN_REAL, "y", text, out, missing, &wrong) == ENCODED) !=
		    cases[i].real)
			fail_msg("real \"%s\": want %d", text, cases[i].real);
		if ((encode_as(COLUMN_INTEGER, COLUMN_CATEGORY, text, "x", out, missing, &wrong) == ENCODED) !=
		    cases[i].integer)
			fail_msg("integer label \"%s\": want %d", text, cases[i].integer);
	}
}

static void values(void **state UNUSED)
{
	int64_t missing[2] = {0};
	int32_t out[2];
	int wrong = -1;

	assert_int_equal(encode_as(COLUMN_CATEGORY, COLUMN_INTEGER, "yes", "-7", out, missing, &wrong), ENCODED);
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], -7);
	assert_int_equal(encode_as(COLUMN_CATEGORY, COLUMN_REAL, "yes", "-0", out, missing, &wrong), ENCODED);
	assert_int_equal(out[1], forest_real_key(0));
	assert_int_equal(encode_as(COLUMN_CATEGORY, COLUMN_REAL, "yes", "2.5", out, missing, &wrong), ENCODED);
	assert_int_equal(out[1], forest_real_key(2.5f));
	assert_int_equal(encode_as(COLUMN_CATEGORY, COLUMN_INTEGER, "yes", "x", out, missing, &wrong), WRONG);
	assert_int_equal(wrong, 1);
	assert_int_equal(encode_as(COLUMN_INTEGER, COLUMN_INTEGER, "yes", "1", out, missing, &wrong), WRONG);
	assert_int_equal(wrong, 0);
}

static void missing_values_drop_a_row_and_leave_no_code(void **state UNUSED)
{
	struct feature_column columns[2];
	struct feature_columns set = set_of(columns, COLUMN_CATEGORY, COLUMN_CATEGORY);
	const char *rows[][2] = {{"a", "NA"}, {"b", ""}, {"c", "N"}, {"NA", "NAN"}};
	const enum encoded want[] = {DROPPED, DROPPED, ENCODED, ENCODED};
	int64_t missing[2] = {0};
	int32_t out[2];
	int wrong;

	for (int i = 0; i < 4; i++) {
		struct raw_value raw[] = {{rows[i][0], strlen(rows[i][0])}, {rows[i][1], strlen(rows[i][1])}};

		assert_int_equal(encode_row(&set, raw, out, missing, &wrong), want[i]);
	}
	assert_int_equal(missing[0], 0);
	assert_int_equal(missing[1], 2);
	assert_int_equal(out[0], 1); /* "c" was the first that counted */
	assert_int_equal(out[1], 1);
	dictionary_free(columns[0].dictionary);
	dictionary_free(columns[1].dictionary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(values),
	    cmocka_unit_test(missing_values_drop_a_row_and_leave_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
