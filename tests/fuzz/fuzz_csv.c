/* The CSV reader: first byte = size of the pieces, then the file. Pieces change nothing; the rows' raw bytes are the
 * file's, in order. */
#include <string.h>

#include "common/csv.h"
#include "common/text.h"
#include "tests/fuzz/fuzz.h"

struct sink {
	struct text rows;
	const char *file, *end;
};

static bool on_row(void *context, const struct csv_row *row, struct fail *fail)
{
	struct sink *sink = context;
	const char *at = memmem(sink->file, (size_t)(sink->end - sink->file), row->raw, row->raw_size);

	(void)fail;
	PROMISE(row->raw_size > 0 && row->raw_size <= CSV_MAX_ROW && at);
	sink->file = at + row->raw_size;
	text_printf(&sink->rows, "%lld %s", (long long)row->line, row->problem ? row->problem : "");
	for (int i = 0; !row->problem && i < row->count; i++) {
		text_printf(&sink->rows, "|%zu:", row->fields[i].size);
		text_add(&sink->rows, row->fields[i].data, row->fields[i].size);
	}
	return true;
}

static void read_all(const char *data, size_t size, size_t piece, struct text *rows, struct fail *fail)
{
	struct sink sink = {.file = data, .end = data + size};
	struct csv *csv = csv_new("fuzz.csv", on_row, &sink);
	bool good = true;

	text_init(&sink.rows, 1 << 26);
	for (size_t at = 0; good && at < size; at += piece)
		good = csv_feed(csv, data + at, size - at < piece ? size - at : piece, fail);
	good = good && csv_finish(csv, fail);
	PROMISE(good == (fail->code == 0));
	csv_free(csv);
	*rows = sink.rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole, pieces;
	struct fail whole_fail = {0}, pieces_fail = {0};

	if (size < 1)
		return 0;
	read_all((const char *)data + 1, size - 1, size, &whole, &whole_fail);
	read_all((const char *)data + 1, size - 1, (size_t)data[0] + 1, &pieces, &pieces_fail);
	PROMISE(whole.size == pieces.size && memcmp(whole.data, pieces.data, whole.size) == 0);
	PROMISE(strcmp(whole_fail.text, pieces_fail.text) == 0);
	text_release(&whole);
	text_release(&pieces);
	return 0;
}
