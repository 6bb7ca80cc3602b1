/* Pipeline specs. What is stored of an accepted one is accepted again and says the same. */
#include <string.h>

#include "common/spec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec, again;
	struct fail fail = {0};

	if (!spec_parse("fuzz.json", (const char *)data, size, NULL, &spec, &fail)) {
		PROMISE(fail.code == EXIT_WRONG_USE && fail.text[0]);
		return 0;
	}
	PROMISE(spec_parse("stored.json", spec.json, strlen(spec.json), NULL, &again, &fail));
	PROMISE(strcmp(spec.json, again.json) == 0 && strcmp(spec.holdout_limit, again.holdout_limit) == 0);
	spec_release(&again);
	spec_release(&spec);
	return 0;
}
