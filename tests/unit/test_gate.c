/* The gate: every file of tests/cases/gate is one decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <jansson.h>
#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/gate.h"

enum { CASES_AT_LEAST = 28 };

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value))
		fail_msg("\"%s\" is missing", key);
	return json_number_value(value);
}

static struct gate_counts counts(const json_t *object)
{
	return (struct gate_counts){.n = (int64_t)number(object, "n"),
				    .champion_only = (int64_t)number(object, "b"),
				    .challenger_only = (int64_t)number(object, "c")};
}

static struct gate_input read_input(const json_t *object)
{
	const json_t *best = json_object_get(object, "best_earlier");

	return (struct gate_input){.has_champion = json_is_true(json_object_get(object, "has_champion")),
				   .is_champion = json_is_true(json_object_get(object, "is_champion")),
				   .all = counts(json_object_get(object, "all")),
				   .recent = counts(json_object_get(object, "recent")),
				   .rows = (int64_t)number(object, "rows"),
				   .right = (int64_t)number(object, "right"),
				   .has_earlier = best != NULL,
				   .best_earlier = json_number_value(best),
				   .max_accuracy_drop = number(object, "max_accuracy_drop"),
				   .min_accuracy = number(object, "min_accuracy")};
}

static void check_number(const char *file, const json_t *expect, const char *key, double got)
{
	const json_t *wanted = json_object_get(expect, key);

	if (wanted && fabs(json_number_value(wanted) - got) > 1e-9)
		fail_msg("%s: %s is %.12g, expected %.12g", file, key, got, json_number_value(wanted));
}

static void check_case(const char *file)
{
	json_t *test = json_load_file(file, 0, NULL);
	struct gate_input input = read_input(json_object_get(test, "input"));
	struct gate_verdict verdict = gate_decide(&input);
	const json_t *expect = json_object_get(test, "expect");
	const char *reason = json_string_value(json_object_get(test, "reason"));

	if (!reason || strcmp(verdict.reason, reason) != 0 ||
	    verdict.promoted != json_is_true(json_object_get(test, "promoted")))
		fail_msg("%s: %s %s, expected %s", file, verdict.promoted ? "promoted" : "refused", verdict.reason,
			 reason);
	check_number(file, expect, "loss", verdict.recent.loss);
	check_number(file, expect, "se", verdict.recent.se);
	check_number(file, expect, "upper", verdict.recent.upper);
	check_number(file, expect, "mcnemar_p", verdict.recent.mcnemar_p);
	json_decref(test);
}

static void decides_every_case(void **state UNUSED)
{
	glob_t files;

	assert_int_equal(glob("tests/cases/gate/*.json", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= CASES_AT_LEAST);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_case(files.gl_pathv[i]);
	globfree(&files);
}

/* More lost rows never turn a refusal into a promotion. */
static void is_monotone(void **state UNUSED)
{
	for (int64_t c = 0; c <= 400; c += 20) {
		bool before = true;

		for (int64_t b = 0; b <= 800; b += 5) {
			struct gate_input input = {.has_champion = true,
						   .all = {20000, b, c},
						   .recent = {20000, b, c},
						   .rows = 20000,
						   .right = 15000,
						   .max_accuracy_drop = 0.01};
			bool promoted = gate_decide(&input).promoted;

			assert_true(before || !promoted);
			before = promoted;
		}
		assert_false(before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decides_every_case),
	    cmocka_unit_test(is_monotone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
