#ifndef MODEL_TRAINING_PACKED_INTERNAL_H
#define MODEL_TRAINING_PACKED_INTERNAL_H

/* What packed.c and the compiled kernels share. */

#include <stddef.h>
#include <stdint.h>

#include "model-training/distribution.h"
#include "model-training/packed.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
	PACKED_CODES = 256,
	PACKED_MAX_FEATURES = 32,
	PACKED_MAX_CLASSES = 16,
	PACKED_FEW_DRAWS = INT16_MAX, /* up to so many a node is added up in 16 bits, and its squares in 31 */
	PACKED_SMALL = 16,	      /* nodes of so many records are looked through for constant features first */
	PACKED_KNOWN_BITS = 13,
	PACKED_AHEAD = 64, /* slots that are asked for before they are drawn from, and draws, which lie apart, */
	PACKED_DRAWS_AHEAD = 24,
};

/* A leaf of at most 255 draws: its draws by class, a byte each, none of them left at 0. */
struct packed_leaf {
	uint64_t draws[2];
	uint32_t distribution;
};

/* Where a feature's code lies in a number: the lowest of its bits, and as many ones as it has. */
struct packed_place {
	uint8_t shift, mask;
};

/* In the order in which records are made: a slot, where its draws lie in a number, 1 for the last of a cell. */
struct packed_slot {
	uint32_t slot;
	uint8_t shift, is_last;
};

struct packed {
	const struct grow_data *data;
	const struct packed_kernel *kernel;
	bool few_codes;	       /* no feature has more than 64 values */
	uint32_t many_records; /* of a node in which looking at every bin is cheaper than noting which are used */
	uint32_t cell_count;
	uint32_t *cells;     /* first slot of each, in the order in which records are made */
	uint8_t *cell_slots; /* how many slots it has */
	uint8_t *codes;	     /* its codes, as many as the kernel's records have; */
	uint64_t *words;     /* or, where these are numbers, all in one, and one more that is none; */
	struct packed_slot *slots;
	struct packed_place places[PACKED_MAX_FEATURES];
	int code_bits; /* of all features' */
};

struct packed_grower {
	const struct packed *packed;
	uint32_t record_capacity;
	void *own;	  /* memory for the records of a tree, from the first tree on */
	void *records[2]; /* of the tree at hand: a node's run is in one of them, its children's runs in the other */
	void *bins;	  /* of two features, twice each, zero between uses */
	void *stack;
	size_t stack_capacity;
	struct branch *branch; /* what is grown */
	struct distribution_set leaves;
	struct packed_leaf known[1 << PACKED_KNOWN_BITS]; /* by hash */
};

struct packed_kernel {
	int max_features, max_classes;
	uint32_t max_count; /* draws of a class in one record */
	int code_bits;	    /* of a record that is one number; 0: codes are bytes */
	size_t record_size, bin_size, node_size;
	void (*grow)(struct packed_grower *grower, uint64_t random, const uint32_t *draws);
	void (*grow_branch)(struct packed_grower *grower); /* from grower->branch->node */
};

enum { PACKED_KERNELS = 7 };
extern const struct packed_kernel packed_plain[PACKED_KERNELS]; /* smallest records first */
#if defined(__x86_64__)
extern const struct packed_kernel packed_avx2[PACKED_KERNELS];
#endif

extern const uint8_t packed_identity[PACKED_MAX_FEATURES]; /* 0, 1, 2, ... */

void packed_grow_stack(struct packed_grower *grower, size_t node_size);

#endif
