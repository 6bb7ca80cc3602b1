#ifndef MODEL_TRAINING_PAIRS_H
#define MODEL_TRAINING_PAIRS_H

/* Sorting many things by a number each: by bytes from the lowest, those in which all numbers agree left out. Stable. */

#include <stddef.h>
#include <stdint.h>

struct pair {
	uint64_t key;
	uint32_t thing;
};

void pairs_sort(struct pair *pairs, size_t count);

#endif
