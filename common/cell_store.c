#include "common/cell_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

enum { BATCH = 16 };

struct reading {
	struct cells cells;
	cell_store_take *take;
	void *context;
};

static bool take_batch(void *context, const PGresult *rows, struct fail *fail)
{
	struct reading *reading = context;

	for (int row = 0; row < PQntuples(rows); row++) {
		int load_id = db_binary_int(rows, row, 0);

		cells_clear(&reading->cells);
		if (!cells_unpack(&reading->cells, PQgetvalue(rows, row, 2), (size_t)PQgetlength(rows, row, 2), fail))
			return fail_prefix(fail, "load %d", load_id);
		if (!reading->take(reading->context, load_id, PQgetvalue(rows, row, 1)[0] != 0, &reading->cells, fail))
			return false;
	}
	return true;
}

bool cell_store_read(PGconn *db, const struct cell_source *source, cell_store_take *take, void *context,
		     struct fail *fail)
{
	struct reading reading = {.take = take, .context = context};
	bool all = strcmp(source->which, "all") == 0, holdout = strcmp(source->which, "holdout") == 0;
	char *sql;
	bool good;

	if (source->loads[strspn(source->loads, "0123456789,{}")])
		return fail_set(fail, EXIT_FAILED, "\"%s\" is no list of loads", source->loads);
	sql = xasprintf("SELECT _load_id, _holdout, _bytes FROM %s WHERE _load_id = ANY ('%s'::int[])%s "
			"ORDER BY _load_id, _holdout, _part",
			source->table, source->loads,
			all	  ? ""
			: holdout ? " AND _holdout"
				  : " AND NOT _holdout");
	cells_init(&reading.cells, source->columns);
	good = db_each(db, fail, sql, BATCH, take_batch, &reading) ||
	       fail_prefix(fail, "could not read the cells of %s", source->table);
	cells_release(&reading.cells);
	free(sql);
	return good;
}
