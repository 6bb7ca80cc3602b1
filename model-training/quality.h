#ifndef MODEL_TRAINING_QUALITY_H
#define MODEL_TRAINING_QUALITY_H

/*
 * How good predictions are, gathered row by row.
 *
 *	struct quality *quality = quality_new(forest->class_count);
 *	quality_add(quality, label, predicted, scores, trees) ...
 *	quality_sum_up(quality, &summary);	the numbers of the whole
 *	json_t *json = quality_json(quality, forest->labels);	them and those by class
 *	quality_free(quality);
 *
 * With C[i][j] rows of true class i predicted as j, n rows in all:
 *	accuracy		sum C[k][k] / n, with Wilson's interval at 95 %
 *	precision, recall	C[k][k] / the rows predicted k, / the rows of k; 0 where there are none
 *	f1			2 C[k][k] / (rows predicted k + rows of k)
 *	balanced_accuracy	mean recall of the classes that occur
 *	macro_f1		mean f1 of the classes that occur or are predicted
 *	log_loss		mean of -ln p of the true class, p at least 1e-15
 *	brier			mean of sum_k (p_k - [true class is k])^2, 0..2 (Brier 1950)
 *	ece			sum over QUALITY_BINS equal bins of the largest p: share of the rows * |accuracy -
 *				mean p| (Naeini, Cooper, Hauskrecht 2015)
 *	majority_share		of the most frequent class: the accuracy of always guessing it
 * as scikit-learn's accuracy_score, precision_recall_fscore_support, balanced_accuracy_score, log_loss and
 * brier_score_loss define them. A label that the forest does not know is a class of its own that is never predicted.
 */

#include <jansson.h>
#include <stdint.h>

enum { QUALITY_BINS = 15, QUALITY_MATRIX_CLASSES = 50 };

struct quality;

struct quality *quality_new(int class_count);
void quality_free(struct quality *quality); /* NULL is fine */

/* label -1: not known. scores: the forest's sums (common/forest.h) over `trees` trees. */
void quality_add(struct quality *quality, int label, int predicted, const uint64_t *scores, int trees);

struct quality_summary {
	int64_t rows, right;
	double accuracy, accuracy_low, accuracy_high;
	double balanced_accuracy, macro_f1, log_loss, brier, ece;
	int majority_class; /* class_count: the unknown labels */
	double majority_share;
	int64_t unknown_labels;
};

/* With no rows every number is 0. */
void quality_sum_up(const struct quality *quality, struct quality_summary *summary);

/* {"rows", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece",
 * "majority_label", "majority_share", "unknown_labels", "classes": [{"label", "rows", "predicted", "right",
 * "precision", "recall", "f1"}], "confusion": [[...], ...] by true, then predicted class, up to QUALITY_MATRIX_CLASSES
 * of them}. With no rows all numbers are 0. The caller's. */
json_t *quality_json(const struct quality *quality, char *const *labels);

#endif
