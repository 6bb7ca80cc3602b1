/* The profile of a training's inputs: written from a dataset, read back, measured against rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/profile.h"
#include "common/xalloc.h"
#include "model-training/dataset.h"
#include "model-training/plan_profile.h"

enum { ROWS = 3000, FEATURES = 3, WORDS = 30 };

/* few: 4 integers; many: 1000 of them; word: 30 texts, the first of them in a third of the rows. */
static struct dataset *make_dataset(void)
{
	static char no[] = "no", yes[] = "yes";
	char *const labels[] = {no, yes};
	char *texts[WORDS];
	struct dataset_column columns[FEATURES] = {
	    {.name = "few", .type = COLUMN_INTEGER},
	    {.name = "many", .type = COLUMN_INTEGER},
	    {.name = "word", .type = COLUMN_CATEGORY, .texts = texts, .text_count = WORDS}};
	struct dataset_names names = {.label_name = "y", .labels = labels, .label_count = 2, .features = columns};
	struct dataset_rows rows;
	struct dataset *dataset;
	struct fail fail = {0};

	for (int i = 0; i < WORDS; i++)
		texts[i] = xasprintf("word %d", i);
	dataset_rows_init(&rows, FEATURES);
	for (int i = 0; i < ROWS; i++)
		dataset_rows_add(&rows, i % 7 == 0, (int32_t[]){i % 4 * 10, i % 1000, i % 3 ? i % WORDS : 0}, 1);
	dataset = dataset_build(&rows, &names, &fail);
	dataset_rows_release(&rows);
	for (int i = 0; i < WORDS; i++)
		free(texts[i]);
	assert_non_null(dataset);
	return dataset;
}

static void write_and_read(void **state UNUSED)
{
	struct dataset *dataset = make_dataset();
	char *json = plan_profile(dataset);
	struct fail fail = {0};
	struct profile *profile = profile_read(json, &fail);
	const struct profile_feature *few, *many, *word;

	assert_non_null(profile);
	assert_int_equal(profile->feature_count, FEATURES);
	few = &profile->features[0];
	many = &profile->features[1];
	word = &profile->features[2];
	assert_int_equal(few->bin_count, 4);
	assert_int_equal(profile_bin(few, -5), 0);
	assert_int_equal(profile_bin(few, 19), 1);
	assert_int_equal(profile_bin(few, 99), 3);
	assert_int_equal(many->bin_count, DRIFT_MAX_BINS);
	assert_int_equal(profile_bin(many, 999), DRIFT_MAX_BINS - 1);
	assert_int_equal(word->bin_count, DRIFT_MAX_BINS);
	assert_int_equal(word->key_count, DRIFT_MAX_BINS - 1);
	for (int f = 0; f < FEATURES; f++) {
		int64_t sum = 0;

		for (int bin = 0; bin < profile->features[f].bin_count; bin++)
			sum += profile->features[f].rows[bin];
		assert_int_equal(sum, ROWS);
		/* Every value falls into a bin that counted it. */
		for (int value = 0; value < dataset->features[f].value_count; value++)
			assert_true(profile->features[f]
					.rows[profile_bin(&profile->features[f], dataset->features[f].low[value])] >=
				    dataset->features[f].rows[value]);
	}
	profile_free(profile);
	free(json);
	dataset_free(dataset);
}

static void measure(void **state UNUSED)
{
	static char a[] = "a", b[] = "b";
	struct forest_feature features[2] = {{.name = a}, {.name = b}};
	struct forest forest = {.feature_count = 2, .features = features};
	int32_t same[200], moved[200];
	struct feature_rows rows = {.count = 100, .keys = same};
	struct fail fail = {0};
	struct profile *profile = profile_read("[{\"column\":\"b\",\"from\":[0,10],\"rows\":[500,500]}]", &fail);

	for (int i = 0; i < 100; i++) {
		same[2 * i] = moved[2 * i] = 77;
		same[2 * i + 1] = i % 2 * 10;
		moved[2 * i + 1] = 10;
	}
	assert_non_null(profile);
	profile_measure(profile, &forest, &rows);
	assert_true(profile->features[0].drift.psi < 1e-6);
	rows.keys = moved;
	profile_measure(profile, &forest, &rows);
	assert_true(profile->features[0].drift.psi > 2);
	assert_true(fabs(profile->features[0].drift.psi_noise - (1.0 / 100 + 1.0 / 1000)) < 1e-9);
	profile_free(profile);
}

static void what_is_no_profile(void **state UNUSED)
{
	static const char *const bad[] = {"",
					  "{}",
					  "[1]",
					  "[{\"column\":\"a\"}]",
					  "[{\"column\":\"a\",\"from\":[],\"rows\":[]}]",
					  "[{\"column\":\"a\",\"from\":[0,1],\"rows\":[1,2,3]}]",
					  "[{\"column\":\"a\",\"keys\":[0,1],\"rows\":[1]}]",
					  "[{\"column\":\"a\",\"from\":[0,\"1\"],\"rows\":[1,2]}]",
					  "[{\"column\":\"a\",\"from\":[4294967296],\"rows\":[1]}]",
					  "[{\"from\":[0],\"rows\":[1]}]"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct fail fail = {0};

		assert_null(profile_read(bad[i], &fail));
		assert_int_equal(fail.code, EXIT_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(write_and_read), cmocka_unit_test(measure),
					   cmocka_unit_test(what_is_no_profile)};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
