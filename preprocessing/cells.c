#include "preprocessing/cells.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/db.h"
#include "common/text.h"

enum { COMPACT_FROM = 100000, ROWS_PER_CELL = 4 };

bool cells_are_worth_it(int64_t cells, int64_t rows)
{
	return cells * ROWS_PER_CELL <= rows;
}

int64_t cells_count_next_at(int64_t cells, int64_t rows)
{
	int64_t earliest = cells * ROWS_PER_CELL, later = rows + rows / 4;

	return earliest > later ? earliest : later;
}

bool cells_are_scattered(int64_t delta_cells, int64_t base_cells)
{
	return delta_cells > 2 * base_cells + COMPACT_FROM;
}

/* The columns of a cell: "_label, _holdout, f1, f2, ...". */
static void cell_columns(const struct feature_columns *set, struct text *sql)
{
	text_puts(sql, "_label, _holdout");
	feature_columns_list(set, sql);
}

/* Runs "INSERT INTO cells SELECT (load id), counts" over all feature rows, or over those of one load. */
static bool count_into(PGconn *db, const struct feature_columns *set, int load_id, const char *from_where,
		       int64_t *cells, struct fail *fail)
{
	struct text sql;
	PGresult *result;

	text_init(&sql, MAX_SQL);
	text_printf(&sql, "INSERT INTO %s (_load_id, _count, ", set->cell_table);
	cell_columns(set, &sql);
	text_printf(&sql, ") SELECT %d, count(*), ", load_id);
	cell_columns(set, &sql);
	text_printf(&sql, " FROM %s%s GROUP BY ", set->prep_table, from_where);
	cell_columns(set, &sql);
	result = db_query(db, fail, sql.data, 0, NULL);
	text_release(&sql);
	if (!result)
		return false;
	*cells = strtoll(PQcmdTuples(result), NULL, 10);
	db_free(result);
	return true;
}

static bool add_delta(PGconn *db, const struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	char where[64];

	snprintf(where, sizeof(where), " WHERE _load_id = %d", load->load_id);
	return count_into(db, set, load->load_id, where, &load->cells, fail);
}

static bool count_rows(PGconn *db, const struct feature_columns *set, int64_t *rows, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "d",
		      "SELECT coalesce(sum(rows), 0) FROM green_ml.preprocessing WHERE feature_set_id = $1", set->id);

	if (!row)
		return false;
	*rows = db_int(row, 0, 0);
	db_free(row);
	return true;
}

static bool count_cells(PGconn *db, const struct feature_columns *set, int64_t *cells, struct fail *fail)
{
	struct text sql;
	PGresult *row;

	text_init(&sql, MAX_SQL);
	text_printf(&sql, "SELECT count(*) FROM (SELECT FROM %s GROUP BY ", set->prep_table);
	cell_columns(set, &sql);
	text_puts(&sql, ") AS cell");
	row = db_query(db, fail, sql.data, 0, NULL);
	text_release(&sql);
	if (!row)
		return false;
	*cells = db_int(row, 0, 0);
	db_free(row);
	return true;
}

/* The base of all feature rows that there are, those of this load included. */
static bool begin(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	if (!count_into(db, set, 0, "", &set->base_cells, fail) ||
	    !db_runf(db, fail, "d", "UPDATE green_ml.preprocessing SET in_base = true WHERE feature_set_id = $1",
		     set->id))
		return false;
	set->keeps_cells = true;
	load->cells = set->base_cells;
	load->in_base = true;
	return true;
}

static bool begin_when_worth_it(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	int64_t rows, cells;

	if (!count_rows(db, set, &rows, fail))
		return false;
	rows += load->rows;
	if (rows < set->count_cells_at)
		return true;
	if (!count_cells(db, set, &cells, fail))
		return false;
	set->count_cells_at = cells_count_next_at(cells, rows);
	if (cells_are_worth_it(cells, rows) && !begin(db, set, load, fail))
		return false;
	return db_runf(db, fail, "dbll",
		       "UPDATE green_ml.feature_set SET keeps_cells = $2, count_cells_at = $3, base_cells = $4 "
		       "WHERE feature_set_id = $1",
		       set->id, set->keeps_cells, set->count_cells_at, set->base_cells);
}

bool cells_add(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	bool done;

	load->cells = 0;
	load->in_base = false;
	if (load->rows == 0 || set->count - 1 > CELLS_MAX_FEATURES)
		return true;
	done = set->keeps_cells ? add_delta(db, set, load, fail) : begin_when_worth_it(db, set, load, fail);
	return done || fail_prefix(fail, "could not count the cells of load %d", load->load_id);
}

/* Everything is taken out and what it sums up to is put in again. */
static bool rewrite(PGconn *db, struct feature_columns *set, struct fail *fail)
{
	struct text sql;
	PGresult *result;

	text_init(&sql, MAX_SQL);
	text_printf(&sql, "WITH taken AS (DELETE FROM %s RETURNING _count, ", set->cell_table);
	cell_columns(set, &sql);
	text_printf(&sql, ") INSERT INTO %s (_load_id, _count, ", set->cell_table);
	cell_columns(set, &sql);
	text_puts(&sql, ") SELECT 0, sum(_count)::bigint, ");
	cell_columns(set, &sql);
	text_puts(&sql, " FROM taken GROUP BY ");
	cell_columns(set, &sql);
	result = db_query(db, fail, sql.data, 0, NULL);
	text_release(&sql);
	if (!result)
		return false;
	set->base_cells = strtoll(PQcmdTuples(result), NULL, 10);
	db_free(result);
	return true;
}

bool cells_compact(PGconn *db, struct feature_columns *set, bool *compacted, struct fail *fail)
{
	PGresult *row;

	*compacted = false;
	if (!set->keeps_cells)
		return true;
	row = db_queryf(
	    db, fail, "d",
	    "SELECT coalesce(sum(cells), 0) FROM green_ml.preprocessing WHERE feature_set_id = $1 AND NOT in_base",
	    set->id);
	if (!row)
		return fail_prefix(fail, "could not count the cells of feature set %d", set->id);
	*compacted = cells_are_scattered(db_int(row, 0, 0), set->base_cells);
	db_free(row);
	if (!*compacted)
		return true;
	return (rewrite(db, set, fail) &&
		db_runf(db, fail, "dl", "UPDATE green_ml.feature_set SET base_cells = $2 WHERE feature_set_id = $1",
			set->id, set->base_cells) &&
		db_runf(db, fail, "d",
			"UPDATE green_ml.preprocessing SET in_base = true WHERE feature_set_id = $1 AND NOT in_base",
			set->id)) ||
	       fail_prefix(fail, "could not compact the cells of feature set %d", set->id);
}
