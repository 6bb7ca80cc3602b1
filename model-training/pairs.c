#include "model-training/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

static void sort_pass(const struct pair *from, struct pair *to, size_t count, int shift)
{
	size_t starts[257] = {0};

	for (size_t i = 0; i < count; i++)
		starts[(from[i].key >> shift & 255) + 1]++;
	for (int b = 0; b < 256; b++)
		starts[b + 1] += starts[b];
	for (size_t i = 0; i < count; i++)
		to[starts[from[i].key >> shift & 255]++] = from[i];
}

void pairs_sort(struct pair *pairs, size_t count)
{
	struct pair *from = pairs, *to = xcalloc(count, sizeof(*to)), *spare = to;
	uint64_t differing = 0;

	for (size_t i = 0; i < count; i++)
		differing |= pairs[i].key ^ pairs[0].key;
	for (int shift = 0; shift < 64; shift += 8) {
		struct pair *other = from;

		if (!(differing >> shift & 255))
			continue;
		sort_pass(from, to, count, shift);
		from = to;
		to = other;
	}
	if (from != pairs)
		memcpy(pairs, from, count * sizeof(*pairs));
	free(spare);
}
