#ifndef PREPROCESSING_GATHER_H
#define PREPROCESSING_GATHER_H

/*
 * Equal rows become one cell: cells in the order in which they first came, each with its count.
 *
 *	struct gather gather;
 *	gather_init(&gather, columns);
 *	gather_add(&gather, values, 1) ...	gather.cells is the result
 *	gather_clear(&gather);			empty and usable again
 *	gather_release(&gather);
 *
 * A count never exceeds an int32: where it would, a second cell begins.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/cells.h"

struct gather {
	struct cells cells;
	uint32_t *slots; /* cell + 1, 0: free; a power of two, at most half full */
	size_t slot_count;
};

void gather_init(struct gather *gather, int columns);
void gather_add(struct gather *gather, const int32_t *values, int32_t count);
void gather_clear(struct gather *gather);
void gather_release(struct gather *gather);

#endif
