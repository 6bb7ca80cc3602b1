#include "model-training/plan_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/forest.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_SQL = 1 << 20 };

struct reading {
	const struct feature_set *set;
	struct dataset_rows *rows;
	int32_t *values;
	bool *seen; /* by load */
	int seen_size;
};

static void remember_load(struct reading *reading, int load)
{
	if (load >= reading->seen_size) {
		int size = load + 64;

		reading->seen = xreallocarray(reading->seen, (size_t)size, sizeof(*reading->seen));
		memset(reading->seen + reading->seen_size, 0, (size_t)(size - reading->seen_size));
		reading->seen_size = size;
	}
	reading->seen[load] = true;
}

/* A line of COPY: load, label, features, count; numbers apart by tabs, as the server wrote them. */
static bool add_line(void *context, const char *line, int size UNUSED, struct fail *fail UNUSED)
{
	struct reading *reading = context;
	char *at;
	long load = strtol(line, &at, 10);
	int32_t label = (int32_t)strtol(at, &at, 10);

	for (int f = 0; f < reading->set->feature_count; f++)
		if (reading->set->features[f].type == COLUMN_REAL)
			reading->values[f] = forest_real_key(strtof(at, &at));
		else
			reading->values[f] = (int32_t)strtol(at, &at, 10);
	dataset_rows_add(reading->rows, label, reading->values, strtoll(at, NULL, 10));
	remember_load(reading, (int)load);
	return true;
}

static void write_query(PGconn *db, const struct feature_set *set, const struct plan_window *window, bool cells,
			struct text *sql)
{
	text_printf(sql, "COPY (SELECT _load_id, _label");
	for (int f = 0; f < set->feature_count; f++) {
		char *name = db_identifier(db, set->features[f].name);

		text_printf(sql, ", %s", name);
		PQfreemem(name);
	}
	text_printf(sql, ", %s FROM %s WHERE NOT _holdout", cells ? "_count" : "1",
		    cells ? set->cell_table : set->prep_table);
	if (!cells)
		text_printf(sql, " AND _load_id = ANY ('%s'::int[])", window->loads);
	if (window->train_on == TRAIN_ON_LAST_ROWS)
		text_printf(sql, " ORDER BY _load_id DESC, _row DESC LIMIT %lld", (long long)window->count);
	text_puts(sql, ") TO STDOUT");
}

static char *list_seen(const struct reading *reading)
{
	struct text list;
	char *result;

	text_init(&list, MAX_SQL);
	text_puts(&list, "{");
	for (int load = 0; load < reading->seen_size; load++)
		if (reading->seen[load])
			text_printf(&list, "%s%d", list.size > 1 ? "," : "", load);
	text_puts(&list, "}");
	result = text_take(&list);
	text_release(&list);
	return result;
}

bool plan_rows_read(PGconn *db, const struct feature_set *set, const struct plan_window *window,
		    struct dataset_rows *rows, char **used, struct fail *fail)
{
	bool cells = set->keeps_cells && window->all && window->train_on != TRAIN_ON_LAST_ROWS, done;
	struct reading reading = {.set = set, .rows = rows};
	struct text sql;

	text_init(&sql, MAX_SQL);
	reading.values = xcalloc((size_t)set->feature_count, sizeof(*reading.values));
	write_query(db, set, window, cells, &sql);
	done = sql.overflow ? fail_set(fail, EXIT_FAILED,
				       "the list of loads is too long for one query: let the spec's "
				       "\"train_on\" take fewer")
			    : db_copy_out(db, fail, sql.data, add_line, &reading);
	if (!done)
		fail_prefix(fail, "could not read the training rows of feature set %d", set->id);
	*used = window->train_on == TRAIN_ON_LAST_ROWS ? list_seen(&reading) : xstrdup(window->loads);
	text_release(&sql);
	free(reading.values);
	free(reading.seen);
	return done;
}
