#ifndef MODEL_API_REQUEST_H
#define MODEL_API_REQUEST_H

/*
 * The body of POST /predict: bytes from anywhere -> rows of keys for one model, or a sentence that says what is wrong
 * (EXIT_BAD_DATA, meant for the client). Pure: no network, no database, no clock.
 *
 *	struct request request;
 *	if (request_parse(body, size, &limits, &request, &fail)) {
 *		find the model for request.pipeline
 *		struct encoded encoded = {0};
 *		if (request_encode(&request, model, &encoded, &fail)) ...
 *		encoded_release(&encoded);
 *	}
 *	request_release(&request);
 *
 * The form is that of docs/API.md. Memory is bounded before the parser starts: nesting and the number of values are
 * counted in the bytes.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "model-api/encode.h"

struct request_limits {
	size_t max_rows;
	size_t max_columns; /* of the widest model */
	size_t max_others;  /* values besides those of the rows */
	int max_depth;	    /* of brackets */
};

/* Of POST /predict. */
enum { REQUEST_DEPTH = 3, REQUEST_OTHERS = 8 };

/* Depth and number of values, as far as brackets and commas tell; what is no JSON at all the parser finds. */
bool request_within_bounds(const char *body, size_t size, const struct request_limits *limits,
			   struct fail *fail) MUST_USE;

struct request {
	json_t *root;
	const json_t *row;  /* "row", or NULL */
	const json_t *rows; /* "rows", or NULL */
	size_t row_count;
	const char *pipeline; /* NULL: not named */
	bool probabilities;
};

/* On error there is nothing to release, but releasing does no harm. */
bool request_parse(const char *body, size_t size, const struct request_limits *limits, struct request *request,
		   struct fail *fail) MUST_USE;
void request_release(struct request *request);

bool request_encode(const struct request *request, const struct model *model, struct encoded *encoded,
		    struct fail *fail) MUST_USE;
#endif
