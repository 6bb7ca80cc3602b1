#include "model-training/oob.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/bootstrap.h"
#include "model-training/parallel.h"
#include "model-training/random.h"
#include "model-training/walk.h"

enum {
	BLOCK_SLOTS = 2048, /* whose sums are kept at a time, fewer where there are many classes */
	BLOCK_SUMS = 1 << 16,
};

struct oob {
	const struct dataset *dataset;
	uint64_t seed;
	int tree_count;
	uint32_t stride, slot_count;
	double scale;	 /* of the weight of a slot of one row, for those that fewer than two trees have left out */
	uint16_t *codes; /* by slot looked at, then feature */
	float *weights;	 /* by tree, then slot looked at: w_ts */
};

/* ------------------------------------------------------------------ arithmetic */

/* ln(m 2^e) = e ln 2 + 2 atanh((m - 1) / (m + 1)) with m in sqrt(1/2) .. sqrt(2), atanh by its series. */
double oob_ln(double x)
{
	static const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
	int exponent;
	double m = frexp(x, &exponent), z, square, sum = 0;

	if (m < 0.70710678118654752) {
		m *= 2;
		exponent--;
	}
	z = (m - 1) / (m + 1);
	square = z * z;
	for (int i = 23; i >= 3; i -= 2)
		sum = (sum + 1.0 / i) * square;
	return exponent * ln2_high + (2 * z + (2 * z * sum + exponent * ln2_low));
}

static double power(double base, uint32_t exponent)
{
	double result = 1;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			result *= base;
		base *= base;
	}
	return result;
}

/* c (1 - 1/c)^m */
static float out_of_bag(uint32_t rows, uint32_t draws)
{
	if (rows == 1)
		return draws == 0;
	return (float)(rows * power(1 - 1.0 / rows, draws));
}

/* ------------------------------------------------------------------ the draws */

/* 1 / (the probability that at least two of the trees leave a certain row out). */
static double scale_of_single_rows(int64_t rows, uint64_t draws, int trees)
{
	double out = power(1 - 1.0 / (double)rows, (uint32_t)draws), in = 1 - out;

	return trees < 2 ? 1 : 1 / (1 - power(in, (uint32_t)trees) - trees * out * power(in, (uint32_t)trees - 1));
}

static void take_codes(struct oob *oob)
{
	int features = oob->dataset->feature_count;

	oob->codes = xcalloc((size_t)oob->slot_count * (size_t)features, sizeof(*oob->codes));
	for (int f = 0; f < features; f++) {
		const uint16_t *from = oob->dataset->features[f].codes;
		uint16_t *to = oob->codes + f;

		for (uint32_t i = 0; i < oob->slot_count; i++, to += features)
			*to = from[(size_t)i * oob->stride];
	}
}

struct oob *oob_new(const struct dataset *dataset, const struct grow_settings *settings, int tree_count,
		    uint32_t max_slots)
{
	struct oob *oob = xcalloc(1, sizeof(*oob));
	struct bootstrap *bootstrap = grow_bootstrap(dataset, settings);
	uint32_t *draws = xcalloc(dataset->slot_count, sizeof(*draws));

	oob->dataset = dataset;
	oob->seed = settings->seed;
	oob->tree_count = tree_count;
	oob->stride = (dataset->slot_count - 1) / max_slots + 1;
	oob->slot_count = (dataset->slot_count - 1) / oob->stride + 1;
	oob->scale = scale_of_single_rows(dataset->row_count, bootstrap_draws(bootstrap), tree_count);
	take_codes(oob);
	oob->weights = xcalloc((size_t)tree_count * oob->slot_count, sizeof(*oob->weights));
	for (int t = 0; t < tree_count; t++) {
		float *weights = oob->weights + (size_t)t * oob->slot_count;

		bootstrap_draw(bootstrap, settings->seed, (uint32_t)(settings->first_tree + t), draws);
		for (uint32_t i = 0; i < oob->slot_count; i++)
			weights[i] =
			    out_of_bag(dataset->counts[(size_t)i * oob->stride], draws[(size_t)i * oob->stride]);
	}
	free(draws);
	bootstrap_free(bootstrap);
	return oob;
}

void oob_free(struct oob *oob)
{
	if (!oob)
		return;
	free(oob->codes);
	free(oob->weights);
	free(oob);
}

/* ------------------------------------------------------------------ down the trees */

struct scoring {
	const struct oob *oob;
	const struct tree *trees;
	struct walk *walks; /* by tree */
	const uint16_t *codes;
	uint32_t block_slots;
	int whole;
	struct oob_score *score;
	double *log_losses; /* by slot looked at; negative: no tree has left it out */
	uint8_t *right;	    /* by slot looked at */
};

/* What is summed up of a slot over the trees: classes + 2 numbers with its weights w, then as many with w^2: shares by
 * class, their squares' sum, 1. */
static size_t sums_of_slot(const struct oob *oob)
{
	return 2 * ((size_t)oob->dataset->class_count + 2);
}

static void add_leaf(const struct walk *walk, uint32_t leaf, double weight, size_t width, double *sum)
{
	const struct distributions *leaves = walk->leaves;
	double *square = sum + width, square_weight = weight * weight;

	for (size_t i = distributions_begin(leaves, leaf); i < leaves->ends[leaf]; i++) {
		sum[leaves->cells[i].class] += weight * walk->shares[i];
		square[leaves->cells[i].class] += square_weight * walk->shares[i];
	}
	sum[width - 2] += weight * walk->squares[leaf];
	square[width - 2] += square_weight * walk->squares[leaf];
	sum[width - 1] += weight;
	square[width - 1] += square_weight;
}

/* Adds one tree's word on the slots `first + picked[...]` to their sums. */
static void add_tree(const struct scoring *scoring, int t, uint32_t first, const uint32_t *picked, uint32_t count,
		     double *sums)
{
	const struct oob *oob = scoring->oob;
	const struct tree *tree = &scoring->trees[t];
	const struct walk *walk = &scoring->walks[t];
	const float *weights = oob->weights + (size_t)t * oob->slot_count + first;
	size_t width = sums_of_slot(oob) / 2, features = (size_t)oob->dataset->feature_count;

	for (uint32_t i = 0; i < count; i += WALK_LANES) {
		const uint16_t *rows[WALK_LANES];
		uint32_t at[WALK_LANES];

		for (uint32_t lane = 0; lane < WALK_LANES; lane++)
			rows[lane] =
			    scoring->codes + (first + picked[i + lane < count ? i + lane : count - 1]) * features;
		walk_leaves(walk, rows, at);
		for (uint32_t lane = 0; lane < WALK_LANES && i + lane < count; lane++)
			add_leaf(walk, tree->nodes[at[lane]].distribution, (double)weights[picked[i + lane]], width,
				 sums + (size_t)picked[i + lane] * 2 * width);
	}
}

/* The Brier score of the whole forest: see oob.h. */
static double extrapolate(const struct scoring *scoring, const double *sum, int label)
{
	int classes = scoring->oob->dataset->class_count;
	const double *square = sum + classes + 2;
	double weight = sum[classes + 1], squares = square[classes + 1], few = weight / (weight - squares / weight);
	double plain = 0, crossed = 0, unbiased = 0, of_label = 0, by_weight, of_mean;

	for (int k = 0; k < classes; k++) {
		double p = sum[k] / weight, u = p + (square[k] - squares * p) / (weight * weight);

		plain += p * p;
		crossed += p * square[k];
		unbiased += u * u;
		of_label = k == label ? u : of_label;
	}
	by_weight = (sum[classes] / weight - plain) * few;
	of_mean = (square[classes] - 2 * crossed + squares * plain) / (weight * weight) * few;
	return unbiased - 2 * of_label + 1 - of_mean + by_weight / scoring->whole;
}

static void judge(const struct scoring *scoring, uint32_t i, const double *sum)
{
	const struct oob *oob = scoring->oob;
	size_t slot = (size_t)i * oob->stride;
	int classes = oob->dataset->class_count, label = oob->dataset->classes[slot], predicted = 0;
	double weight = sum[classes + 1], p;

	scoring->log_losses[i] = -1;
	if (weight <= 0)
		return;
	for (int k = 1; k < classes; k++)
		if (sum[k] > sum[predicted])
			predicted = k;
	p = sum[label] / weight;
	scoring->log_losses[i] = -oob_ln(p < OOB_LEAST_PROBABILITY ? OOB_LEAST_PROBABILITY : p < 1 ? p : 1);
	scoring->right[i] = predicted == label;
	if (weight * weight >= 2 * sum[2 * classes + 3]) {
		scoring->score->losses[i] = extrapolate(scoring, sum, label);
		scoring->score->weights[i] =
		    oob->dataset->counts[slot] == 1 ? oob->scale : (double)oob->dataset->counts[slot];
	}
}

static void score_blocks(struct parallel_counter *counter, void *context)
{
	const struct scoring *scoring = context;
	const struct oob *oob = scoring->oob;
	size_t width = sums_of_slot(oob);
	double *sums = xcalloc(scoring->block_slots, width * sizeof(*sums));
	uint32_t *picked = xcalloc(scoring->block_slots, sizeof(*picked));
	int block;

	while ((block = parallel_next(counter)) >= 0) {
		uint32_t first = (uint32_t)block * scoring->block_slots, count = oob->slot_count - first;

		count = count < scoring->block_slots ? count : scoring->block_slots;
		memset(sums, 0, count * width * sizeof(*sums));
		for (int t = 0; t < oob->tree_count; t++) {
			const float *weights = oob->weights + (size_t)t * oob->slot_count + first;
			uint32_t picked_count = 0;

			for (uint32_t i = 0; i < count; i++) {
				picked[picked_count] = i;
				picked_count += weights[i] > 0;
			}
			add_tree(scoring, t, first, picked, picked_count, sums);
		}
		for (uint32_t i = 0; i < count; i++)
			judge(scoring, first + i, sums + i * width);
	}
	free(sums);
	free(picked);
}

/* ------------------------------------------------------------------ the score */

static void sum_up(const struct scoring *scoring, struct oob_score *score)
{
	const struct oob *oob = scoring->oob;
	double log_loss = 0, brier = 0;
	int64_t right = 0;

	for (uint32_t i = 0; i < score->slot_count; i++) {
		uint32_t rows = oob->dataset->counts[(size_t)i * oob->stride];

		if (scoring->log_losses[i] >= 0) {
			score->rows += rows;
			log_loss += rows * scoring->log_losses[i];
			right += scoring->right[i] ? rows : 0;
		}
		score->brier_rows += score->weights[i];
		brier += score->weights[i] * score->losses[i];
	}
	if (score->rows > 0) {
		score->log_loss = log_loss / (double)score->rows;
		score->accuracy = (double)right / (double)score->rows;
	}
	if (score->brier_rows > 0)
		score->brier = brier / score->brier_rows;
}

static void score_codes(const struct oob *oob, const struct tree *trees, const uint16_t *codes, int whole, int threads,
			struct oob_score *score)
{
	uint32_t fit = BLOCK_SUMS / (uint32_t)sums_of_slot(oob);
	struct scoring scoring = {.oob = oob,
				  .trees = trees,
				  .walks = xcalloc((size_t)oob->tree_count, sizeof(*scoring.walks)),
				  .codes = codes,
				  .block_slots = fit > BLOCK_SLOTS ? BLOCK_SLOTS : fit,
				  .whole = whole,
				  .score = score,
				  .log_losses = xcalloc(oob->slot_count, sizeof(*scoring.log_losses)),
				  .right = xcalloc(oob->slot_count, 1)};

	*score = (struct oob_score){.slot_count = oob->slot_count,
				    .losses = xcalloc(oob->slot_count, sizeof(*score->losses)),
				    .weights = xcalloc(oob->slot_count, sizeof(*score->weights))};
	for (int t = 0; t < oob->tree_count; t++)
		walk_init(oob->dataset, &trees[t], &scoring.walks[t]);
	parallel_run((int)((oob->slot_count - 1) / scoring.block_slots + 1), threads, score_blocks, &scoring);
	sum_up(&scoring, score);
	for (int t = 0; t < oob->tree_count; t++)
		walk_release(&scoring.walks[t]);
	free(scoring.walks);
	free(scoring.log_losses);
	free(scoring.right);
}

void oob_score(const struct oob *oob, const struct tree *trees, int whole, int threads, struct oob_score *score)
{
	score_codes(oob, trees, oob->codes, whole, threads, score);
}

/* Each slot gets the value of a row drawn at random: a permutation of the rows in expectation. */
void oob_score_without(const struct oob *oob, const struct tree *trees, int feature, int whole, int threads,
		       struct oob_score *score)
{
	size_t features = (size_t)oob->dataset->feature_count, size = oob->slot_count * features;
	const struct dataset_feature *column = &oob->dataset->features[feature];
	uint16_t *codes = xcalloc(size, sizeof(*codes));
	uint64_t random = random_tree_state(~oob->seed, (uint64_t)feature);
	int64_t *below = xcalloc((size_t)column->value_count, sizeof(*below)), rows = 0;

	for (int v = 0; v < column->value_count; v++)
		below[v] = rows += column->rows[v];
	memcpy(codes, oob->codes, size * sizeof(*codes));
	for (uint32_t i = 0; i < oob->slot_count; i++) {
		int64_t row = (int64_t)random_below(&random, (uint32_t)rows);
		int low = 0, high = column->value_count - 1;

		while (low < high) {
			int middle = (low + high) / 2;

			if (row < below[middle])
				high = middle;
			else
				low = middle + 1;
		}
		codes[i * features + (size_t)feature] = (uint16_t)low;
	}
	score_codes(oob, trees, codes, whole, threads, score);
	free(below);
	free(codes);
}

void oob_score_release(struct oob_score *score)
{
	free(score->losses);
	free(score->weights);
	*score = (struct oob_score){0};
}

double oob_standard_error(const struct oob_score *a, const struct oob_score *b)
{
	double mean = a->brier - b->brier, squares = 0;

	if (a->brier_rows <= 0)
		return 0;
	for (uint32_t i = 0; i < a->slot_count; i++) {
		double beyond = a->losses[i] - b->losses[i] - mean;

		squares += a->weights[i] * beyond * beyond;
	}
	return sqrt(squares) / a->brier_rows;
}
