#ifndef COMMON_CSV_H
#define COMMON_CSV_H

/*
 * A streaming CSV reader (RFC 4180): commas, quotes around fields, "" for a quote in them, line ends in them, CRLF or
 * LF, last line end optional, UTF-8 with or without a byte order mark. An empty line is no row.
 *
 *	struct csv *csv = csv_new(name, on_row, context);
 *	while (... data ...)
 *		if (!csv_feed(csv, data, size, &fail)) ...	on_row() is called for each row, the header too
 *	csv_finish(csv, &fail)					the last row
 *	csv_free(csv);
 *
 * The pieces may end anywhere. A row that breaks the rules (`problem`) is passed on like the others and reading goes on
 * behind its line end; EXIT_BAD_DATA is for what makes the rows behind it unreadable: a row of more than 1 MiB, or a
 * quote that is never closed. Fields and raw bytes live until on_row() returns. Memory: about 1.3 MiB, whatever comes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"

enum { CSV_MAX_ROW = 1 << 20 };

struct csv_field {
	const char *data; /* after unquoting; not NUL-terminated */
	size_t size;
};

struct csv_row {
	int64_t line;	 /* of the file where the row begins, from 1 */
	const char *raw; /* as it stands in the file, line end included */
	size_t raw_size;
	const struct csv_field *fields;
	int count;
	const char *problem; /* why it cannot be read, a few words; NULL: fine. The fields are not to be used then. */
};

/* Returns false to stop: csv_feed() returns false then, with fail as the callback left it. */
typedef bool csv_on_row(void *context, const struct csv_row *row, struct fail *fail);

struct csv;

/* The name is for messages and must live as long. */
struct csv *csv_new(const char *name, csv_on_row *on_row, void *context);
/* The next rows are passed over without a look at them, many times faster; also from within on_row(). */
void csv_skip(struct csv *csv, int64_t rows);
int64_t csv_skip_left(const struct csv *csv); /* of them have not come yet */
bool csv_feed(struct csv *csv, const char *data, size_t size, struct fail *fail) MUST_USE;
bool csv_finish(struct csv *csv, struct fail *fail) MUST_USE;
void csv_free(struct csv *csv); /* NULL is fine */

/* Well-formed UTF-8 without NUL: what PostgreSQL takes as text. */
bool csv_is_text(const char *data, size_t size);

#endif
