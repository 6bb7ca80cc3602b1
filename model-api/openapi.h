#ifndef MODEL_API_OPENAPI_H
#define MODEL_API_OPENAPI_H

/* docs/openapi.json as it was when the program was built. */

#include <stddef.h>

const char *openapi_json(size_t *size);

#endif
