#ifndef COMMON_FAIL_H
#define COMMON_FAIL_H

/*
 * How a module reports an error: it returns false (or NULL, or -1) and fills a `struct fail` that the caller owns.
 * Modules never print and never exit; only <program>.c turns a fail into one line on stderr and an exit code.
 *
 *	struct fail fail = {0};
 *	if (!spec_load(path, &spec, &fail))
 *		return fail_exit("data-fetch", &fail);
 *
 * The first cause wins: fail_set() on a fail that already holds an error changes nothing, so clean-up code may fail
 * again without hiding the reason. fail_clear() makes it reusable (retry loops).
 *
 * Texts are one sentence: what could not be done, to which file, line, field or setting, what was found, what to do.
 */

#include <stdbool.h>

#include "common/attr.h"
#include "common/banned.h"

/* Exit codes of every program. Never 64 or 65: Argo's executor uses them. */
enum exit_code {
	EXIT_DONE = 0,	     /* also: nothing to do, decided to wait, challenger refused */
	EXIT_FAILED = 1,     /* failed for good */
	EXIT_WRONG_USE = 2,  /* wrong usage, setting or spec */
	EXIT_BAD_DATA = 3,   /* the input data is at fault */
	EXIT_TRY_AGAIN = 75, /* a retry may succeed: database or network away */
};

struct fail {
	enum exit_code code; /* 0 while nothing failed */
	char text[1024];
};

/* Records the first error and returns false, so `return fail_set(...)` reads well. Longer texts are cut. */
bool fail_set(struct fail *fail, enum exit_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "CONTEXT: " in front of the recorded error; returns false. */
bool fail_prefix(struct fail *fail, const char *format, ...) PRINTF_LIKE(2, 3);

void fail_clear(struct fail *fail);

/* Logs the error (level=error) and returns its exit code for main(). */
int fail_exit(const struct fail *fail);

#endif
