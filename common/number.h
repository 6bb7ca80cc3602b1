#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

/*
 * Strict number texts, the same rule in CSV fields, requests and settings. No spaces, no locale, no hexadecimal, no
 * infinity, no NaN, nothing behind the number. What passes here is accepted by PostgreSQL's integer and real input.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/* [+-]?[0-9]+ within int32. The text need not be NUL-terminated. */
bool number_int32(const char *text, size_t size, int32_t *value) MUST_USE;
bool number_int64(const char *text, size_t size, int64_t *value) MUST_USE;

/* Decimal floating point that is finite as float32; a text that is not zero but would round to zero is refused, as
 * PostgreSQL refuses it. */
bool number_float32(const char *text, size_t size, float *value) MUST_USE;

/* A finite double from a NUL-terminated text. */
bool number_double(const char *text, double *value) MUST_USE;

#endif
