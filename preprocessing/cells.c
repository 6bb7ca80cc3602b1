#include "preprocessing/cells.h"

#include <stdlib.h>

#include "common/db.h"
#include "common/text.h"

enum { COMPACT_FROM = 100000, WORTH_PERCENT = 25 };

bool cells_are_worth_it(int features, int64_t cells, int64_t rows)
{
	return features <= CELLS_MAX_FEATURES && rows > 0 && cells * 100 <= rows * WORTH_PERCENT;
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

static bool decide(PGconn *db, struct feature_columns *set, const struct encoded_load *load, struct fail *fail)
{
	struct text sql;
	PGresult *row = NULL;

	set->keeps_cells = false;
	if (set->count - 1 <= CELLS_MAX_FEATURES) {
		text_init(&sql, MAX_SQL);
		text_printf(&sql, "SELECT count(*) FROM (SELECT FROM %s WHERE _load_id = $1 GROUP BY ",
			    set->prep_table);
		cell_columns(set, &sql);
		text_puts(&sql, ") AS cell");
		row = db_queryf(db, fail, "d", sql.data, load->load_id);
		text_release(&sql);
		if (!row)
			return fail_prefix(fail, "could not count the cells of load %d", load->load_id);
		set->keeps_cells = cells_are_worth_it(set->count - 1, db_int(row, 0, 0), load->rows);
		db_free(row);
	}
	set->cells_decided = true;
	return db_runf(db, fail, "db", "UPDATE green_ml.feature_set SET keeps_cells = $2 WHERE feature_set_id = $1",
		       set->id, set->keeps_cells) ||
	       fail_prefix(fail, "could not store whether feature set %d keeps cells", set->id);
}

bool cells_add(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	struct text sql;
	PGresult *result;

	load->cells = 0;
	if (load->rows == 0)
		return true;
	if (!set->cells_decided && !decide(db, set, load, fail))
		return false;
	if (!set->keeps_cells)
		return true;
	text_init(&sql, MAX_SQL);
	text_printf(&sql, "INSERT INTO %s (_load_id, _count, ", set->cell_table);
	cell_columns(set, &sql);
	text_puts(&sql, ") SELECT $1, count(*), ");
	cell_columns(set, &sql);
	text_printf(&sql, " FROM %s WHERE _load_id = $1 GROUP BY ", set->prep_table);
	cell_columns(set, &sql);
	result = db_queryf(db, fail, "d", sql.data, load->load_id);
	text_release(&sql);
	if (!result)
		return fail_prefix(fail, "could not write the cells of load %d", load->load_id);
	load->cells = strtoll(PQcmdTuples(result), NULL, 10);
	db_free(result);
	return true;
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
