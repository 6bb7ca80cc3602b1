#ifndef PREPROCESSING_ENCODE_H
#define PREPROCESSING_ENCODE_H

/*
 * The raw rows of one load become feature rows, in the database and with one statement per step, inside the caller's
 * transaction:
 *
 *	encode_count	how many rows have a missing value, by column
 *	encode_check	where the load is older than the feature set: are its texts of the types this one declares?
 *	encode_codes	texts that are new get codes in first-seen order
 *	encode_rows	the rows without a missing value are written: numbers as numbers, texts as codes, and the split
 *
 * encode_load() does all four. A wrong text is EXIT_BAD_DATA and names column, row and value.
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
	int64_t cells;	  /* of cells.h */
	bool in_base;	  /* of cells.h: they were counted into the base at once */
	int64_t *missing; /* by column: rows in which it was missing; free() */
};

bool encode_load(PGconn *db, const struct feature_columns *set, struct encoded_load *load, struct fail *fail) MUST_USE;

/* Whether a column's text is a number of its type (common/number.h); a category takes every text. */
bool encode_accepts(enum column_type type, const char *text, size_t size);

#endif
