#ifndef MODEL_TRAINING_PACKED_INTERNAL_H
#define MODEL_TRAINING_PACKED_INTERNAL_H

/* What packed.c and the compiled kernels share. */

#include <stddef.h>
#include <stdint.h>

#include "model-training/distribution.h"
#include "model-training/packed.h"

enum { PACKED_CODES = 256, PACKED_MAX_FEATURES = 32, PACKED_PURE_DRAWS = 64, PACKED_MAX_CLASSES = 16 };

struct packed {
	const struct grow_data *data;
	const struct packed_kernel *kernel;
	bool few_codes; /* no feature has more than 64 values */
	uint32_t cell_count;
	uint32_t *cells;     /* first slot of each, in the order in which records are made */
	uint8_t *cell_slots; /* how many slots it has */
};

struct packed_grower {
	const struct packed *packed;
	uint32_t record_capacity;
	void *own[2];	  /* memory for the records of a tree, from the first tree on */
	void *records[2]; /* of the tree at hand: a node's run is in one of them, its children's runs in the other */
	void *histograms; /* two, zero between uses */
	void *stack;
	size_t stack_capacity;
	struct branch *branch; /* what is grown */
	struct distribution_set leaves;
	uint32_t pure[PACKED_MAX_CLASSES][PACKED_PURE_DRAWS]; /* index + 1 of leaves of one class and few draws */
};

struct packed_kernel {
	int max_features, max_classes;
	size_t record_size, histogram_size, node_size;
	void (*grow)(struct packed_grower *grower, uint64_t random, const uint32_t *draws);
	void (*grow_branch)(struct packed_grower *grower); /* from grower->branch->node */
};

enum { PACKED_KERNELS = 4 };
extern const struct packed_kernel packed_plain[PACKED_KERNELS]; /* smallest records first */
#if defined(__x86_64__)
extern const struct packed_kernel packed_avx2[PACKED_KERNELS];
#endif

void packed_grow_stack(struct packed_grower *grower, size_t node_size);

#endif
