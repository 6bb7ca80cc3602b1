#ifndef COMMON_CELL_STORE_H
#define COMMON_CELL_STORE_H

/* The blocks of cells (cells.h) that a feature set's cell table holds, read in order of load, split and block. */

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/cells.h"
#include "common/fail.h"

struct cell_source {
	const char *table; /* quoted, with schema */
	int columns;
	const char *loads; /* PostgreSQL array text ("{1,2}"); 0 stands for the compacted counts */
	const char *which; /* "train", "holdout" or "all" */
};

/* One block; false with fail set stops. */
typedef bool cell_store_take(void *context, int load_id, bool holdout, const struct cells *cells, struct fail *fail);

bool cell_store_read(PGconn *db, const struct cell_source *source, cell_store_take *take, void *context,
		     struct fail *fail) MUST_USE;

#endif
