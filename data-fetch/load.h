#ifndef DATA_FETCH_LOAD_H
#define DATA_FETCH_LOAD_H

/*
 * A load: the wanted rows of an input into their source's table, each exactly once.
 *
 * Everything is one transaction - the row of green_ml.load, the rows, the rejects, the end of the run - so a load is
 * there as a whole or not at all, whenever the program dies. First the rows are copied straight into the table. Where
 * that meets a known id, all is rolled back; if a finished load of the same location and window has the same hash,
 * nothing is left to do
 * (`repeat`: that load is the result, no new one is made), else the input is read again through the staging table
 * (stage.h).
 *
 * Where the input has fewer rows than window->min_rows, nothing is loaded, and they are counted in rows_waiting.
 *
 * A load that fails for good leaves a row in state failed and its first rejects, in a transaction of its own.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fail.h"
#include "common/run.h"
#include "data-fetch/columns.h"
#include "data-fetch/input.h"
#include "data-fetch/pass.h"

struct load_result {
	int load_id; /* 0: none, there were too few rows */
	bool repeat;
	int64_t rows;	      /* new */
	int64_t rows_known;   /* identical rows that were there; of a repeat all of them */
	int64_t rejected;     /* unreadable rows and conflicts */
	int64_t rows_waiting; /* too few to be loaded */
	bool shrunk;	      /* and the input even ends before the window begins */
	int64_t conflicts;
	int64_t first_conflict_line;
	char sha256[DIGEST_HEX_SIZE]; /* "" where nothing was loaded */
};

/* Closes the run as done; on error the caller closes it as failed. */
bool load_run(PGconn *db, struct run *run, struct columns *columns, struct input *input, const struct window *window,
	      struct load_result *result, struct fail *fail) MUST_USE;

#endif
