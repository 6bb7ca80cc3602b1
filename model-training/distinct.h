#ifndef MODEL_TRAINING_DISTINCT_H
#define MODEL_TRAINING_DISTINCT_H

/* The distinct int32 among many, ascending, and where to find one of them. */

#include <stdint.h>

struct distinct {
	int32_t *keys; /* ascending */
	int64_t count;
	int32_t *direct; /* index by key - keys[0] when that range is small, else NULL */
};

void distinct_find(const int32_t *values, int64_t count, struct distinct *distinct);
/* The key must be one of them. */
int64_t distinct_index(const struct distinct *distinct, int32_t key);
void distinct_release(struct distinct *distinct);

#endif
