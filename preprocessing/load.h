#ifndef PREPROCESSING_LOAD_H
#define PREPROCESSING_LOAD_H

/*
 * The raw rows of one load become the blocks of its cells, inside the caller's transaction: read once in the order in
 * which they stood in the file, encoded, split, and written. Training rows that are equal become one cell; the holdout
 * rows stay in their order, because the gate looks at the most recent ones. Memory does not grow with the load.
 *
 * A text that is no number of its column's type is EXIT_BAD_DATA and names column, row and value.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "preprocessing/columns.h"

struct encoded_load {
	int load_id;
	int64_t rows;	  /* feature rows made */
	int64_t dropped;  /* raw rows with a missing value */
	int64_t cells;	  /* of its training rows */
	int64_t *missing; /* by column: rows in which it was missing; free() */
};

bool encode_load(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail) MUST_USE;

#endif
