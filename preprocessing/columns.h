#ifndef PREPROCESSING_COLUMNS_H
#define PREPROCESSING_COLUMNS_H

/*
 * A feature set as preprocessing needs it: its columns with their missing texts and dictionaries, its tables ready for
 * SQL.
 *
 *	struct feature_columns set;
 *	if (!feature_columns_lock(db, feature_set_id, &set, &fail)) ...
 *	feature_columns_release(&set);
 *
 * Raw values are the texts of the file, NULL for an empty field. A value is missing when its text is one of the
 * column's missing texts, and nothing else is.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"
#include "preprocessing/dictionary.h"

struct feature_column {
	char *name;
	char *quoted; /* as an SQL identifier */
	enum column_type type;
	int missing_count;
	char **missing;
	size_t *missing_sizes;
	struct dictionary *dictionary; /* of texts and of every label, else NULL */
};

struct feature_columns {
	int id;
	int version;
	char *source;
	char *raw_table, *cell_table; /* quoted, with schema */
	char holdout_limit[SPLIT_LIMIT_SIZE];
	int64_t count_cells_at; /* compacting is tried again with so many training cells */
	int64_t base_cells;	/* of the compacted counts, 0: there are none */
	int count;
	struct feature_column *columns; /* columns[0] is the label */
};

/* Reads a feature set and locks its row until the transaction ends: of two that do this the second waits, and then sees
 * what the first has done. On error set holds nothing to release. */
bool feature_columns_lock(PGconn *db, int feature_set_id, struct feature_columns *set, struct fail *fail) MUST_USE;
void feature_columns_release(struct feature_columns *set);

#endif
