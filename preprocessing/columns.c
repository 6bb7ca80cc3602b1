#include "preprocessing/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

bool feature_column_is_coded(const struct feature_columns *set, int position)
{
	return position == 0 || set->columns[position].type == COLUMN_CATEGORY;
}

void feature_columns_list(const struct feature_columns *set, struct text *sql)
{
	for (int i = 1; i < set->count; i++)
		text_printf(sql, ", %s", set->columns[i].quoted);
}

void feature_column_sql(PGconn *db, struct feature_column *column, const char *missing_list)
{
	column->quoted = db_identifier(db, column->name);
	column->value = xasprintf("coalesce(r.%s, '')", column->quoted);
	if (missing_list && *missing_list)
		column->missing = xasprintf("%s IN (%s)", column->value, missing_list);
}

static enum column_type type_by_name(const char *name)
{
	for (int type = 0; type < COLUMN_CATEGORY; type++)
		if (strcmp(name, column_type_name((enum column_type)type)) == 0)
			return (enum column_type)type;
	return COLUMN_CATEGORY;
}

static bool read_columns(PGconn *db, struct feature_columns *set, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "d",
				   "SELECT c.value ->> 'name', c.value ->> 'type', "
				   "(SELECT string_agg(quote_literal(m.value), ', ' ORDER BY m.ordinality) "
				   "FROM jsonb_array_elements_text(c.value -> 'missing') WITH ORDINALITY AS m) "
				   "FROM green_ml.feature_set f, jsonb_array_elements(f.columns) WITH ORDINALITY AS c "
				   "WHERE f.feature_set_id = $1 ORDER BY c.ordinality",
				   set->id);

	if (!rows)
		return false;
	set->columns = xcalloc((size_t)PQntuples(rows), sizeof(*set->columns));
	for (int i = 0; i < PQntuples(rows); i++) {
		set->columns[i].name = xstrdup(db_text(rows, i, 0));
		set->columns[i].type = type_by_name(db_text(rows, i, 1));
		feature_column_sql(db, &set->columns[i], db_text(rows, i, 2));
		set->count = i + 1;
	}
	db_free(rows);
	return true;
}

bool feature_columns_lock(PGconn *db, int feature_set_id, struct feature_columns *set, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "d",
	    "SELECT f.version, s.name, f.prep_table, f.cell_table, f.holdout_limit, f.keeps_cells, f.count_cells_at, "
	    "f.base_cells "
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
	set->prep_table = db_data_table(db, db_text(row, 0, 2));
	set->cell_table = db_data_table(db, db_text(row, 0, 3));
	snprintf(set->holdout_limit, sizeof(set->holdout_limit), "%s", db_text(row, 0, 4));
	set->keeps_cells = db_bool(row, 0, 5);
	set->count_cells_at = db_int(row, 0, 6);
	set->base_cells = db_int(row, 0, 7);
	db_free(row);
	if (read_columns(db, set, fail))
		return true;
	feature_columns_release(set);
	return fail_prefix(fail, "could not read feature set %d", feature_set_id);
}

void feature_columns_release(struct feature_columns *set)
{
	for (int i = 0; i < set->count; i++) {
		free(set->columns[i].name);
		PQfreemem(set->columns[i].quoted);
		free(set->columns[i].value);
		free(set->columns[i].missing);
	}
	free(set->columns);
	free(set->source);
	free(set->raw_table);
	free(set->prep_table);
	free(set->cell_table);
	*set = (struct feature_columns){0};
}
