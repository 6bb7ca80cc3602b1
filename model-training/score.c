#include "model-training/score.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

#define NORMAL_95 1.959963984540054
#define LEAST_PROBABILITY 1e-15

void score_wilson(int64_t right, int64_t rows, double *low, double *high)
{
	double n = (double)rows, p = n > 0 ? (double)right / n : 0, z2 = NORMAL_95 * NORMAL_95;
	double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
	double half = NORMAL_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));

	*low = rows > 0 ? fmax(middle - half, 0) : 0;
	*high = rows > 0 ? fmin(middle + half, 1) : 1;
}

/* Counts by class; the last place is for labels that the forest does not know. */
struct tally {
	int64_t *true_rows, *predicted, *right;
};

static void take_rows(const struct feature_rows *rows, const struct forest *forest, struct tally *tally,
		      struct score *score)
{
	static const double ln_floor = 34.538776394910684; /* -ln 1e-15 */
	size_t classes = (size_t)forest->class_count;
	uint16_t *predicted = xcalloc((size_t)rows->count, sizeof(*predicted));
	uint64_t *scores = xcalloc((size_t)rows->count * classes, sizeof(*scores));

	feature_rows_predict(rows, forest, predicted, scores);
	for (int64_t i = 0; i < rows->count; i++) {
		int label = rows->label[i] < 0 ? forest->class_count : rows->label[i];
		double p = label < forest->class_count
			       ? forest_probability(forest, scores[(size_t)i * classes + (size_t)label])
			       : 0;

		score->log_loss += p > LEAST_PROBABILITY ? -log(p) : ln_floor;
		score->is_right[i] = label == predicted[i];
		score->right += label == predicted[i];
		tally->true_rows[label]++;
		tally->predicted[predicted[i]]++;
		tally->right[predicted[i]] += label == predicted[i];
	}
	free(predicted);
	free(scores);
}

static void summarize(const struct tally *tally, int class_count, struct score *score)
{
	int64_t most = 0;
	int seen = 0;

	for (int k = 0; k <= class_count; k++) {
		int64_t either = tally->true_rows[k] + tally->predicted[k];

		most = tally->true_rows[k] > most ? tally->true_rows[k] : most;
		if (either == 0)
			continue;
		seen++;
		score->macro_f1 += 2 * (double)tally->right[k] / (double)either;
	}
	if (seen == 0)
		return;
	score->macro_f1 /= seen;
	score->log_loss /= (double)score->rows;
	score->accuracy = (double)score->right / (double)score->rows;
	score->majority_share = (double)most / (double)score->rows;
	score_wilson(score->right, score->rows, &score->accuracy_low, &score->accuracy_high);
}

void score_rows(const struct feature_rows *rows, const struct forest *forest, struct score *score)
{
	size_t places = (size_t)forest->class_count + 1;
	int64_t *counts = xcalloc(3 * places, sizeof(*counts));
	struct tally tally = {counts, counts + places, counts + 2 * places};

	*score = (struct score){.rows = rows->count, .is_right = xcalloc((size_t)rows->count, 1)};
	take_rows(rows, forest, &tally, score);
	summarize(&tally, forest->class_count, score);
	free(counts);
}

void score_release(struct score *score)
{
	free(score->is_right);
	*score = (struct score){0};
}
