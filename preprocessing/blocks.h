#ifndef PREPROCESSING_BLOCKS_H
#define PREPROCESSING_BLOCKS_H

/*
 * Writing blocks of cells (common/cells.h) to a feature set's cell table. The blocks of a load and a side of the split
 * are numbered 0, 1, 2 ...; load 0 stands for the compacted counts.
 */

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/cells.h"
#include "common/fail.h"

struct block_writer {
	PGconn *db;
	const char *table;
	int load_id;
	bool holdout;
	int part; /* number of the next block */
};

/* Writes all the cells, as many blocks as it takes. */
bool blocks_write(struct block_writer *writer, const struct cells *cells, struct fail *fail) MUST_USE;
bool blocks_remove(PGconn *db, const char *table, int load_id, struct fail *fail) MUST_USE;

#endif
