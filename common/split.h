#ifndef COMMON_SPLIT_H
#define COMMON_SPLIT_H

/*
 * The holdout split (DESIGN: a contract of its own). A row is in the holdout iff the first 8 bytes, big-endian, of
 *	sha256(source, 0x00, id)
 * are below the limit = floor(holdout * 2^64). The id is the field's text after unquoting, unchanged. The split depends
 * on nothing else, so a row keeps its side for ever, in C and in SQL (green_ml.is_holdout).
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

enum { SPLIT_LIMIT_SIZE = 24 };

/* holdout is decimal text ("0.2", from 0 to below 1, at most 18 decimals; an exponent as in "5e-2" is understood). The
 * limit is computed in decimal arithmetic and written as decimal digits, as it is stored in numeric(20). False: not
 * such a number. */
bool split_limit(const char *holdout, char limit[SPLIT_LIMIT_SIZE]) MUST_USE;

/* For many rows of one source; limit as split_limit() writes it. */
struct split;
struct split *split_new(const char *source, const char *limit);
bool split_has(struct split *split, const char *id, size_t id_size); /* is it in the holdout? */
void split_free(struct split *split);				     /* NULL is fine */

#endif
