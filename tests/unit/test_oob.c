/* The out-of-bag estimate: against one by rows, of the whole forest from a pilot, for any number of threads; and its
 * logarithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/bootstrap.h"
#include "model-training/forest_write.h"
#include "model-training/grow.h"
#include "model-training/oob.h"
#include "model-training/random.h"

#define BRIER_EVERYWHERE 0x1.35de845654f03p-2
#define LOG_LOSS_EVERYWHERE 0x1.a7999300df022p+0

enum { ROWS = 50000, FEATURES = 4, CLASSES = 3, TREES = 100, PILOT = 10, ALL = 1000000 };

/* Rows of few values, many of them equal; column d has no say and `noise` percent of the labels mean nothing. */
static struct dataset *make(int rows, uint32_t values, uint32_t noise, uint64_t seed)
{
	static char *labels[CLASSES] = {(char *)"0", (char *)"1", (char *)"2"};
	static const char *const names[FEATURES] = {"a", "b", "c", "d"};
	struct dataset_column columns[FEATURES];
	struct dataset_names all = {.label_name = "y", .labels = labels, .label_count = CLASSES, .features = columns};
	struct dataset_rows list;
	struct fail fail = {0};
	struct dataset *dataset;

	for (int f = 0; f < FEATURES; f++)
		columns[f] = (struct dataset_column){.name = names[f], .type = COLUMN_INTEGER};
	dataset_rows_init(&list, FEATURES);
	for (int row = 0; row < rows; row++) {
		int32_t keys[FEATURES], label;

		for (int f = 0; f < FEATURES; f++)
			keys[f] = (int32_t)random_below(&seed, values);
		label = (keys[0] + keys[1] > keys[2] + (int32_t)values / 2) + (keys[0] > (int32_t)values / 2);
		if (random_below(&seed, 100) < noise)
			label = (int32_t)random_below(&seed, CLASSES);
		dataset_rows_add(&list, label, keys, 1);
	}
	dataset = dataset_build(&list, &all, &fail);
	if (!dataset)
		fail_msg("%s", fail.text);
	dataset_rows_release(&list);
	return dataset;
}

static void grow(const struct dataset *dataset, int trees, int leaf, uint64_t seed, struct grown *grown)
{
	struct grow_settings settings = {.trees = trees, .min_samples_leaf = leaf, .seed = seed, .threads = 2};

	grow_forest(dataset, &settings, grown);
}

/* The right child of every split. */
static uint32_t *find_right_children(const struct tree *tree)
{
	uint32_t *right = xcalloc(tree->node_count, sizeof(*right)), *open = xcalloc(tree->node_count, sizeof(*open));
	uint32_t count = 0;

	for (uint32_t i = 0; i < tree->node_count; i++)
		if (tree->nodes[i].feature != TREE_LEAF)
			open[count++] = i;
		else if (count > 0)
			right[open[--count]] = i + 1;
	free(open);
	return right;
}

/* As the model does: by the value and the threshold. */
static bool goes_left(const struct dataset *dataset, const struct tree_node *node, uint32_t slot)
{
	const struct dataset_feature *feature = &dataset->features[node->feature];

	return feature->low[feature->codes[slot]] <=
	       forest_write_threshold(feature->type, feature->high[node->left], feature->low[node->right]);
}

static void find_draws(const struct dataset *dataset, const struct tree *tree, const uint32_t *right, uint32_t slot,
		       uint32_t *draws)
{
	uint32_t at = 0;

	while (tree->nodes[at].feature != TREE_LEAF)
		at = goes_left(dataset, &tree->nodes[at], slot) ? at + 1 : right[at];
	distributions_expand(&tree->leaves, tree->nodes[at].distribution, CLASSES, draws);
}

/* A row's estimate, summed up tree by tree. */
struct row_sums {
	double shares[CLASSES];
	int trees;
};

/* Each of a slot's draws hits one of its rows; the rows that none hits are out of the bag. */
static void add_tree_by_rows(const struct dataset *dataset, const struct tree *tree, const uint32_t *draws,
			     uint64_t *random, struct row_sums *sums)
{
	uint32_t *right = find_right_children(tree);

	for (uint32_t slot = 0; slot < dataset->slot_count; slot++) {
		uint32_t rows = dataset->counts[slot];
		bool *hit = xcalloc(rows, sizeof(*hit));
		uint32_t leaf[CLASSES];
		double sum;

		find_draws(dataset, tree, right, slot, leaf);
		sum = (double)leaf[0] + leaf[1] + leaf[2];
		for (uint32_t i = 0; i < draws[slot]; i++)
			hit[random_below(random, rows)] = true;
		for (uint32_t row = 0; row < rows; row++) {
			for (int k = 0; k < CLASSES && !hit[row]; k++)
				sums[row].shares[k] += leaf[k] / sum;
			sums[row].trees += !hit[row];
		}
		free(hit);
		sums += rows;
	}
	free(right);
}

static void score_by_rows(const struct dataset *dataset, const struct grown *grown,
			  const struct grow_settings *settings, double *accuracy, double *log_loss)
{
	struct row_sums *sums = xcalloc((size_t)dataset->row_count, sizeof(*sums)), *at = sums;
	struct bootstrap *bootstrap = grow_bootstrap(dataset, settings);
	uint32_t *draws = xcalloc(dataset->slot_count, sizeof(*draws));
	uint64_t random = settings->seed + 1;
	int rows = 0, right = 0;
	double loss = 0;

	for (int t = 0; t < grown->tree_count; t++) {
		bootstrap_draw(bootstrap, settings->seed, (uint32_t)t, draws);
		add_tree_by_rows(dataset, &grown->trees[t], draws, &random, sums);
	}
	for (uint32_t slot = 0; slot < dataset->slot_count; slot++)
		for (uint32_t i = 0; i < dataset->counts[slot]; i++, at++) {
			int label = dataset->classes[slot], best = 0;

			for (int k = 1; k < CLASSES; k++)
				best = at->shares[k] > at->shares[best] ? k : best;
			if (at->trees == 0)
				continue;
			rows++;
			right += best == label;
			loss -= log(fmax(at->shares[label] / at->trees, OOB_LEAST_PROBABILITY));
		}
	*accuracy = (double)right / rows;
	*log_loss = loss / rows;
	free(draws);
	bootstrap_free(bootstrap);
	free(sums);
}

/* Of values that many rows share, and of so many that a node's neighbouring ones have others between them. */
static void agrees_with_rows(void **state UNUSED)
{
	for (uint64_t seed = 0; seed < 6; seed++) {
		struct dataset *dataset = make(ROWS, seed < 3 ? 8 : 60, 30, seed);
		struct grow_settings settings = {.trees = TREES,
						 .min_samples_leaf = 5,
						 .sample_fraction = seed % 3 == 2 ? 0.5 : 1,
						 .seed = seed,
						 .threads = 2};
		double accuracy, log_loss;
		struct oob_score score;
		struct grown grown;
		struct oob *oob;

		assert_int_equal(dataset->slot_count < ROWS / 4, seed < 3);
		grow_forest(dataset, &settings, &grown);
		oob = oob_new(dataset, &settings, TREES, ALL);
		oob_score(oob, grown.trees, TREES, 2, &score);
		score_by_rows(dataset, &grown, &settings, &accuracy, &log_loss);
		print_message("seed %d: accuracy %.5f by slots, %.5f by rows; log loss %.5f, %.5f\n", (int)seed,
			      score.accuracy, accuracy, score.log_loss, log_loss);
		assert_int_equal(score.rows, ROWS);
		assert_true(fabs(score.accuracy - accuracy) <= 0.001);
		assert_true(fabs(score.log_loss - log_loss) <= (seed < 3 ? 0.005 : 0.0001));
		oob_score_release(&score);
		oob_free(oob);
		grown_release(&grown);
		dataset_free(dataset);
	}
}

/* The pilot's Brier score is that of the whole forest, for every leaf size, on rows that stand alone and others. */
static void foresees_the_whole_forest(void **state UNUSED)
{
	static const int leaves[] = {1, 10, 50};
	static const uint32_t values[] = {8, 40};

	for (size_t v = 0; v < 2; v++) {
		struct dataset *dataset = make(20000, values[v], 40, 5);
		struct oob *few = oob_new(dataset, &(struct grow_settings){.seed = 7}, PILOT, ALL),
			   *many = oob_new(dataset, &(struct grow_settings){.seed = 7}, TREES, ALL);

		for (size_t i = 0; i < 3; i++) {
			struct oob_score pilot, whole;
			struct grown grown;

			grow(dataset, TREES, leaves[i], 7, &grown);
			oob_score(few, grown.trees, TREES, 1, &pilot);
			oob_score(many, grown.trees, TREES, 1, &whole);
			print_message("%u slots, leaf %d: Brier %.5f by %d trees, %.5f by %d\n", dataset->slot_count,
				      leaves[i], pilot.brier, PILOT, whole.brier, TREES);
			assert_true(fabs(pilot.brier - whole.brier) < 0.003);
			oob_score_release(&pilot);
			oob_score_release(&whole);
			grown_release(&grown);
		}
		oob_free(few);
		oob_free(many);
		dataset_free(dataset);
	}
}

/* To the last bit, with every compiler; only a change of the random numbers or of growing may change it. */
static void is_the_same_everywhere(void **state UNUSED)
{
	struct dataset *dataset = make(5000, 12, 20, 2);
	struct oob *oob = oob_new(dataset, &(struct grow_settings){.seed = 6}, PILOT, 2000);
	struct oob_score score;
	struct grown grown;

	grow(dataset, PILOT, 2, 6, &grown);
	oob_score(oob, grown.trees, TREES, 2, &score);
	if (score.brier != BRIER_EVERYWHERE || score.log_loss != LOG_LOSS_EVERYWHERE)
		fail_msg("Brier score %a, log loss %a", score.brier, score.log_loss);
	oob_score_release(&score);
	grown_release(&grown);
	oob_free(oob);
	dataset_free(dataset);
}

static void is_the_same_for_any_threads(void **state UNUSED)
{
	static const int threads[] = {2, 3, 8};
	struct dataset *dataset = make(20000, 12, 20, 9);
	struct oob *oob = oob_new(dataset, &(struct grow_settings){.seed = 1}, PILOT, 7000);
	struct oob_score one, other;
	struct grown grown;

	grow(dataset, PILOT, 2, 1, &grown);
	oob_score(oob, grown.trees, TREES, 1, &one);
	assert_true(one.slot_count <= 7000 && one.slot_count > 3000);
	for (size_t i = 0; i < 3; i++) {
		oob_score(oob, grown.trees, TREES, threads[i], &other);
		assert_memory_equal(&one.brier, &other.brier, sizeof(one.brier));
		assert_memory_equal(&one.log_loss, &other.log_loss, sizeof(one.log_loss));
		assert_memory_equal(one.losses, other.losses, one.slot_count * sizeof(*one.losses));
		assert_true(oob_standard_error(&one, &other) == 0);
		oob_score_release(&other);
	}
	oob_score_release(&one);
	grown_release(&grown);
	oob_free(oob);
	dataset_free(dataset);
}

/* Columns a, b and c decide the label, d has no say. */
static void misses_what_matters(void **state UNUSED)
{
	struct dataset *dataset = make(5000, 8, 0, 3);
	struct oob *oob = oob_new(dataset, &(struct grow_settings){.seed = 1}, 30, ALL);
	struct oob_score with, without[FEATURES];
	struct grown grown;

	grow(dataset, 30, 1, 1, &grown);
	oob_score(oob, grown.trees, 30, 1, &with);
	for (int f = 0; f < FEATURES; f++) {
		oob_score_without(oob, grown.trees, f, 30, 1, &without[f]);
		if (f < 3)
			assert_true(without[f].accuracy < with.accuracy - 0.05);
		else
			assert_true(fabs(without[f].accuracy - with.accuracy) < 0.02);
		assert_int_equal(without[f].rows, with.rows);
		oob_score_release(&without[f]);
	}
	oob_score_release(&with);
	grown_release(&grown);
	oob_free(oob);
	dataset_free(dataset);
}

static void takes_logarithms(void **state UNUSED)
{
	uint64_t random = 3;

	assert_true(oob_ln(1) == 0);
	for (int i = 0; i < 200000; i++) {
		double x = ldexp((double)(random_next(&random) >> 11), (int)random_below(&random, 60) - 80);
		double wanted = log(x), error = fabs(oob_ln(x) - wanted);

		if (x > 0 && error > 4.5e-16 * fmax(fabs(wanted), 1e-3))
			fail_msg("ln %.17g is %.17g, expected %.17g", x, oob_ln(x), wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_rows),
	    cmocka_unit_test(foresees_the_whole_forest),
	    cmocka_unit_test(is_the_same_for_any_threads),
	    cmocka_unit_test(is_the_same_everywhere),
	    cmocka_unit_test(misses_what_matters),
	    cmocka_unit_test(takes_logarithms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
