/* A forest's score on rows, worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/score.h"

/* x <= 0: {3/4, 1/4, 0}, else {0, 1/2, 1/2}. */
static struct forest_node nodes[] = {{.feature = 0, .threshold = 0, .other = 2},
				     {.feature = FOREST_LEAF, .other = 0},
				     {.feature = FOREST_LEAF, .other = 1}};
static uint32_t roots[] = {0, 3};
static uint32_t distributions[] = {3 << 22, 1 << 22, 0, 0, 1 << 23, 1 << 23};
static char *labels[] = {(char *)"a", (char *)"b", (char *)"c"};
static int32_t thresholds[] = {0};
static struct forest_feature features[] = {{.name = (char *)"x", .threshold_count = 1, .thresholds = thresholds}};
static const struct forest forest = {.feature_count = 1,
				     .features = features,
				     .class_count = 3,
				     .labels = labels,
				     .tree_count = 1,
				     .roots = roots,
				     .node_count = 3,
				     .nodes = nodes,
				     .distribution_count = 2,
				     .distributions = distributions};

static void near(double got, double wanted)
{
	if (fabs(got - wanted) > 1e-9)
		fail_msg("got %.12g, expected %.12g", got, wanted);
}

static void is_worked_out_by_hand(void **state UNUSED)
{
	/* Predicted a a a b b b; true a a b b c unknown. */
	int32_t keys[] = {-5, 0, -1, 1, 2, 3}, label[] = {0, 0, 1, 1, 2, -1};
	struct feature_rows rows = {.count = 6, .keys = keys, .label = label};
	struct score score;

	score_rows(&rows, &forest, &score);
	assert_int_equal(score.rows, 6);
	assert_int_equal(score.right, 3);
	near(score.accuracy, 0.5);
	/* p of the true label: 3/4 3/4 1/4 1/2 1/2 and 0, which counts as 1e-15. */
	near(score.log_loss, -(2 * log(0.75) + log(0.25) + 2 * log(0.5) + log(1e-15)) / 6);
	/* F1: a 2*2/(2+3), b 2*1/(2+3), c 0, the unknown label 0. */
	near(score.macro_f1, (4.0 / 5 + 2.0 / 5) / 4);
	near(score.majority_share, 2.0 / 6);
	assert_int_equal(score.is_right[1], 1);
	assert_int_equal(score.is_right[2], 0);
	assert_int_equal(score.is_right[5], 0);
	score_release(&score);
}

static void no_rows_are_no_score(void **state UNUSED)
{
	struct feature_rows rows = {0};
	struct score score;

	score_rows(&rows, &forest, &score);
	assert_int_equal(score.rows, 0);
	near(score.accuracy, 0);
	near(score.log_loss, 0);
	score_release(&score);
}

static void wilson(void **state UNUSED)
{
	static const struct {
		int64_t right, rows;
		double low, high;
	} cases[] = {{0, 0, 0, 1},
		     {5, 10, 0.236593090512564, 0.763406909487436},
		     {10, 10, 0.722467200137111, 1},
		     {0, 10, 0, 0.277532799862889},
		     {800, 1000, 0.774081035351866, 0.823622909556802}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double low, high;

		score_wilson(cases[i].right, cases[i].rows, &low, &high);
		near(low, cases[i].low);
		near(high, cases[i].high);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_worked_out_by_hand),
	    cmocka_unit_test(no_rows_are_no_score),
	    cmocka_unit_test(wilson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
