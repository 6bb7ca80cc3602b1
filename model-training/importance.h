#ifndef MODEL_TRAINING_IMPORTANCE_H
#define MODEL_TRAINING_IMPORTANCE_H

/*
 * What each feature contributes to a forest.
 *
 * Impurity importance (Breiman et al., Classification and Regression Trees, 1984): a split lowers the Gini impurity of
 * its n draws by n i - n_left i_left - n_right i_right; a feature's importance in a tree is the sum over the splits on
 * it, divided by that over all splits; in a forest the mean over the trees that split at all, made to sum to 1. It is
 * scikit-learn's feature_importances_. It costs about 10 ns a node, but it is measured on the rows the forest was grown
 * from and favours features of many values.
 *
 * Permutation importance (Breiman, Random Forests, 2001) does neither: how much the out-of-bag accuracy, and the log
 * loss, get worse when the feature's values are taken from other rows (oob.h). It costs a walk of all trees for each
 * feature, here on at most IMPORTANCE_MAX_SLOTS slots.
 */

#include <jansson.h>
#include <stdint.h>

#include "model-training/dataset.h"
#include "model-training/grow.h"

enum { IMPORTANCE_MAX_SLOTS = 10000, IMPORTANCE_OOB_SLOTS = 200000 };

/* by_feature: feature_count numbers, overwritten. */
void importance_of_impurity(const struct dataset *dataset, const struct grown *grown, int threads, double *by_feature);

/* {"oob": {"rows", "accuracy", "log_loss", "brier"}, "permutation": [{"column", "accuracy_drop", "log_loss_rise"}]} of
 * all trees with draws of a forest that was grown so, in the order of features. The caller's. */
json_t *importance_of_permutation(const struct dataset *dataset, const struct grown *grown,
				  const struct grow_settings *settings);

#endif
