/* Large results, a part at a time (common/db.h). */

#include <stdlib.h>

#include "common/db.h"
#include "common/db_internal.h"
#include "common/xalloc.h"

/* In network order. */
int db_binary_int(const PGresult *rows, int row, int column)
{
	const unsigned char *at = (const unsigned char *)PQgetvalue(rows, row, column);

	return (int)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static bool read_batches(PGconn *db, struct fail *fail, const char *name, int batch, db_batch *take, void *context)
{
	char *fetch = xasprintf("FETCH FORWARD %d FROM %s", batch, name);
	bool good, more = true;

	do {
		PGresult *rows = db_query_binary(db, fail, fetch, 0, NULL);

		good = rows != NULL;
		more = good && PQntuples(rows) == batch;
		if (good && PQntuples(rows) > 0)
			good = take(context, rows, fail);
		db_free(rows);
	} while (good && more);
	free(fetch);
	return good;
}

bool db_stream(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values,
	       bool (*take)(void *context, const PGresult *row, struct fail *fail), void *context)
{
	bool good = PQsendQueryParams(db, sql, count, NULL, values, NULL, NULL, 1) == 1;
	PGresult *result;

	db_note_sqlstate("");
	if (!good)
		return db_fail_from(db, NULL, fail);
	PQsetSingleRowMode(db);
	while ((result = PQgetResult(db)) != NULL) {
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			good = good && take(context, result, fail);
		else if (good && PQresultStatus(result) != PGRES_TUPLES_OK)
			good = db_fail_from(db, result, fail);
		PQclear(result);
	}
	return good;
}

bool db_each(PGconn *db, struct fail *fail, const char *sql, int batch, db_batch *take, void *context)
{
	static _Thread_local unsigned cursors; /* take() may open one of its own */
	bool own = PQtransactionStatus(db) == PQTRANS_IDLE, good;
	char *name = xasprintf("each_%u", cursors++);
	char *declare = xasprintf("DECLARE %s NO SCROLL CURSOR FOR %s", name, sql),
	     *close = xasprintf("CLOSE %s", name);

	good = (!own || db_begin(db, fail)) && db_run(db, fail, declare, 0, NULL) &&
	       read_batches(db, fail, name, batch, take, context) && db_run(db, fail, close, 0, NULL) &&
	       (!own || db_commit(db, fail));
	if (!good && own)
		db_rollback(db);
	free(name);
	free(declare);
	free(close);
	return good;
}
