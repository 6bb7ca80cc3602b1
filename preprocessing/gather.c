#include "preprocessing/gather.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { FIRST_SLOTS = 4096 };

void gather_init(struct gather *gather, int columns)
{
	cells_init(&gather->cells, columns);
	gather->slot_count = FIRST_SLOTS;
	gather->slots = xcalloc(FIRST_SLOTS, sizeof(*gather->slots));
}

static size_t hash(const int32_t *values, int count)
{
	uint64_t hash = 0x9e3779b97f4a7c15u;

	for (int i = 0; i < count; i++) {
		hash = (hash ^ (uint32_t)values[i]) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	return (size_t)hash;
}

/* The slot of the cell that can take so many more rows, or a free one. */
static uint32_t *find_slot(const struct gather *gather, const int32_t *values, int32_t more)
{
	const struct cells *cells = &gather->cells;
	size_t width = (size_t)cells->columns * sizeof(*values);
	size_t mask = gather->slot_count - 1, at = hash(values, cells->columns) & mask;

	for (; gather->slots[at]; at = (at + 1) & mask) {
		int64_t cell = (int64_t)gather->slots[at] - 1;

		if (memcmp(cells->values + cell * cells->columns, values, width) == 0 &&
		    cells->counts[cell] <= INT32_MAX - more)
			break;
	}
	return &gather->slots[at];
}

static void grow(struct gather *gather)
{
	const struct cells *cells = &gather->cells;

	gather->slot_count *= 4;
	gather->slots = xreallocarray(gather->slots, gather->slot_count, sizeof(*gather->slots));
	memset(gather->slots, 0, gather->slot_count * sizeof(*gather->slots));
	for (int64_t cell = 0; cell < cells->count; cell++) {
		const int32_t *values = cells->values + cell * cells->columns;
		size_t mask = gather->slot_count - 1, at = hash(values, cells->columns) & mask;

		while (gather->slots[at])
			at = (at + 1) & mask;
		gather->slots[at] = (uint32_t)cell + 1;
	}
}

void gather_add(struct gather *gather, const int32_t *values, int32_t count)
{
	uint32_t *slot = find_slot(gather, values, count);

	if (*slot) {
		gather->cells.counts[*slot - 1] += count;
		return;
	}
	cells_add(&gather->cells, values, count);
	*slot = (uint32_t)gather->cells.count;
	if (2 * (size_t)gather->cells.count > gather->slot_count)
		grow(gather);
}

void gather_clear(struct gather *gather)
{
	cells_clear(&gather->cells);
	memset(gather->slots, 0, gather->slot_count * sizeof(*gather->slots));
}

void gather_release(struct gather *gather)
{
	cells_release(&gather->cells);
	free(gather->slots);
	*gather = (struct gather){0};
}
