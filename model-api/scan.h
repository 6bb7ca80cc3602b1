#ifndef MODEL_API_SCAN_H
#define MODEL_API_SCAN_H

/*
 * The short way through POST /predict: bodies that are nothing but {"row":[1,2,3]} or {"rows":[[1,2,3],...]} in plain
 * integers, for a model of integers, go from bytes to keys without a JSON tree. What it takes, request.h takes with the
 * same keys (a test and a fuzz target compare them); whatever else it meets, valid or not, it leaves to that.
 */

#include <stdbool.h>
#include <stddef.h>

#include "model-api/encode.h"

struct scanned {
	size_t rows;
	bool single; /* "row" */
};

/* False: not this shape; encoded was made room in or not and is to be released either way. */
bool scan_body(const char *body, size_t size, const struct model *model, size_t max_rows, struct encoded *encoded,
	       struct scanned *scanned);

#endif
