#include "preprocessing/blocks.h"

#include <stdlib.h>

#include "common/db.h"
#include "common/xalloc.h"

static bool write_block(struct block_writer *writer, const struct cells *cells, int64_t first, int64_t count,
			struct fail *fail)
{
	char *sql = xasprintf("INSERT INTO %s (_load_id, _holdout, _part, _cells, _rows, _bytes) "
			      "VALUES ($1, $2, $3, $4, $5, $6)",
			      writer->table);
	struct text bytes;
	int64_t rows = 0;
	bool good;

	text_init(&bytes, CELLS_BLOCK_MAX_SIZE);
	for (int64_t i = first; i < first + count; i++)
		rows += cells->counts[i];
	cells_pack(cells, first, count, &bytes);
	good = bytes.overflow ? fail_set(fail, EXIT_FAILED, "a block of %lld cells is too large", (long long)count)
			      : db_runf(writer->db, fail, "dbdlly", sql, writer->load_id, (int)writer->holdout,
					writer->part, count, rows, bytes.data, bytes.size);
	text_release(&bytes);
	free(sql);
	writer->part++;
	return good;
}

bool blocks_write(struct block_writer *writer, const struct cells *cells, struct fail *fail)
{
	int64_t most = cells_block_max(cells->columns);

	for (int64_t first = 0; first < cells->count; first += most) {
		int64_t left = cells->count - first;

		if (!write_block(writer, cells, first, left < most ? left : most, fail))
			return false;
	}
	return true;
}

bool blocks_remove(PGconn *db, const char *table, int load_id, struct fail *fail)
{
	char *sql = xasprintf("DELETE FROM %s WHERE _load_id = $1", table);
	bool good = db_runf(db, fail, "d", sql, load_id);

	free(sql);
	return good;
}
