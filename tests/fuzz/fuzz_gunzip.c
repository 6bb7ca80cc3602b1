/* gunzip: first byte = size of the pieces, then a stream that may be gzip. Pieces change nothing, the limit holds. */
#include <string.h>

#include "common/text.h"
#include "data-fetch/gunzip.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_OUT = 1 << 18 };

static bool sink(void *context, const char *data, size_t size, struct fail *fail)
{
	(void)fail;
	PROMISE(text_add(context, data, size));
	return true;
}

static void unpack(const char *data, size_t size, size_t piece, struct text *plain, struct fail *fail)
{
	const struct gunzip_limits limits = {.max_bytes = MAX_OUT, .max_ratio = 100};
	struct gunzip *gunzip;
	bool good = true;

	text_init(plain, MAX_OUT);
	gunzip = gunzip_new("fuzz.gz", &limits, sink, plain);
	for (size_t at = 0; good && at < size; at += piece)
		good = gunzip_feed(gunzip, data + at, size - at < piece ? size - at : piece, fail);
	good = good && gunzip_finish(gunzip, fail);
	PROMISE(good == (fail->code == 0));
	gunzip_free(gunzip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole, pieces;
	struct fail whole_fail = {0}, pieces_fail = {0};

	if (size < 1)
		return 0;
	unpack((const char *)data + 1, size - 1, size, &whole, &whole_fail);
	unpack((const char *)data + 1, size - 1, (size_t)data[0] + 1, &pieces, &pieces_fail);
	PROMISE(whole_fail.code == pieces_fail.code);
	PROMISE(whole_fail.code || (whole.size == pieces.size && memcmp(whole.data, pieces.data, whole.size) == 0));
	text_release(&whole);
	text_release(&pieces);
	return 0;
}
