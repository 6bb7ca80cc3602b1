#ifndef MODEL_TRAINING_ONNX_H
#define MODEL_TRAINING_ONNX_H

/*
 * A forest as an ONNX model (IR version 8, opsets ai.onnx 17 and ai.onnx.ml 3) for other programs to run.
 *
 *	struct text bytes;
 *	text_init(&bytes, ONNX_MAX_SIZE);
 *	onnx_write(forest, &bytes, &fail)
 *
 * Inputs, one per feature, named as its column, of shape [rows, 1]: integer columns int64, real ones float, texts
 * string. Outputs: "label" (int64 when every label is an integer, else string) and "probabilities" (float, [rows,
 * classes], in the order of the forest's labels); an underscore is added where a column has that name.
 *
 * Texts pass a LabelEncoder that gives each its key and every unseen one the most frequent value's, as the forest does.
 * Then all is cast to double and goes through one TreeEnsembleClassifier whose thresholds are the forest's, as numbers.
 *
 * Precision: thresholds and weights are stored as double, because a float cannot hold every int32 and a sum of floats
 * over many trees would be off by more than 1e-6. With more than two classes a weight is the leaf's share, a multiple
 * of 2^-24: sums are exact, so the label is the forest's, ties too, and the probability is the sum, rounded to float,
 * divided by the number of trees. Of two classes the operator takes the second one's weights alone and answers it when
 * their sum is above 0.5; a weight is share / trees, less the 2^-45th of it, so that rounding never lifts a tie above
 *0.5. Either way a probability differs from the forest's by less than 2e-7.
 */

#include <stdbool.h>

#include "common/fail.h"
#include "common/forest.h"
#include "common/text.h"

#define ONNX_MAX_SIZE ((size_t)0x7fffffff) /* of a protobuf message */

/* EXIT_FAILED when the model would be larger than out's maximum. */
bool onnx_write(const struct forest *forest, struct text *out, struct fail *fail) MUST_USE;

#endif
