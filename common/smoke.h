#ifndef COMMON_SMOKE_H
#define COMMON_SMOKE_H

/*
 * Smoke rows: a few rows of keys with the scores a model gives them, made by the program that trained it and stored
 * with it. Whoever loads the model answers them again: another machine, compiler or version that computes anything else
 * is found before a client is answered. The rows are made from the model's own thresholds; none is a customer's.
 *
 *	char *smoke = smoke_make(forest);			JSON; free()
 *	if (!smoke_check(forest, smoke, &fail)) ...
 */

#include "common/fail.h"
#include "common/forest.h"

enum { SMOKE_ROWS = 16 };

char *smoke_make(const struct forest *forest);
bool smoke_check(const struct forest *forest, const char *json, struct fail *fail) MUST_USE;

#endif
