#ifndef MODEL_TRAINING_OOB_H
#define MODEL_TRAINING_OOB_H

/*
 * The out-of-bag estimate: each row predicted by the trees that did not draw it (Breiman, Out-of-bag estimation, 1996).
 * It reads the training set only, never the holdout.
 *
 *	struct oob *oob = oob_new(dataset, settings, tree_count, max_slots);	as they are grown (grow.h)
 *	struct oob_score score;
 *	oob_score(oob, grown.trees, whole, threads, &score);	the first tree_count trees of those settings
 *	oob_score(oob, others.trees, whole, threads, &other);	another forest on the same draws: row by row comparable
 *	oob_score_release(&score);
 *	oob_free(oob);
 *
 * On slots: which of a slot's c rows the m draws of tree t hit is not known, but each of them is missed with
 * probability q_ts = (1 - 1/c)^m (0^0 = 1), so that w_ts = c q_ts of the rows are expected to be out of the bag. The
 * slot's prediction is p_s = sum_t w_ts p_ts / sum_t w_ts; for slots of one row that is the estimate by rows. log_loss
 * is the mean of -ln p_s[label], p at least OOB_LEAST_PROBABILITY, each slot with its c rows, over the slots that any
 * tree has left out; accuracy likewise.
 *
 * A few trees judge badly how many will do: of 10 trees a row is left out by 3.7, and the smaller the leaves, the more
 * the average of 3.7 trees varies around that of 100. For the Brier score, sum_k (p_k - [label = k])^2, this part is
 * known: the average of n independent predictions of variance s^2 scores s^2 (1/n - 1/T) worse than that of T. `brier`
 * is the expected score of a forest of `whole` trees, estimated from those given: |u - y|^2 - v + s^2 / whole, where v,
 * the variance of p_s, is sum w^2 |p_ts - p_s|^2 / (sum w)^2, and s^2 = sum w |p_ts - p_s|^2 / sum w, both times n / (n
 *- 1) with n = (sum w)^2 / sum w^2; and u = p_s + sum w^2 (p_ts - p_s) / (sum w)^2 takes the bias of a ratio of sums
 * out of p_s (Cochran, Sampling Techniques, 1977, 6.8): trees that drew many of a slot's rows know its label and weigh
 * little. For slots of one row u = p_s, and v and s^2 are the unbiased sample variances. The score is taken over the
 * slots with n >= 2; those of one row get the weight 1 / (the probability of n >= 2), as fewer of them have it.
 *
 * More than max_slots slots: every n-th of them is taken, n the smallest number that suffices. They are sorted by their
 * codes, so this is a systematic sample.
 *
 * The same numbers on every machine and for any number of threads: each slot's sums are taken in the order of the
 * trees, the slots' in the order of slots, with +, -, * and / of IEEE doubles only (the build forbids contraction), and
 * the logarithm is this module's own, of the same four operations, not libm's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model-training/dataset.h"
#include "model-training/grow.h"
#include "model-training/tree.h"

#define OOB_LEAST_PROBABILITY 1e-6

struct oob;

/* Of settings matter the first tree's number, the seed and how much a tree draws. */
struct oob *oob_new(const struct dataset *dataset, const struct grow_settings *settings, int tree_count,
		    uint32_t max_slots);
void oob_free(struct oob *oob); /* NULL is fine */

struct oob_score {
	uint32_t slot_count; /* looked at */
	int64_t rows;	     /* of those slots that a tree has left out */
	double log_loss, accuracy;
	double brier_rows; /* of those that at least two have: the sum of weights */
	double brier;
	double *losses;	 /* by slot looked at: its Brier score */
	double *weights; /* its rows; 0: it has no score */
};

void oob_score(const struct oob *oob, const struct tree *trees, int whole, int threads, struct oob_score *score);
/* With a feature's values taken from other rows, drawn at random, as permutation importance wants it. */
void oob_score_without(const struct oob *oob, const struct tree *trees, int feature, int whole, int threads,
		       struct oob_score *score);
void oob_score_release(struct oob_score *score);

/* Of the difference a - b of the Brier scores of two forests on the same draws, as if the rows were independent. */
double oob_standard_error(const struct oob_score *a, const struct oob_score *b);

/* ln x for finite x > 0, within 2 units in the last place. */
double oob_ln(double x);

#endif
