#include "data-fetch/columns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/number.h"
#include "common/xalloc.h"

/* ------------------------------------------------------------------ from the database */

static bool add_missing(struct requirement *requirement, const char *json, struct fail *fail)
{
	json_t *texts = json_loads(json, 0, NULL);
	size_t count = json_array_size(texts);

	requirement->missing = xcalloc(count ? count : 1, sizeof(*requirement->missing));
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(texts, i));
		struct csv_field *missing = &requirement->missing[requirement->missing_count++];

		missing->data = xstrdup(text ? text : "");
		missing->size = strlen(missing->data);
	}
	json_decref(texts);
	return texts ||
	       fail_set(fail, EXIT_FAILED, "the database holds missing texts that are no JSON array: %s", json);
}

static bool add_requirement(struct column *column, const char *type, const char *missing, struct fail *fail)
{
	struct requirement *requirement;

	column->requirements =
	    xreallocarray(column->requirements, (size_t)column->requirement_count + 1, sizeof(*requirement));
	requirement = &column->requirements[column->requirement_count++];
	*requirement = (struct requirement){.type = COLUMN_INTEGER};
	while (requirement->type < COLUMN_CATEGORY && strcmp(type, column_type_name(requirement->type)) != 0)
		requirement->type++;
	if (strcmp(type, column_type_name(requirement->type)) != 0)
		return fail_set(fail, EXIT_FAILED, "the database knows a column type \"%s\" that this program does not",
				type);
	return add_missing(requirement, missing, fail);
}

static bool read_source(PGconn *db, const struct spec *spec, struct columns *columns, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "s", "SELECT source_id, id_column FROM green_ml.source WHERE name = $1", spec->source);
	bool good = false;

	if (!row)
		return fail_prefix(fail, "could not look up source \"%s\"", spec->source);
	if (PQntuples(row) == 0) {
		fail_set(fail, EXIT_WRONG_USE,
			 "source \"%s\" is not registered: run database/migrate --pipeline \"%s\"", spec->source,
			 spec->file);
	} else if (strcmp(db_text(row, 0, 1), spec->id) != 0) {
		fail_set(fail, EXIT_WRONG_USE, "source \"%s\" is registered with id column \"%s\", \"%s\" says \"%s\"",
			 spec->source, db_text(row, 0, 1), spec->file, spec->id);
	} else {
		columns->source_id = (int)db_int(row, 0, 0);
		columns->id_name = xstrdup(db_text(row, 0, 1));
		good = true;
	}
	db_free(row);
	return good;
}

/* One row per column and distinct requirement; a column that only older feature sets used has none. */
static const char columns_sql[] =
    "SELECT DISTINCT c.position, c.name, r.type, r.missing FROM green_ml.source_column c "
    "LEFT JOIN green_ml.source_requirement r ON r.source_id = c.source_id AND r.position = c.position "
    "WHERE c.source_id = $1 ORDER BY c.position, r.type";

static bool read_columns(PGconn *db, struct columns *columns, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "d", columns_sql, columns->source_id);
	struct column *column = NULL;
	bool good = true;

	if (!rows)
		return fail_prefix(fail, "could not read the columns of source \"%s\"", columns->source);
	columns->columns = xcalloc((size_t)PQntuples(rows) + 1, sizeof(*columns->columns));
	for (int row = 0; good && row < PQntuples(rows); row++) {
		const char *name = db_text(rows, row, 1);

		if (!column || strcmp(column->name, name) != 0) {
			column = &columns->columns[columns->count++];
			column->name = xstrdup(name);
			column->quoted = db_identifier(db, name);
		}
		if (db_text(rows, row, 2))
			good = add_requirement(column, db_text(rows, row, 2), db_text(rows, row, 3), fail);
	}
	db_free(rows);
	return good;
}

static bool has_column(const struct columns *columns, const char *name)
{
	for (int i = 0; i < columns->count; i++)
		if (strcmp(columns->columns[i].name, name) == 0)
			return true;
	return false;
}

/* A spec that was changed and not registered again would lose its new columns silently. */
static bool compare_with_spec(const struct columns *columns, const struct spec *spec, struct fail *fail)
{
	for (int i = -1; i < spec->feature_count; i++) {
		const char *name = i < 0 ? spec->label.name : spec->features[i].name;

		if (!has_column(columns, name))
			return fail_set(fail, EXIT_WRONG_USE,
					"source \"%s\" does not keep column \"%s\" of \"%s\": run database/migrate "
					"--pipeline \"%s\"",
					spec->source, name, spec->file, spec->file);
	}
	return true;
}

bool columns_read(PGconn *db, const struct spec *spec, struct columns *columns, struct fail *fail)
{
	memset(columns, 0, sizeof(*columns));
	columns->source = xstrdup(spec->source);
	columns->table = db_data_table(db, spec->source);
	if (read_source(db, spec, columns, fail) && read_columns(db, columns, fail) &&
	    compare_with_spec(columns, spec, fail))
		return true;
	columns_release(columns);
	return false;
}

void columns_release(struct columns *columns)
{
	for (int i = 0; i < columns->count; i++) {
		struct column *column = &columns->columns[i];

		for (int r = 0; r < column->requirement_count; r++) {
			for (int m = 0; m < column->requirements[r].missing_count; m++)
				free((char *)(uintptr_t)column->requirements[r].missing[m].data);
			free(column->requirements[r].missing);
		}
		free(column->requirements);
		free(column->name);
		PQfreemem(column->quoted);
	}
	free(columns->columns);
	free(columns->source);
	free(columns->table);
	free(columns->id_name);
	memset(columns, 0, sizeof(*columns));
}

/* ------------------------------------------------------------------ in the file */

/* -1: not there, -2: more than once. */
static int find(const struct csv_row *header, const char *name)
{
	size_t size = strlen(name);
	int at = -1;

	for (int i = 0; i < header->count; i++)
		if (header->fields[i].size == size && memcmp(header->fields[i].data, name, size) == 0)
			at = at == -1 ? i : -2;
	return at;
}

static bool find_one(const char *file, const struct csv_row *header, const char *name, bool needed, int *at,
		     struct fail *fail)
{
	*at = find(header, name);
	if (*at == -2)
		return fail_set(fail, EXIT_BAD_DATA, "\"%s\" line %lld: column \"%s\" stands twice in the header", file,
				(long long)header->line, name);
	return *at >= 0 || !needed ||
	       fail_set(fail, EXIT_BAD_DATA, "\"%s\" line %lld: the header has no column \"%s\"", file,
			(long long)header->line, name);
}

bool columns_find(struct columns *columns, const char *name, const struct csv_row *header, struct fail *fail)
{
	if (header->problem)
		return fail_set(fail, EXIT_BAD_DATA, "\"%s\" line %lld: the header cannot be read: %s", name,
				(long long)header->line, header->problem);
	if (!find_one(name, header, columns->id_name, true, &columns->id_at, fail))
		return false;
	for (int i = 0; i < columns->count; i++) {
		struct column *column = &columns->columns[i];

		if (!find_one(name, header, column->name, column->requirement_count > 0, &column->at, fail))
			return false;
	}
	columns->field_count = header->count;
	return true;
}

/* ------------------------------------------------------------------ a row */

/* A short decimal without exponent cannot leave the range of a float32: no need to convert it. */
static bool is_plain_decimal(const char *text, size_t size)
{
	size_t at = size && (*text == '-' || *text == '+'), digits = 0, points = 0;

	if (size > 30)
		return false;
	for (; at < size; at++) {
		unsigned digit = (unsigned)(unsigned char)text[at] - '0';

		if (digit <= 9)
			digits++;
		else if (text[at] != '.' || points++)
			return false;
	}
	return digits > 0;
}

static bool is_value(enum column_type type, const struct csv_field *field)
{
	int32_t integer;
	float real;

	if (type == COLUMN_INTEGER)
		return number_int32(field->data, field->size, &integer);
	if (type == COLUMN_REAL)
		return is_plain_decimal(field->data, field->size) || number_float32(field->data, field->size, &real);
	return field->size <= COLUMNS_MAX_TEXT;
}

static bool is_missing(const struct requirement *requirement, const struct csv_field *field)
{
	for (int i = 0; i < requirement->missing_count; i++)
		if (requirement->missing[i].size == field->size &&
		    memcmp(requirement->missing[i].data, field->data, field->size) == 0)
			return true;
	return false;
}

static const char *const wanted[] = {
    [COLUMN_INTEGER] = "a whole number from -2147483648 to 2147483647",
    [COLUMN_REAL] = "a number within the range of a float32",
    [COLUMN_CATEGORY] = "a text of at most 1024 bytes",
};

/* The reason never quotes the value: it is the customer's, and a reject is stored without its content by default. */
bool columns_check(const struct columns *columns, const struct csv_row *row, char reason[COLUMNS_REASON_SIZE])
{
	const struct csv_field *id;

	if (row->problem) {
		snprintf(reason, COLUMNS_REASON_SIZE, "%s", row->problem);
		return false;
	}
	if (row->count != columns->field_count) {
		snprintf(reason, COLUMNS_REASON_SIZE, "expected %d fields, found %d", columns->field_count, row->count);
		return false;
	}
	id = &row->fields[columns->id_at];
	if (id->size == 0 || id->size > COLUMNS_MAX_TEXT) {
		snprintf(reason, COLUMNS_REASON_SIZE, "column \"%s\": expected an id of 1 to %d bytes",
			 columns->id_name, (int)COLUMNS_MAX_TEXT);
		return false;
	}
	for (int i = 0; i < columns->count; i++) {
		const struct column *column = &columns->columns[i];

		for (int r = 0; r < column->requirement_count; r++) {
			const struct requirement *requirement = &column->requirements[r];

			if (is_value(requirement->type, &row->fields[column->at]) ||
			    is_missing(requirement, &row->fields[column->at]))
				continue;
			snprintf(reason, COLUMNS_REASON_SIZE, "column \"%s\": expected %s", column->name,
				 wanted[requirement->type]);
			return false;
		}
	}
	return true;
}
