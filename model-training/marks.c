#include "model-training/marks.h"

#include "common/banned.h"
#include "model-training/bytes.h"

/* The first row after those of the load that begins here. */
static int64_t end_of_load(const struct feature_rows *rows, int64_t first)
{
	int64_t end = first + 1;

	while (end < rows->count && rows->load_id[end] == rows->load_id[first])
		end++;
	return end;
}

void marks_write(const struct feature_rows *rows, const uint8_t *right, struct text *out)
{
	for (int64_t first = 0, end; first < rows->count; first = end) {
		end = end_of_load(rows, first);
		bytes_u32(out, (uint32_t)rows->load_id[first]);
		bytes_u32(out, (uint32_t)(end - first));
		for (int64_t row = first; row < end; row += 8) {
			unsigned byte = 0;

			for (int64_t i = row; i < row + 8 && i < end; i++)
				byte |= (unsigned)(right[i] != 0) << (i - row);
			bytes_u8(out, (uint8_t)byte);
		}
	}
}

static void take_load(const unsigned char *bits, int64_t first, int64_t end, uint8_t *right, uint8_t *known)
{
	for (int64_t i = 0; i < end - first; i++) {
		right[first + i] = bits[i / 8] >> (i % 8) & 1;
		known[first + i] = 1;
	}
}

/* Both are in order of loads. */
void marks_read(const void *bytes, size_t size, const struct feature_rows *rows, uint8_t *right, uint8_t *known)
{
	struct bytes_reader reader = {.at = bytes, .left = size};
	int64_t first = 0;

	while (reader.left > 0) {
		int32_t load = (int32_t)bytes_take_u32(&reader);
		uint32_t count = bytes_take_u32(&reader);
		size_t bits = ((size_t)count + 7) / 8;

		if (reader.bad || bits > reader.left)
			return;
		while (first < rows->count && rows->load_id[first] < load)
			first++;
		if (first < rows->count && rows->load_id[first] == load &&
		    end_of_load(rows, first) - first == (int64_t)count)
			take_load(reader.at, first, first + (int64_t)count, right, known);
		reader.at += bits;
		reader.left -= bits;
	}
}
