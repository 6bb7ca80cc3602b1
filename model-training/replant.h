#ifndef MODEL_TRAINING_REPLANT_H
#define MODEL_TRAINING_REPLANT_H

/*
 * A stored model's trees in the codes of the training set it was grown from, for whatever walks that set (oob.h). Their
 * draws are the model's shares of 2^24 (common/forest.h).
 */

#include "common/fail.h"
#include "common/forest.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

/* EXIT_FAILED: the model was not grown from this training set. Then grown_release(). */
bool replant(const struct forest *forest, const struct dataset *dataset, struct grown *grown,
	     struct fail *fail) MUST_USE;

#endif
