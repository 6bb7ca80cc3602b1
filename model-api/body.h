#ifndef MODEL_API_BODY_H
#define MODEL_API_BODY_H

/* A request's body as JSON. Integers beyond 64 bits, as JavaScript writes 1e20, are read as the real numbers they are.
 */

#include <jansson.h>
#include <stddef.h>

#include "common/fail.h"

/* NULL on error. The caller owns the value: json_decref(). */
json_t *body_json(const char *body, size_t size, struct fail *fail) MUST_USE;

#endif
