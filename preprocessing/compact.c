#include "preprocessing/compact.h"

#include <stdlib.h>

#include "common/cell_store.h"
#include "common/db.h"
#include "common/xalloc.h"
#include "preprocessing/blocks.h"
#include "preprocessing/gather.h"

enum { COMPACT_FROM = 100000 };

bool compact_is_due(int64_t delta_cells, int64_t base_cells, int64_t try_at)
{
	return delta_cells > 2 * base_cells + COMPACT_FROM && delta_cells + base_cells >= try_at;
}

bool compact_is_worth_it(int64_t cells_before, int64_t cells_after)
{
	return cells_after <= cells_before - cells_before / 4;
}

struct summing {
	struct gather gather;
	int64_t cells; /* that were summed up */
};

static bool sum_up(void *context, int load_id UNUSED, bool holdout UNUSED, const struct cells *cells,
		   struct fail *fail UNUSED)
{
	struct summing *summing = context;

	summing->cells += cells->count;
	for (int64_t i = 0; i < cells->count; i++)
		gather_add(&summing->gather, cells->values + i * cells->columns, cells->counts[i]);
	return true;
}

/* The counts outside the base, and a list of what a training on all loads reads. */
static bool find_deltas(PGconn *db, const struct feature_columns *set, int64_t *cells, char **loads, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d",
				  "SELECT coalesce(sum(cells), 0), array_agg(load_id) || 0 FROM green_ml.preprocessing "
				  "WHERE feature_set_id = $1 AND NOT in_base",
				  set->id);

	if (!row)
		return false;
	*cells = db_int(row, 0, 0);
	*loads = xstrdup(db_text(row, 0, 1));
	db_free(row);
	return true;
}

static bool write_base(PGconn *db, struct feature_columns *set, const struct cells *cells, struct fail *fail)
{
	struct block_writer writer = {.db = db, .table = set->cell_table};

	set->base_cells = cells->count;
	return blocks_remove(db, set->cell_table, 0, fail) && blocks_write(&writer, cells, fail) &&
	       db_runf(db, fail, "dl",
		       "UPDATE green_ml.feature_set SET keeps_cells = true, base_cells = $2, count_cells_at = 0 "
		       "WHERE feature_set_id = $1",
		       set->id, set->base_cells) &&
	       db_runf(db, fail, "d",
		       "UPDATE green_ml.preprocessing SET in_base = true WHERE feature_set_id = $1 AND NOT in_base",
		       set->id);
}

static bool try_compact(PGconn *db, struct feature_columns *set, const char *loads, int64_t before, bool *compacted,
			struct fail *fail)
{
	struct cell_source source = {.table = set->cell_table, .columns = set->count, .loads = loads, .which = "train"};
	struct summing summing = {0};
	bool good;

	gather_init(&summing.gather, set->count);
	good = cell_store_read(db, &source, sum_up, &summing, fail);
	*compacted = good && compact_is_worth_it(summing.cells, summing.gather.cells.count);
	if (*compacted)
		good = write_base(db, set, &summing.gather.cells, fail);
	else if (good)
		good = db_runf(db, fail, "dl",
			       "UPDATE green_ml.feature_set SET count_cells_at = $2 WHERE feature_set_id = $1", set->id,
			       2 * before);
	gather_release(&summing.gather);
	return good;
}

bool compact(PGconn *db, struct feature_columns *set, bool *compacted, struct fail *fail)
{
	int64_t delta = 0, before;
	char *loads = NULL;
	bool good;

	*compacted = false;
	good = find_deltas(db, set, &delta, &loads, fail);
	before = delta + set->base_cells;
	if (good && compact_is_due(delta, set->base_cells, set->count_cells_at) &&
	    before <= COMPACT_MAX_BYTES / (4 * (int64_t)set->count))
		good = try_compact(db, set, loads, before, compacted, fail);
	free(loads);
	return good || fail_prefix(fail, "could not compact the cells of feature set %d", set->id);
}
