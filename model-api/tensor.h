#ifndef MODEL_API_TENSOR_H
#define MODEL_API_TENSOR_H

/*
 * One input tensor of the Open Inference Protocol: name, datatype, shape and data, checked against each other. Data are
 * JSON values, flat or nested as the shape says, or bytes behind the JSON (the binary tensor data extension).
 *
 *	struct tensor tensor;
 *	if (tensor_take(&tensor, json, &binary, max_elements, &fail))
 *		tensor_value(&tensor, index, &value, &fail)		row-major, 0 .. tensor.count - 1
 *	tensor_release(&tensor);
 *
 * Errors are EXIT_BAD_DATA and meant for the client. Shapes never overflow: max_elements bounds their product.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "model-api/encode.h"

enum { TENSOR_MAX_DIMENSIONS = 4 };

/* What follows the JSON in the body; tensors take their share in order. */
struct binary {
	const char *data;
	size_t size;
};

struct datatype;

struct tensor {
	const char *name;
	const struct datatype *datatype;
	int dimensions;
	size_t shape[TENSOR_MAX_DIMENSIONS];
	size_t count;	       /* the shape's product */
	const json_t **values; /* count of them, or NULL: */
	const char *bytes;     /* fixed size per element, or each with its length of 4 bytes (BYTES) */
	struct value *texts;   /* of BYTES in bytes */
};

bool tensor_take(struct tensor *tensor, const json_t *json, struct binary *binary, size_t max_elements,
		 struct fail *fail) MUST_USE;
void tensor_release(struct tensor *tensor); /* zeroed storage is fine */
bool tensor_value(const struct tensor *tensor, size_t index, struct value *value, struct fail *fail) MUST_USE;

#endif
