#ifndef MODEL_TRAINING_SCORE_H
#define MODEL_TRAINING_SCORE_H

/* How well a forest predicts rows whose labels are known. */

#include <stdint.h>

#include "common/forest.h"
#include "common/registry.h"
#include "model-training/quality.h"

struct score {
	int64_t rows, right;
	double accuracy, accuracy_low, accuracy_high; /* Wilson, 95 % */
	double log_loss;			      /* mean of -ln p of the true label, p at least 1e-15 */
	double macro_f1;       /* over labels that occur or are predicted; an unknown label counts with F1 = 0 */
	double majority_share; /* of the most frequent label: what always guessing it would reach */
	uint8_t *is_right;     /* by row */
	struct quality *quality;
};

/* With no rows every number is 0. */
void score_rows(const struct feature_rows *rows, const struct forest *forest, struct score *score);
void score_release(struct score *score);

/* Wilson's interval for k of n at 95 %. n = 0: 0..1. */
void score_wilson(int64_t right, int64_t rows, double *low, double *high);

#endif
