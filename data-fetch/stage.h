#ifndef DATA_FETCH_STAGE_H
#define DATA_FETCH_STAGE_H

/*
 * Loading rows of which some are known: they go to a temporary table first and are compared as sets with what is there.
 * All in the caller's transaction.
 *
 *	stage_begin(db, columns, &fail)
 *	... COPY with stage_copy_sql() ...
 *	stage_merge(db, columns, load_id, &merged, &fail)
 *
 * New ids are stored. A known id with equal content is counted as known; with other content it is a conflict: the
 * stored row stands and green_ml.rejected_row says where the first PASS_MAX_REJECTS of them are. An id twice among the
 * staged rows is treated the same way, the first row wins. Another load that stores the same ids at the same time is
 * waited for.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "data-fetch/columns.h"

struct merged {
	int64_t rows; /* new */
	int64_t known;
	int64_t conflicts;
	int64_t first_conflict_line; /* 0: none */
};

bool stage_begin(PGconn *db, const struct columns *columns, struct fail *fail) MUST_USE;
char *stage_copy_sql(const struct columns *columns); /* the caller frees it */
bool stage_merge(PGconn *db, const struct columns *columns, int load_id, struct merged *merged,
		 struct fail *fail) MUST_USE;

#endif
