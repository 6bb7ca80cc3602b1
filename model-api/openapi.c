#include "model-api/openapi.h"

/* The assembler takes the file in; C17 has no word for it. */
__asm__(".pushsection .rodata\n"
	"openapi_begin: .incbin \"docs/openapi.json\"\n"
	"openapi_end:\n"
	".popsection\n");
extern const char openapi_begin[], openapi_end[];

const char *openapi_json(size_t *size)
{
	*size = (size_t)(openapi_end - openapi_begin);
	return openapi_begin;
}
