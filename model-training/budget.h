#ifndef MODEL_TRAINING_BUDGET_H
#define MODEL_TRAINING_BUDGET_H

/*
 * Growing a forest that is to become a model, unless it would become too large: the trees of a forest are about equally
 * large, so the first one tells what all of them will take, before hours are spent on them.
 *
 * settings: the trees that are still to be grown; they are joined to those that *grown holds, which may be none. whole:
 * how many trees the model will have. Where many trees of many rows are to be grown and *grown is empty, the first is
 * grown by itself.
 *
 * EXIT_FAILED: the model would be larger than FOREST_WRITE_MAX_SIZE, or the trees than the memory that is left
 * (common/memory.h); the message says what to change. *grown is to be released in any case.
 */

#include "common/fail.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

/* About the bytes that a model of `whole` trees like the first of *grown will have; 0: too few to matter. A tree is
 * grown when there is none yet and, as above, many are to be. It depends on training set and settings only. */
uint64_t budget_model_bytes(const struct dataset *dataset, const struct grow_settings *settings, int whole,
			    struct grown *grown);
bool budget_grow(const struct dataset *dataset, const struct grow_settings *settings, int whole, struct grown *grown,
		 struct fail *fail) MUST_USE;

#endif
