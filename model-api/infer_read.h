#ifndef MODEL_API_INFER_READ_H
#define MODEL_API_INFER_READ_H

/* The request of an inference: bytes to rows of keys for one model. Errors are EXIT_BAD_DATA and meant for the client.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "model-api/encode.h"
#include "model-api/tensor.h"

struct inference {
	json_t *root;
	const json_t *id;		/* NULL: none */
	bool prediction, probabilities; /* outputs wanted */
	struct tensor *tensors;
	size_t tensor_count;
	size_t rows;
	struct encoded encoded;
};

/* json_size <= size. inference is zeroed; release it in any case. */
bool inference_read(struct inference *inference, const struct model *model, const char *body, size_t size,
		    size_t json_size, size_t max_rows, struct fail *fail) MUST_USE;
void inference_release(struct inference *inference);

#endif
