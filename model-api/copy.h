#ifndef MODEL_API_COPY_H
#define MODEL_API_COPY_H

/*
 * Copies of the champions in a local folder, to start from when the database is away: <pipeline>.model, one file each,
 * written beside the old one and renamed. Its first line is the sha256 of the rest, so half a file or a damaged one is
 * found; the second a JSON object (address, columns, smoke rows); then the model's bytes.
 */

#include <stdbool.h>

#include "common/fail.h"
#include "model-api/model.h"

bool copy_write(const char *folder, const struct model_address *address, const struct model_parts *parts,
		struct fail *fail) MUST_USE;

/* A copy in memory; the address points into it. */
struct copy {
	struct model_address address;
	struct model_parts parts;
	void *header; /* json_t */
};

bool copy_exists(const char *folder, const char *pipeline);
bool copy_read(const char *folder, const char *pipeline, struct copy *copy, struct fail *fail) MUST_USE;
void copy_release(struct copy *copy); /* zeroed storage is fine */

/* The pipelines of which the folder holds a copy; the caller frees each and the list. NULL with *count 0: none. */
char **copy_list(const char *folder, int *count);

#endif
