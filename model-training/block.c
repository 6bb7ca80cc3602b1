#include "model-training/block.h"

#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { BLOCK_BYTES = 1 << 18, BLOCK_MEMBERS = TREE_LEAST_BRANCH, BLOCK_FEATURES_PER_CANDIDATE = 8 };

void block_init(struct block *block, const struct grow_data *data)
{
	size_t width = 0, at = 0;

	for (int f = 0; f < data->feature_count; f++)
		width += data->columns[f].narrow ? 1 : 2;
	block->members = BLOCK_BYTES / width < BLOCK_MEMBERS ? (uint32_t)(BLOCK_BYTES / width) & ~1u : BLOCK_MEMBERS;
	if (data->feature_count > data->max_features * BLOCK_FEATURES_PER_CANDIDATE)
		block->members = 0;
	block->bytes = xcalloc(block->members, width);
	block->columns = xcalloc((size_t)data->feature_count, sizeof(*block->columns));
	for (int f = 0; f < data->feature_count; f++) {
		block->columns[f] = (struct column){.greatest = data->columns[f].greatest};
		if (data->columns[f].narrow)
			block->columns[f].narrow = block->bytes + at;
		else
			block->columns[f].wide = (uint16_t *)(void *)(block->bytes + at);
		at += block->members * (size_t)(data->columns[f].narrow ? 1 : 2);
	}
}

void block_release(struct block *block)
{
	free(block->bytes);
	free(block->columns);
}

void block_fill(struct block *block, const struct grow_data *data, const struct member *members, uint32_t count)
{
	for (int f = 0; f < data->feature_count; f++) {
		const struct column *from = &data->columns[f], *to = &block->columns[f];
		uint8_t *narrow = (uint8_t *)(uintptr_t)to->narrow;
		uint16_t *wide = (uint16_t *)(uintptr_t)to->wide;

		for (uint32_t i = 0; narrow && i < count; i++)
			narrow[i] = from->narrow[members[i].slot];
		for (uint32_t i = 0; wide && i < count; i++)
			wide[i] = from->wide[members[i].slot];
	}
}
