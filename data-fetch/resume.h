#ifndef DATA_FETCH_RESUME_H
#define DATA_FETCH_RESUME_H

/*
 * Where to go on in an input that grows at its end: behind the rows that its finished loads cover from the first row on
 * without a gap. Rows behind a gap are read again then and count as known; each is still there once. Loads that are
 * under way or have failed cover nothing, so what they leave undone is done by the next one.
 *
 *	resume_row(db, columns.source_id, input.location, &window.start_row, &fail)	0 where nothing was loaded
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"

bool resume_row(PGconn *db, int source_id, const char *location, int64_t *start_row, struct fail *fail) MUST_USE;

#endif
