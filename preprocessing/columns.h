#ifndef PREPROCESSING_COLUMNS_H
#define PREPROCESSING_COLUMNS_H

/*
 * A feature set as preprocessing needs it: names that are ready for SQL, and for each column the conditions and values
 *that the statements of encode.h and cells.h are put together from.
 *
 *	struct feature_columns set;
 *	if (!feature_columns_lock(db, feature_set_id, &set, &fail)) ...
 *	feature_columns_release(&set);
 *
 * Raw values are the texts of the file, NULL for an empty field. A value is missing when its text is one of the
 *column's missing texts, and nothing else is.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"
#include "common/text.h"

enum { MAX_SQL = 16 << 20 };

struct feature_column {
	char *name;
	char *quoted;  /* as an SQL identifier */
	char *value;   /* SQL: the text of raw row r, never NULL */
	char *missing; /* SQL: true when it is missing; NULL: no text of this column means that */
	enum column_type type;
};

struct feature_columns {
	int id;
	int version;
	char *source;
	char *raw_table, *prep_table, *cell_table; /* quoted, with schema */
	char holdout_limit[SPLIT_LIMIT_SIZE];
	bool keeps_cells;
	int64_t count_cells_at; /* while it keeps none: with so many feature rows its cells are counted */
	int64_t base_cells;	/* rows of the compacted counts */
	int count;
	struct feature_column *columns; /* columns[0] is the label */
};

/* Reads a feature set and locks its row until the transaction ends: of two that do this the second waits, and then sees
 * what the first has done. On error set holds nothing to release. */
bool feature_columns_lock(PGconn *db, int feature_set_id, struct feature_columns *set, struct fail *fail) MUST_USE;
void feature_columns_release(struct feature_columns *set);

/* Fills in quoted, value and missing of a column; missing_list is a list of SQL literals, NULL or empty for none. */
void feature_column_sql(PGconn *db, struct feature_column *column, const char *missing_list);

/* Whether values of the column are stored as codes of the dictionary: texts, and every label. */
bool feature_column_is_coded(const struct feature_columns *set, int position);

/* Appends ", f1, f2, ..." : the features' names. */
void feature_columns_list(const struct feature_columns *set, struct text *sql);

#endif
