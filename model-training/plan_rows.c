#include "model-training/plan_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/cell_store.h"
#include "common/db.h"
#include "common/forest.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_SQL = 1 << 20 };

struct reading {
	const struct feature_set *set;
	struct dataset_rows *rows;
};

static bool add_cells(void *context, int load_id UNUSED, bool holdout UNUSED, const struct cells *cells,
		      struct fail *fail UNUSED)
{
	struct reading *reading = context;

	for (int64_t i = 0; i < cells->count; i++) {
		const int32_t *values = cells->values + i * cells->columns;

		dataset_rows_add(reading->rows, values[0], values + 1, cells->counts[i]);
	}
	return true;
}

static bool read_loads(PGconn *db, struct reading *reading, const char *loads, struct fail *fail)
{
	struct cell_source source = {.table = reading->set->cell_table,
				     .columns = 1 + reading->set->feature_count,
				     .loads = loads,
				     .which = "train"};

	return cell_store_read(db, &source, add_cells, reading, fail);
}

/* All loads: the compacted counts and the loads that are not in them. */
static bool read_all(PGconn *db, struct reading *reading, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d",
				  "SELECT array_agg(load_id) || 0 FROM green_ml.preprocessing "
				  "WHERE feature_set_id = $1 AND NOT in_base",
				  reading->set->id);
	bool done = row && read_loads(db, reading, db_text(row, 0, 0), fail);

	db_free(row);
	return done;
}

/* ------------------------------------------------------------------ the newest rows */

/* A line of COPY: label and features, apart by tabs, as the server wrote them. */
static bool add_line(void *context, const char *line, int size UNUSED, struct fail *fail UNUSED)
{
	struct reading *reading = context;
	const struct feature_set *set = reading->set;
	int32_t *values = xcalloc((size_t)set->feature_count, sizeof(*values));
	char *at;
	int32_t label = (int32_t)strtol(line, &at, 10);

	for (int f = 0; f < set->feature_count; f++)
		values[f] = set->features[f].type == COLUMN_REAL ? forest_real_key(strtof(at, &at))
								 : (int32_t)strtol(at, &at, 10);
	dataset_rows_add(reading->rows, label, values, 1);
	free(values);
	return true;
}

/* The newest training rows of one load: its cells do not know their order, so they are made from the raw rows again. */
static bool read_part(PGconn *db, struct reading *reading, int load_id, int64_t count, struct fail *fail)
{
	struct text sql;
	bool done;

	text_init(&sql, MAX_SQL);
	text_puts(&sql, "COPY (SELECT _label");
	for (int f = 0; f < reading->set->feature_count; f++) {
		char *name = db_identifier(db, reading->set->features[f].name);

		text_printf(&sql, ", %s", name);
		PQfreemem(name);
	}
	text_printf(&sql, " FROM %s WHERE _load_id = %d AND NOT _holdout ORDER BY _row DESC LIMIT %lld) TO STDOUT",
		    reading->set->prep_table, load_id, (long long)count);
	done = db_copy_out(db, fail, sql.data, add_line, reading);
	text_release(&sql);
	return done;
}

/* How many training rows each load has, the newest first. */
static PGresult *count_rows(PGconn *db, const struct reading *reading, const char *loads, struct fail *fail)
{
	char *sql = xasprintf("SELECT _load_id, sum(_rows) FROM %s WHERE _load_id = ANY ($1::int[]) AND NOT _holdout "
			      "GROUP BY _load_id ORDER BY _load_id DESC",
			      reading->set->cell_table);
	PGresult *counts = db_queryf(db, fail, "s", sql, loads);

	free(sql);
	return counts;
}

static bool read_newest(PGconn *db, struct reading *reading, const struct plan_window *window, char **used,
			struct fail *fail)
{
	PGresult *counts = count_rows(db, reading, window->loads, fail);
	int64_t left = window->count;
	struct text whole, all;
	int last = 0, i = 0;
	bool done = counts != NULL;

	text_init(&whole, MAX_SQL);
	text_init(&all, MAX_SQL);
	text_puts(&whole, "{");
	text_puts(&all, "{");
	for (; done && i < PQntuples(counts) && left > 0; i++) {
		if (db_int(counts, i, 1) <= left)
			text_printf(&whole, "%s%s", whole.size > 1 ? "," : "", db_text(counts, i, 0));
		else
			last = (int)db_int(counts, i, 0);
		if (!last)
			left -= db_int(counts, i, 1);
		else
			break;
	}
	for (i = i - !last; done && i >= 0; i--)
		text_printf(&all, "%s%s", all.size > 1 ? "," : "", db_text(counts, i, 0));
	text_puts(&whole, "}");
	text_puts(&all, "}");
	done = done && read_loads(db, reading, whole.data, fail) && (!last || read_part(db, reading, last, left, fail));
	*used = text_take(&all);
	text_release(&whole);
	text_release(&all);
	db_free(counts);
	return done;
}

bool plan_rows_read(PGconn *db, const struct feature_set *set, const struct plan_window *window,
		    struct dataset_rows *rows, char **used, struct fail *fail)
{
	struct reading reading = {.set = set, .rows = rows};
	bool done;

	*used = NULL;
	if (window->train_on == TRAIN_ON_LAST_ROWS) {
		done = read_newest(db, &reading, window, used, fail);
	} else {
		*used = xstrdup(window->loads);
		done = set->has_base && window->all ? read_all(db, &reading, fail)
						    : read_loads(db, &reading, window->loads, fail);
	}
	return done || fail_prefix(fail, "could not read the training rows of feature set %d", set->id);
}
