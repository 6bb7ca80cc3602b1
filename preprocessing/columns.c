#include "preprocessing/columns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

static enum column_type type_by_name(const char *name)
{
	for (int type = 0; type < COLUMN_CATEGORY; type++)
		if (strcmp(name, column_type_name((enum column_type)type)) == 0)
			return (enum column_type)type;
	return COLUMN_CATEGORY;
}

static bool take_missing(struct feature_column *column, const char *json, struct fail *fail)
{
	json_t *texts = json_loads(json, 0, NULL);
	size_t count = json_array_size(texts);

	if (!json_is_array(texts)) {
		json_decref(texts);
		return fail_set(fail, EXIT_FAILED, "column \"%s\": the missing texts are no list", column->name);
	}
	column->missing = xcalloc(count, sizeof(*column->missing));
	column->missing_sizes = xcalloc(count, sizeof(*column->missing_sizes));
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(texts, i));

		column->missing[i] = xstrdup(text ? text : "");
		column->missing_sizes[i] = strlen(column->missing[i]);
		column->missing_count = (int)i + 1;
	}
	json_decref(texts);
	return true;
}

static bool read_columns(PGconn *db, struct feature_columns *set, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "d",
				   "SELECT c.value ->> 'name', c.value ->> 'type', c.value -> 'missing' "
				   "FROM green_ml.feature_set f, jsonb_array_elements(f.columns) WITH ORDINALITY AS c "
				   "WHERE f.feature_set_id = $1 ORDER BY c.ordinality",
				   set->id);
	bool good = rows != NULL;

	if (!good)
		return false;
	set->columns = xcalloc((size_t)PQntuples(rows), sizeof(*set->columns));
	for (int i = 0; good && i < PQntuples(rows); i++) {
		struct feature_column *column = &set->columns[i];

		set->count = i + 1;
		column->name = xstrdup(db_text(rows, i, 0));
		column->quoted = db_identifier(db, column->name);
		column->type = type_by_name(db_text(rows, i, 1));
		if (i == 0 || column->type == COLUMN_CATEGORY)
			column->dictionary = dictionary_new();
		good = take_missing(column, db_text(rows, i, 2) ? db_text(rows, i, 2) : "[]", fail);
	}
	db_free(rows);
	return good;
}

static bool read_codes(PGconn *db, struct feature_columns *set, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "d",
				   "SELECT position, code, value FROM green_ml.dictionary WHERE feature_set_id = $1 "
				   "ORDER BY position, code",
				   set->id);
	bool good = rows != NULL;

	for (int i = 0; good && i < PQntuples(rows); i++) {
		int64_t position = db_int(rows, i, 0), code = db_int(rows, i, 1);
		struct dictionary *dictionary =
		    position >= 0 && position < set->count ? set->columns[position].dictionary : NULL;

		if (!dictionary ||
		    dictionary_code(dictionary, PQgetvalue(rows, i, 2), (size_t)PQgetlength(rows, i, 2)) != code)
			good = fail_set(fail, EXIT_FAILED, "the dictionary holds code %lld of column %lld out of turn",
					(long long)code, (long long)position);
	}
	db_free(rows);
	for (int i = 0; i < set->count; i++)
		if (set->columns[i].dictionary)
			dictionary_keep(set->columns[i].dictionary);
	return good;
}

bool feature_columns_lock(PGconn *db, int feature_set_id, struct feature_columns *set, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "d",
		      "SELECT f.version, s.name, f.cell_table, f.holdout_limit, f.count_cells_at, f.base_cells "
		      "FROM green_ml.feature_set f JOIN green_ml.pipeline p USING (pipeline_id) "
		      "JOIN green_ml.source s USING (source_id) WHERE f.feature_set_id = $1 "
		      "FOR NO KEY UPDATE OF f",
		      feature_set_id);

	*set = (struct feature_columns){.id = feature_set_id};
	if (!row)
		return fail_prefix(fail, "could not lock feature set %d", feature_set_id);
	if (PQntuples(row) == 0) {
		db_free(row);
		return fail_set(fail, EXIT_FAILED, "there is no feature set %d any more", feature_set_id);
	}
	set->version = (int)db_int(row, 0, 0);
	set->source = xstrdup(db_text(row, 0, 1));
	set->raw_table = db_data_table(db, set->source);
	set->cell_table = db_data_table(db, db_text(row, 0, 2));
	snprintf(set->holdout_limit, sizeof(set->holdout_limit), "%s", db_text(row, 0, 3));
	set->count_cells_at = db_int(row, 0, 4);
	set->base_cells = db_int(row, 0, 5);
	db_free(row);
	if (read_columns(db, set, fail) && read_codes(db, set, fail))
		return true;
	feature_columns_release(set);
	return fail_prefix(fail, "could not read feature set %d", feature_set_id);
}

void feature_columns_release(struct feature_columns *set)
{
	for (int i = 0; i < set->count; i++) {
		struct feature_column *column = &set->columns[i];

		for (int m = 0; m < column->missing_count; m++)
			free(column->missing[m]);
		free(column->missing);
		free(column->missing_sizes);
		dictionary_free(column->dictionary);
		free(column->name);
		PQfreemem(column->quoted);
	}
	free(set->columns);
	free(set->source);
	free(set->raw_table);
	free(set->cell_table);
	*set = (struct feature_columns){0};
}
