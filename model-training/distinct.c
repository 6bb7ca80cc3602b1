#include "model-training/distinct.h"

#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { DIRECT_RANGE = 1 << 20 };

/* By bytes from the lowest, four stable passes. */
static void sort_keys(uint32_t *keys, int64_t count)
{
	uint32_t *from = keys, *to = xcalloc((size_t)count, sizeof(*to)), *spare = to;

	for (int shift = 0; shift < 32; shift += 8) {
		int64_t starts[257] = {0};
		uint32_t *other = from;

		for (int64_t i = 0; i < count; i++)
			starts[(from[i] >> shift & 255) + 1]++;
		for (int b = 0; b < 256; b++)
			starts[b + 1] += starts[b];
		for (int64_t i = 0; i < count; i++)
			to[starts[from[i] >> shift & 255]++] = from[i];
		from = to;
		to = other;
	}
	free(spare); /* after an even number of passes the result is in keys */
}

void distinct_find(const int32_t *values, int64_t count, struct distinct *distinct)
{
	uint32_t *sorted = xcalloc((size_t)count, sizeof(*sorted));

	for (int64_t i = 0; i < count; i++)
		sorted[i] = (uint32_t)values[i] ^ 0x80000000u;
	sort_keys(sorted, count);
	distinct->keys = xcalloc((size_t)count, sizeof(*distinct->keys));
	distinct->count = 0;
	for (int64_t i = 0; i < count; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			distinct->keys[distinct->count++] = (int32_t)(sorted[i] ^ 0x80000000u);
	free(sorted);
	distinct->direct = NULL;
	if (count == 0 || (int64_t)distinct->keys[distinct->count - 1] - distinct->keys[0] >= DIRECT_RANGE)
		return;
	distinct->direct = xcalloc(DIRECT_RANGE, sizeof(*distinct->direct));
	for (int64_t i = 0; i < distinct->count; i++)
		distinct->direct[(int64_t)distinct->keys[i] - distinct->keys[0]] = (int32_t)i;
}

int64_t distinct_index(const struct distinct *distinct, int32_t key)
{
	int64_t low = 0, high = distinct->count - 1;

	if (distinct->direct)
		return distinct->direct[(int64_t)key - distinct->keys[0]];
	while (low < high) {
		int64_t middle = (low + high) / 2;

		if (distinct->keys[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void distinct_release(struct distinct *distinct)
{
	free(distinct->keys);
	free(distinct->direct);
}
