#ifndef MODEL_TRAINING_MARKS_H
#define MODEL_TRAINING_MARKS_H

/*
 * Which holdout rows a model predicts right, load by load, as bytes: green_ml.gate keeps them of every challenger. The
 * rows of a load never change, so a champion is only asked about the loads that came since it was the challenger.
 *
 *	marks_write(&rows, right, &text)
 *	marks_read(bytes, size, &rows, right, known)
 *
 * Bytes, little-endian, per load in the order of rows: u32 load, u32 rows, then a bit per row from the lowest on, 1 for
 * right.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/registry.h"
#include "common/text.h"

/* right: by row, 0 or 1. out: appended to. */
void marks_write(const struct feature_rows *rows, const uint8_t *right, struct text *out);

/* For the rows of each load that the bytes hold with as many rows: right[row] = 0 or 1, known[row] = 1. Nothing is done
 * to the others, nor from where the bytes are damaged on. */
void marks_read(const void *bytes, size_t size, const struct feature_rows *rows, uint8_t *right, uint8_t *known);

#endif
