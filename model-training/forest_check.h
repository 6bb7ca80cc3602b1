#ifndef MODEL_TRAINING_FOREST_CHECK_H
#define MODEL_TRAINING_FOREST_CHECK_H

/*
 * Whether a model that was read back from its bytes is the forest that was grown. The checksum of the bytes only says
 * that they are those that were written. Of every tree: each split has its feature and a threshold between the two
 * values that it was grown to part, each leaf the shares of its draws.
 */

#include <stdbool.h>

#include "common/forest.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

bool forest_check(const struct dataset *dataset, const struct grown *grown, const struct forest *forest, int threads);

#endif
