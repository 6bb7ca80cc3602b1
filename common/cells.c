#include "common/cells.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { MAGIC_SIZE = 4, HEAD_SIZE = MAGIC_SIZE + 4 + 2, COLUMN_HEAD_SIZE = 5, MAX_BLOCK_CELLS = 65536 };
static const char magic[] = "GMC1";

void cells_init(struct cells *cells, int columns)
{
	*cells = (struct cells){.columns = columns};
}

static void make_room(struct cells *cells, int64_t more)
{
	int64_t capacity = cells->capacity ? cells->capacity : 1024;

	if (cells->count + more <= cells->capacity)
		return;
	while (capacity < cells->count + more)
		capacity *= 2;
	cells->values = xreallocarray(cells->values, (size_t)capacity * (size_t)cells->columns, sizeof(*cells->values));
	cells->counts = xreallocarray(cells->counts, (size_t)capacity, sizeof(*cells->counts));
	cells->capacity = capacity;
}

void cells_add(struct cells *cells, const int32_t *values, int32_t count)
{
	make_room(cells, 1);
	memcpy(cells->values + cells->count * cells->columns, values, (size_t)cells->columns * sizeof(*values));
	cells->counts[cells->count++] = count;
}

void cells_clear(struct cells *cells)
{
	cells->count = 0;
}

void cells_release(struct cells *cells)
{
	free(cells->values);
	free(cells->counts);
	*cells = (struct cells){0};
}

int64_t cells_block_max(int columns)
{
	int64_t most = CELLS_BLOCK_MAX_SIZE / (4 * ((int64_t)columns + 1)) - 64;

	return most < MAX_BLOCK_CELLS ? most : MAX_BLOCK_CELLS;
}

/* ------------------------------------------------------------------ writing */

static void put(unsigned char *to, uint32_t value, int width)
{
	for (int i = 0; i < width; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

/* One column: `from` is its first cell's value, the next cells' are `stride` further each. */
static void pack_column(const int32_t *from, int stride, int64_t count, struct text *out)
{
	unsigned char head[COLUMN_HEAD_SIZE], piece[1024];
	int32_t low = count ? from[0] : 0, high = low;
	size_t used = 0;
	uint32_t range;
	int width;

	for (int64_t i = 1; i < count; i++) {
		int32_t value = from[i * stride];

		low = value < low ? value : low;
		high = value > high ? value : high;
	}
	range = (uint32_t)high - (uint32_t)low;
	width = range == 0 ? 0 : range < 1u << 8 ? 1 : range < 1u << 16 ? 2 : 4;
	put(head, (uint32_t)low, 4);
	head[4] = (unsigned char)width;
	text_add(out, head, sizeof(head));
	for (int64_t i = 0; width && i < count; i++) {
		put(piece + used, (uint32_t)from[i * stride] - (uint32_t)low, width);
		used += (size_t)width;
		if (used == sizeof(piece) || i + 1 == count) {
			text_add(out, piece, used);
			used = 0;
		}
	}
}

void cells_pack(const struct cells *cells, int64_t first, int64_t count, struct text *out)
{
	unsigned char head[HEAD_SIZE];

	memcpy(head, magic, MAGIC_SIZE);
	put(head + MAGIC_SIZE, (uint32_t)count, 4);
	put(head + MAGIC_SIZE + 4, (uint32_t)cells->columns, 2);
	text_add(out, head, sizeof(head));
	for (int column = 0; column < cells->columns; column++)
		pack_column(cells->values + first * cells->columns + column, cells->columns, count, out);
	pack_column(cells->counts + first, 1, count, out);
}

/* ------------------------------------------------------------------ reading */

struct reader {
	const unsigned char *at;
	size_t left;
};

static uint32_t get(const unsigned char *from, int width)
{
	uint32_t value = 0;

	for (int i = 0; i < width; i++)
		value |= (uint32_t)from[i] << 8 * i;
	return value;
}

static bool unpack_column(struct reader *reader, int32_t *to, int stride, uint32_t count)
{
	uint32_t low;
	int width;

	if (reader->left < COLUMN_HEAD_SIZE)
		return false;
	low = get(reader->at, 4);
	width = reader->at[4];
	reader->at += COLUMN_HEAD_SIZE;
	reader->left -= COLUMN_HEAD_SIZE;
	if (width == 3 || width > 4 || reader->left < (size_t)count * (size_t)width)
		return false;
	switch (width) {
	case 0:
		for (uint32_t i = 0; i < count; i++)
			to[(size_t)i * (size_t)stride] = (int32_t)low;
		break;
	case 1:
		for (uint32_t i = 0; i < count; i++)
			to[(size_t)i * (size_t)stride] = (int32_t)(low + reader->at[i]);
		break;
	default:
		for (uint32_t i = 0; i < count; i++)
			to[(size_t)i * (size_t)stride] =
			    (int32_t)(low + get(reader->at + (size_t)i * (size_t)width, width));
	}
	reader->at += (size_t)count * (size_t)width;
	reader->left -= (size_t)count * (size_t)width;
	return true;
}

static bool damaged(struct fail *fail)
{
	return fail_set(fail, EXIT_FAILED, "a stored block of cells is damaged: restore it from a backup");
}

bool cells_unpack(struct cells *cells, const void *bytes, size_t size, struct fail *fail)
{
	struct reader reader = {.at = bytes, .left = size};
	uint32_t count;
	bool good;

	if (size < HEAD_SIZE || memcmp(reader.at, magic, MAGIC_SIZE) != 0)
		return damaged(fail);
	count = get(reader.at + MAGIC_SIZE, 4);
	if (get(reader.at + MAGIC_SIZE + 4, 2) != (uint32_t)cells->columns || count > MAX_BLOCK_CELLS)
		return damaged(fail);
	reader.at += HEAD_SIZE;
	reader.left -= HEAD_SIZE;
	make_room(cells, count);
	good = true;
	for (int column = 0; good && column < cells->columns; column++)
		good = unpack_column(&reader, cells->values + cells->count * cells->columns + column, cells->columns,
				     count);
	good = good && unpack_column(&reader, cells->counts + cells->count, 1, count) && reader.left == 0;
	for (uint32_t i = 0; good && i < count; i++)
		good = cells->counts[cells->count + i] > 0;
	if (!good)
		return damaged(fail);
	cells->count += count;
	return true;
}
