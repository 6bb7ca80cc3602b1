#include "model-training/score.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

#define NORMAL_95 1.959963984540054

void score_wilson(int64_t right, int64_t rows, double *low, double *high)
{
	double n = (double)rows, p = n > 0 ? (double)right / n : 0, z2 = NORMAL_95 * NORMAL_95;
	double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
	double half = NORMAL_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));

	*low = rows > 0 ? fmax(middle - half, 0) : 0;
	*high = rows > 0 ? fmin(middle + half, 1) : 1;
}

static void take_rows(const struct feature_rows *rows, const struct forest *forest, struct score *score)
{
	size_t classes = (size_t)forest->class_count;
	uint16_t *predicted = xcalloc((size_t)rows->count, sizeof(*predicted));
	uint64_t *scores = xcalloc((size_t)rows->count * classes, sizeof(*scores));

	feature_rows_predict(rows, forest, predicted, scores);
	for (int64_t i = 0; i < rows->count; i++) {
		quality_add(score->quality, rows->label[i], predicted[i], scores + (size_t)i * classes,
			    forest->tree_count);
		score->is_right[i] = rows->label[i] == predicted[i];
	}
	free(predicted);
	free(scores);
}

void score_rows(const struct feature_rows *rows, const struct forest *forest, struct score *score)
{
	struct quality_summary sum;

	*score =
	    (struct score){.is_right = xcalloc((size_t)rows->count, 1), .quality = quality_new(forest->class_count)};
	take_rows(rows, forest, score);
	quality_sum_up(score->quality, &sum);
	score->rows = sum.rows;
	score->right = sum.right;
	score->accuracy = sum.accuracy;
	score->accuracy_low = sum.accuracy_low;
	score->accuracy_high = sum.accuracy_high;
	score->log_loss = sum.log_loss;
	score->macro_f1 = sum.macro_f1;
	score->majority_share = sum.majority_share;
}

void score_release(struct score *score)
{
	free(score->is_right);
	quality_free(score->quality);
	*score = (struct score){0};
}
