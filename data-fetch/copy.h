#ifndef DATA_FETCH_COPY_H
#define DATA_FETCH_COPY_H

/*
 * Rows into a COPY in text format, sent in pieces, so that the server stores one piece while the next one is parsed.
 *
 *	struct copy copy;
 *	copy_begin(&copy, db, "COPY ... FROM STDIN", &fail)
 *	for each row: copy_field() for each field, then copy_row_end()
 *	copy_end(&copy, &rows, &fail)
 *	copy_release(&copy);		in every case; abandons what has not ended
 *
 * copy_row_end() may find that the server has something to say before the end (copy.interrupted): that is an error of
 * an earlier row, which copy_end() fetches; no more rows are sent then.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"

struct copy {
	PGconn *db;
	bool going;
	bool interrupted;
	char *buffer;
	size_t size, capacity;
	bool first; /* of the row's fields */
};

bool copy_begin(struct copy *copy, PGconn *db, const char *sql, struct fail *fail) MUST_USE;

/* data NULL: SQL NULL. The text must be free of NUL. */
void copy_field(struct copy *copy, const char *data, size_t size);
void copy_number(struct copy *copy, int64_t number);
bool copy_row_end(struct copy *copy, struct fail *fail) MUST_USE;

bool copy_end(struct copy *copy, int64_t *rows, struct fail *fail) MUST_USE;
void copy_release(struct copy *copy); /* of a zeroed struct too */

#endif
