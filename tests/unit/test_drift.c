/* Drift of a column: against scipy's numbers (tests/cases/drift), its level, and the grouping of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/drift.h"

enum { CASES_AT_LEAST = 8, MANY = 1000 };

static int read_counts(const json_t *list, int64_t *counts)
{
	size_t i;
	json_t *value;

	json_array_foreach((json_t *)(uintptr_t)list, i, value) counts[i] = json_integer_value(value);
	return (int)json_array_size(list);
}

static void check(const json_t *test, const char *key, double got)
{
	double wanted = json_number_value(json_object_get(test, key));

	if (fabs(wanted - got) > 1e-12)
		fail_msg("%s: %s is %.15g, expected %.15g", json_string_value(json_object_get(test, "name")), key, got,
			 wanted);
}

static void test_scipy(void **state UNUSED)
{
	json_error_t error;
	json_t *cases = json_load_file("tests/cases/drift/measure.json", 0, &error), *test;
	size_t i;

	if (!cases)
		fail_msg("%s (the tests run in the clone's folder)", error.text);
	assert_true(json_array_size(cases) >= CASES_AT_LEAST);
	json_array_foreach(cases, i, test)
	{
		int64_t before[DRIFT_MAX_BINS], now[DRIFT_MAX_BINS];
		int bins = read_counts(json_object_get(test, "before"), before);
		struct drift drift, back;

		assert_int_equal(read_counts(json_object_get(test, "now"), now), bins);
		drift_measure(before, now, bins, &drift);
		check(test, "psi", drift.psi);
		check(test, "psi_noise", drift.psi_noise);
		check(test, "js", drift.js);
		drift_measure(now, before, bins, &back);
		check(test, "psi", back.psi);
		check(test, "js", back.js);
	}
	json_decref(cases);
}

static void test_no_rows(void **state UNUSED)
{
	const int64_t some[] = {3, 4}, none[] = {0, 0};
	struct drift drift;

	drift_measure(some, none, 2, &drift);
	assert_true(drift.psi == 0 && drift.js == 0 && drift.psi_noise == 0);
	drift_measure(none, some, 2, &drift);
	assert_true(drift.psi == 0 && drift.js == 0 && drift.psi_noise == 0);
	drift_measure(none, none, 0, &drift);
	assert_true(drift.psi == 0);
}

static void test_level(void **state UNUSED)
{
	static const struct {
		double psi, noise;
		const char *level;
	} tests[] = {{0, 0, "none"},	 {0.1, 0, "none"},    {0.11, 0, "moderate"},
		     {0.3, 0, "strong"}, {0.3, 0.25, "none"}, {0.3, 0.1, "moderate"}};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct drift drift = {.psi = tests[i].psi, .psi_noise = tests[i].noise};

		assert_string_equal(drift_level(&drift), tests[i].level);
	}
}

static void test_few_values_keep_their_bins(void **state UNUSED)
{
	int64_t rows[DRIFT_MAX_BINS] = {0};
	uint16_t bin_of[DRIFT_MAX_BINS];

	assert_int_equal(drift_group(rows, DRIFT_MAX_BINS, true, bin_of), DRIFT_MAX_BINS);
	for (int v = 0; v < DRIFT_MAX_BINS; v++)
		assert_int_equal(bin_of[v], v);
	assert_int_equal(drift_group(rows, 1, false, bin_of), 1);
	assert_int_equal(drift_group(rows, 0, true, bin_of), 0);
}

/* Intervals: bins in order, none empty, of about equal rows; a heavy value does not spread. */
static void test_intervals(void **state UNUSED)
{
	int64_t rows[MANY], in_bin[DRIFT_MAX_BINS] = {0};
	uint16_t bin_of[MANY];
	int bins;

	for (int v = 0; v < MANY; v++)
		rows[v] = v % 7 + 1;
	bins = drift_group(rows, MANY, true, bin_of);
	assert_int_equal(bins, DRIFT_MAX_BINS);
	for (int v = 0; v < MANY; v++) {
		assert_true(v == 0 ? bin_of[v] == 0 : bin_of[v] - bin_of[v - 1] == (bin_of[v] != bin_of[v - 1]));
		in_bin[bin_of[v]] += rows[v];
	}
	for (int b = 0; b < bins; b++)
		assert_true(in_bin[b] >= 190 && in_bin[b] <= 210); /* of 3999 */

	for (int v = 0; v < MANY; v++)
		rows[v] = v == 500 ? 1000000 : v > 900 ? 0 : 1;
	bins = drift_group(rows, MANY, true, bin_of);
	assert_true(bins >= 2 && bins <= DRIFT_MAX_BINS);
	assert_true(bin_of[499] < bin_of[500] && bin_of[500] < bin_of[501]);
	for (int v = 0; v < MANY; v++)
		assert_true(bin_of[v] < bins);
}

static void test_names(void **state UNUSED)
{
	int64_t rows[MANY];
	uint16_t bin_of[MANY];

	for (int v = 0; v < MANY; v++)
		rows[v] = v >= 900 ? 1000 - v : v; /* the most frequent: 899, 898, ... */
	assert_int_equal(drift_group(rows, MANY, false, bin_of), DRIFT_MAX_BINS);
	assert_int_equal(bin_of[899], 0);
	assert_int_equal(bin_of[881], 18);
	assert_int_equal(bin_of[880], DRIFT_MAX_BINS - 1);
	assert_int_equal(bin_of[0], DRIFT_MAX_BINS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scipy),     cmocka_unit_test(test_no_rows),
	    cmocka_unit_test(test_level),     cmocka_unit_test(test_few_values_keep_their_bins),
	    cmocka_unit_test(test_intervals), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
