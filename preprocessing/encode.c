#include "preprocessing/encode.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/number.h"
#include "common/text.h"
#include "common/xalloc.h"

/* A statement on one load: $1 is always its id, $2 the source's name where the statement asks for it. */
static PGresult *query(PGconn *db, struct text *sql, const struct encoded_load *load, const char *source,
		       const char *step, struct fail *fail)
{
	PGresult *result = NULL;

	if (sql->overflow)
		fail_set(fail, EXIT_FAILED, "the statement is longer than %d bytes", (int)MAX_SQL);
	else
		result = db_queryf(db, fail, source ? "ds" : "d", sql->data, load->load_id, source);
	if (!result) {
		/* 22P02, 22003: a text that is no number of its column's type. */
		if (strcmp(db_sqlstate(), "22P02") == 0 || strcmp(db_sqlstate(), "22003") == 0)
			fail->code = EXIT_BAD_DATA;
		fail_prefix(fail, "could not %s of load %d", step, load->load_id);
	}
	text_release(sql);
	return result;
}

/* The rows of load $1 without a missing value. Columns in which nothing is missing need no look. */
static void from_complete_rows(struct text *sql, const struct feature_columns *set, const struct encoded_load *load)
{
	text_printf(sql, " FROM %s r WHERE r._load_id = $1", set->raw_table);
	for (int i = 0; i < set->count; i++)
		if (load->missing[i])
			text_printf(sql, " AND NOT %s", set->columns[i].missing);
}

static bool encode_count(PGconn *db, const struct feature_columns *set, struct encoded_load *load, int64_t *total,
			 struct fail *fail)
{
	struct text sql;
	PGresult *row;

	text_init(&sql, MAX_SQL);
	text_puts(&sql, "SELECT count(*)");
	for (int i = 0; i < set->count; i++)
		if (set->columns[i].missing)
			text_printf(&sql, ", count(*) FILTER (WHERE %s)", set->columns[i].missing);
	text_printf(&sql, " FROM %s r WHERE r._load_id = $1", set->raw_table);
	row = query(db, &sql, load, NULL, "count the missing values", fail);
	if (!row)
		return false;
	*total = db_int(row, 0, 0);
	load->missing = xcalloc((size_t)set->count, sizeof(*load->missing));
	for (int i = 0, at = 1; i < set->count; i++)
		if (set->columns[i].missing)
			load->missing[i] = db_int(row, 0, at++);
	db_free(row);
	return true;
}

/* ------------------------------------------------------------------ checking texts that data-fetch did not check */

bool encode_accepts(enum column_type type, const char *text, size_t size)
{
	int32_t integer;
	float real;

	switch (type) {
	case COLUMN_INTEGER:
		return number_int32(text, size, &integer);
	case COLUMN_REAL:
		return number_float32(text, size, &real);
	case COLUMN_CATEGORY:
		break;
	}
	return true;
}

struct check {
	const struct feature_columns *set;
	int position; /* of the wrong value that comes first in the load; 0: none yet */
	long row;
};

/* A line of check_sql: position, first row and text, tabs between them. */
static bool check_line(void *context, const char *line, int size, struct fail *fail UNUSED)
{
	struct check *check = context;
	char *value;
	int position = (int)strtol(line, &value, 10);
	long row = strtol(value + 1, &value, 10);

	value++;
	if (!encode_accepts(check->set->columns[position].type, value, (size_t)(line + size - value)) &&
	    (check->position == 0 || row < check->row)) {
		check->position = position;
		check->row = row;
	}
	return true;
}

/* The distinct texts of all numeric columns; COPY knows no parameters. */
static bool check_sql(struct text *sql, const struct feature_columns *set, const struct encoded_load *load)
{
	const char *first = "COPY (", *next = " UNION ALL ", *before = first;

	for (int i = 1; i < set->count; i++) {
		const struct feature_column *column = &set->columns[i];

		if (column->type == COLUMN_CATEGORY)
			continue;
		text_printf(sql, "%sSELECT %d, min(r._row), %s FROM %s r WHERE r._load_id = %d", before, i,
			    column->value, set->raw_table, load->load_id);
		if (column->missing)
			text_printf(sql, " AND NOT %s", column->missing);
		text_puts(sql, " GROUP BY 3");
		before = next;
	}
	text_puts(sql, ") TO STDOUT");
	return before == next;
}

static bool refuse_value(PGconn *db, const struct check *check, const struct encoded_load *load, struct fail *fail)
{
	const struct feature_column *column = &check->set->columns[check->position];
	const char *type = column_type_name(column->type);
	char *sql = xasprintf("SELECT r._id, left(%s, 100) FROM %s r WHERE r._load_id = $1 AND r._row = $2",
			      column->value, check->set->raw_table);
	PGresult *row = db_queryf(db, fail, "dl", sql, load->load_id, (int64_t)check->row);

	free(sql);
	if (row)
		fail_set(fail, EXIT_BAD_DATA,
			 "column \"%s\" of the row with id \"%s\" (load %d, row %ld) holds \"%s\", which is no %s: "
			 "declare the column "
			 "as category or name this text in its \"missing\" list, and register the spec again",
			 column->name, db_text(row, 0, 0), load->load_id, check->row, db_text(row, 0, 1), type);
	db_free(row);
	return false;
}

/* data-fetch has checked every row against the feature sets that were registered when its load began; the second of
 * grace is for a registration that was about to commit just then. */
static bool encode_check(PGconn *db, const struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	struct check check = {.set = set};
	struct text sql;
	PGresult *row;
	bool good = true, checked;

	row = db_queryf(
	    db, fail, "dd",
	    "SELECT l.started_at > f.registered_at + interval '1 s' FROM green_ml.load l, green_ml.feature_set f "
	    "WHERE l.load_id = $1 AND f.feature_set_id = $2",
	    load->load_id, set->id);
	if (!row)
		return false;
	checked = PQntuples(row) == 1 && db_bool(row, 0, 0);
	db_free(row);
	if (checked)
		return true;
	text_init(&sql, MAX_SQL);
	if (check_sql(&sql, set, load))
		good = sql.overflow ? fail_set(fail, EXIT_FAILED, "the statement is longer than %d bytes", (int)MAX_SQL)
				    : db_copy_out(db, fail, sql.data, check_line, &check);
	text_release(&sql);
	if (!good)
		return fail_prefix(fail, "could not check the values of load %d", load->load_id);
	return check.position == 0 || refuse_value(db, &check, load, fail);
}

/* ------------------------------------------------------------------ codes and rows */

/* One pass per column: it costs less than one over all columns that takes each row apart. */
static bool code_column(PGconn *db, const struct feature_columns *set, int position, struct encoded_load *load,
			struct fail *fail)
{
	struct text sql;
	PGresult *result;

	text_init(&sql, MAX_SQL);
	text_printf(&sql,
		    "INSERT INTO green_ml.dictionary (feature_set_id, position, code, value) "
		    "SELECT %d, %d, (SELECT count(*) FROM green_ml.dictionary k WHERE k.feature_set_id = %d AND "
		    "k.position = %d) "
		    "+ row_number() OVER (ORDER BY n.first, n.value) - 1, n.value FROM (SELECT %s AS value, "
		    "min(r._row) AS first",
		    set->id, position, set->id, position, set->columns[position].value);
	from_complete_rows(&sql, set, load);
	text_printf(&sql,
		    " GROUP BY 1) AS n WHERE NOT EXISTS (SELECT FROM green_ml.dictionary k WHERE k.feature_set_id = %d "
		    "AND k.position = %d AND k.value = n.value)",
		    set->id, position);
	result = query(db, &sql, load, NULL, "code the texts", fail);
	db_free(result);
	return result != NULL;
}

static bool encode_codes(PGconn *db, const struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	bool good = true;

	for (int i = 0; good && i < set->count; i++)
		if (feature_column_is_coded(set, i))
			good = code_column(db, set, i, load, fail);
	return good;
}

/* How a column of raw row r is stored. The codes of a column are gathered once per statement, into an object that is
 * asked for each row: joins would copy every row once per column. A text without a code would be NULL here, which the
 * table refuses: no row gets lost. */
static void stored_value(struct text *sql, const struct feature_columns *set, int position)
{
	static const char *const casts[] = {"::integer", "::real"};
	const struct feature_column *column = &set->columns[position];

	if (!feature_column_is_coded(set, position))
		text_printf(sql, ", %s%s", column->value, casts[column->type]);
	else
		text_printf(
		    sql,
		    ", ((SELECT jsonb_object_agg(value, code) FROM green_ml.dictionary WHERE feature_set_id = %d "
		    "AND position = %d) ->> %s)::integer",
		    set->id, position, column->value);
}

static bool encode_rows(PGconn *db, const struct feature_columns *set, struct encoded_load *load, int64_t total,
			struct fail *fail)
{
	struct text sql;
	PGresult *result;

	text_init(&sql, MAX_SQL);
	text_printf(&sql, "INSERT INTO %s (_load_id, _row, _holdout, _label", set->prep_table);
	feature_columns_list(set, &sql);
	text_printf(&sql, ") SELECT $1, r._row, green_ml.is_holdout($2, r._id, green_ml.limit_bytes(%s))",
		    set->holdout_limit);
	for (int i = 0; i < set->count; i++)
		stored_value(&sql, set, i);
	from_complete_rows(&sql, set, load);
	result = query(db, &sql, load, set->source, "write the feature rows", fail);
	if (!result)
		return false;
	load->rows = strtoll(PQcmdTuples(result), NULL, 10);
	load->dropped = total - load->rows;
	db_free(result);
	return true;
}

bool encode_load(PGconn *db, const struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	int64_t total;

	return encode_count(db, set, load, &total, fail) && encode_check(db, set, load, fail) &&
	       encode_codes(db, set, load, fail) && encode_rows(db, set, load, total, fail);
}
