#ifndef MODEL_TRAINING_FOREST_WRITE_H
#define MODEL_TRAINING_FOREST_WRITE_H

/*
 * A grown forest as the bytes of a model: docs/MODEL_FORMAT.md, read by common/forest.h. The bytes hold no time, host
 * or thread count and are the same for any number of threads.
 */

#include <stdint.h>

#include "common/digest.h"
#include "common/fail.h"
#include "common/text.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

enum { FOREST_WRITE_MAX_SIZE = 400000000 };

/* out: initialised with at least FOREST_WRITE_MAX_SIZE as its maximum. EXIT_FAILED when the model would be larger. */
bool forest_write(const struct dataset *dataset, const struct grown *grown, int threads, struct text *out,
		  struct fail *fail) MUST_USE;

/* The bytes that a tree will take in a model, at least, and *fixed, those of its thresholds and of the shares of its
 * leaves, which other trees have in common with it. */
uint64_t forest_write_estimate(const struct dataset *dataset, const struct tree *tree, uint64_t *fixed);

/* A leaf's draws as shares of 2^24 that sum to exactly 2^24: rounded down, and what is missing goes to the largest
 * remainders, equal ones to the lower class. */
void forest_write_shares(const uint32_t *draws, int class_count, uint32_t *shares);

/* The key between two neighbouring values: the floor, in keys, of their midpoint. */
int32_t forest_write_threshold(enum column_type type, int32_t left, int32_t right);

#endif
