#ifndef DATA_FETCH_COLUMNS_H
#define DATA_FETCH_COLUMNS_H

/*
 * Which columns of a source are kept, where they stand in this file, and what their values must look like: for each
 * registered spec that uses a column (view green_ml.source_requirement) the text is one of its missing texts or a value
 * of its type.
 *
 *	struct columns columns;
 *	if (!columns_read(db, &spec, &columns, &fail)) ...	EXIT_WRONG_USE: not registered, or not as the spec says
 *	columns_find(&columns, name, header_row, &fail)		EXIT_BAD_DATA: a column is not there, or twice
 *	columns_check(&columns, row, reason, sizeof(reason))	false: the row is a reject, reason says why
 *	columns_release(&columns);
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/csv.h"
#include "common/fail.h"
#include "common/spec.h"

/* Longer ids and categories would not fit into the database's indexes. */
enum { COLUMNS_MAX_TEXT = 1024, COLUMNS_REASON_SIZE = 160 };

struct requirement {
	enum column_type type;
	struct csv_field *missing;
	int missing_count;
};

struct column {
	char *name;
	char *quoted; /* for SQL */
	int at;	      /* its field in the file; -1: not there, and no spec in force needs it */
	struct requirement *requirements;
	int requirement_count;
};

struct columns {
	int source_id;
	char *source;
	char *table; /* the source's raw table, quoted */
	char *id_name;
	int id_at;
	struct column *columns; /* in the raw table's order, the id apart */
	int count;
	int field_count; /* of the header */
};

bool columns_read(PGconn *db, const struct spec *spec, struct columns *columns, struct fail *fail) MUST_USE;
void columns_release(struct columns *columns);

bool columns_find(struct columns *columns, const char *name, const struct csv_row *header, struct fail *fail) MUST_USE;
bool columns_check(const struct columns *columns, const struct csv_row *row, char reason[COLUMNS_REASON_SIZE]) MUST_USE;

#endif
