#ifndef MODEL_API_INFER_H
#define MODEL_API_INFER_H

/*
 * The Open Inference Protocol (V2) without the network: what /v2 and /v2/models/... answer. Rows come as one tensor per
 * column, named as it, or as one tensor of rows times columns under any other name. Outputs: "prediction" and
 * "probabilities".
 */

#include <stddef.h>

#include "model-api/predict.h"

struct infer_call {
	const char *model;
	const char *version; /* NULL: the champion */
	const char *body;
	size_t size;
	size_t json_size; /* the rest of the body is binary tensor data */
};

void infer(const struct serving *serving, const struct infer_call *call, struct reply *reply);

void infer_server_metadata(struct reply *reply);
void infer_model_metadata(const struct champions *champions, const char *name, const char *version,
			  struct reply *reply);
void infer_model_ready(const struct champions *champions, const char *name, const char *version, struct reply *reply);

#endif
