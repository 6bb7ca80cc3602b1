#ifndef MODEL_API_SELECTION_H
#define MODEL_API_SELECTION_H

/* Which pipelines to serve, from the settings: a list of names, else the specs of a path, else none = all of them; and
 * which versions besides the champions. */

#include "common/fail.h"

/* Each argument may be NULL. The caller releases the names, also after an error. */
bool selection_take(const char *names, const char *spec_path, const char *as, char ***pipelines, int *count,
		    struct fail *fail) MUST_USE;
/* "insurance=7,flights=3": models to serve beside the champions. The entries stay as they are; released likewise. */
bool selection_take_pins(const char *text, char ***pins, int *count, struct fail *fail) MUST_USE;
void selection_release(char **pipelines, int count);

#endif
