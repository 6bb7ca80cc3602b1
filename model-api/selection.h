#ifndef MODEL_API_SELECTION_H
#define MODEL_API_SELECTION_H

/* Which pipelines to serve, from the settings: a list of names, else the specs of a path, else none = all of them. */

#include "common/fail.h"

/* Each argument may be NULL. The caller releases the names, also after an error. */
bool selection_take(const char *names, const char *spec_path, const char *as, char ***pipelines, int *count,
		    struct fail *fail) MUST_USE;
void selection_release(char **pipelines, int count);

#endif
