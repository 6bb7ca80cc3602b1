#ifndef COMMON_CELLS_H
#define COMMON_CELLS_H

/*
 * Cells: feature rows in the form in which they are stored and read, each with the number of rows that it stands for. A
 * cell has one int32 per column: first the label's code, then the features - an integer as it is, a real as
 * forest_real_key() gives it, a category as its code.
 *
 *	struct cells cells;
 *	cells_init(&cells, 1 + feature_count);
 *	cells_add(&cells, values, 1);
 *	cells_pack(&cells, 0, cells.count, &text);		a block: the bytes that are stored
 *	cells_unpack(&cells, bytes, size, &fail)		appends what a block holds; never trusts a length
 *	cells_release(&cells);
 *
 * A block holds its cells column by column, the counts as the last column. Little-endian: magic "GMC1", u32 cells, u16
 * columns; per column i32 smallest value, u8 width (0, 1, 2 or 4), then per cell the value less the smallest in that
 * many bytes. A block has at most cells_block_max() cells.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/text.h"

enum { CELLS_BLOCK_MAX_SIZE = 16 << 20 };

struct cells {
	int columns;
	int64_t count, capacity;
	int32_t *values; /* columns each */
	int32_t *counts; /* 1 or more */
};

void cells_init(struct cells *cells, int columns);
void cells_add(struct cells *cells, const int32_t *values, int32_t count);
void cells_clear(struct cells *cells);
void cells_release(struct cells *cells);

int64_t cells_block_max(int columns);
/* Appends the block of the cells first .. first + count - 1 to out. */
void cells_pack(const struct cells *cells, int64_t first, int64_t count, struct text *out);
/* EXIT_FAILED when the bytes are no intact block with as many columns; cells is unchanged then. */
bool cells_unpack(struct cells *cells, const void *bytes, size_t size, struct fail *fail) MUST_USE;

#endif
