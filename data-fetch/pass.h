#ifndef DATA_FETCH_PASS_H
#define DATA_FETCH_PASS_H

/*
 * One reading of the input from its header to the last wanted row: finds the columns, skips start_row rows, takes
 * n_rows, hashes what it takes, checks it, and sends the good rows to a COPY.
 *
 *	struct pass pass = {.kind = PASS_TABLE, .input = &input, .columns = &columns, .window = &window, ...};
 *	pass_run(&pass, &fail)
 *	pass_release(&pass);
 *
 * A row that cannot be read is a reject. More of them than window->max_rejects are an error (EXIT_BAD_DATA): no row is
 * sent from then on, but reading goes on until PASS_MAX_REJECTS are known, so that all that is wrong with a file is
 * seen at once.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/csv.h"
#include "common/digest.h"
#include "common/fail.h"
#include "data-fetch/columns.h"
#include "data-fetch/copy.h"
#include "data-fetch/input.h"

enum {
	PASS_MAX_REJECTS = 100, /* described one by one; the others are only counted */
	PASS_MAX_CONTENT = 8192,
};

enum pass_kind {
	PASS_HASH,  /* nothing is checked or sent */
	PASS_TABLE, /* to the source's table: load id, row, id, columns */
	PASS_STAGE, /* to the staging table: row, line, content or NULL, id, columns */
};

struct window {
	int64_t start_row; /* data rows skipped */
	int64_t n_rows;	   /* 0: to the end */
	int64_t min_rows;  /* fewer rows than that are left for a later load: pass.too_few */
	int64_t max_rejects;
	bool keep_rejects; /* with their content */
};

struct reject {
	int64_t line;
	char *reason;
	char *content; /* NULL unless kept */
};

struct pass {
	enum pass_kind kind;
	struct input *input;
	struct columns *columns;
	const struct window *window;
	struct copy *copy; /* NULL for PASS_HASH */
	int load_id;	   /* for PASS_TABLE */

	/* what came out */
	int64_t selected; /* rows within the window */
	bool too_few;	  /* the input ended before window->min_rows of them; nothing else is set then */
	int64_t rejected;
	struct reject rejects[PASS_MAX_REJECTS];
	int reject_count;
	unsigned char sha256[DIGEST_SIZE]; /* of the header's and the selected rows' bytes */
	int64_t row;			   /* number of the last data row read */

	/* its own */
	struct csv *csv;
	struct digest *digest;
	bool has_header;
	double progress_s;
};

/* True also when the server interrupted the COPY (copy->interrupted); the hash is not set then. */
bool pass_run(struct pass *pass, struct fail *fail) MUST_USE;
void pass_release(struct pass *pass);

/* A row's bytes without its line end as valid text of at most PASS_MAX_CONTENT bytes: NUL and bytes that are no UTF-8
 * become
 * "?". The caller frees it. */
char *pass_content(const struct csv_row *row);

#endif
