#ifndef MODEL_API_GUARD_H
#define MODEL_API_GUARD_H

/*
 * The bearer token of the routes that change something. Compared by its hash in constant time; neither it nor what a
 * client sends is ever logged. The file may be replaced: guard_reload() reads it again.
 */

#include <stdbool.h>

#include "common/fail.h"

struct guard;

/* path: one line, the token. Kept by pointer. */
struct guard *guard_new(const char *path, struct fail *fail) MUST_USE;
bool guard_reload(struct guard *guard, struct fail *fail) MUST_USE; /* on error the old token stays */
/* authorization: the header's value, or NULL. guard NULL: everybody is let in. */
bool guard_allows(struct guard *guard, const char *authorization);
void guard_free(struct guard *guard); /* NULL is fine */

#endif
