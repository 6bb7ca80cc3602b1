/*
 * The records of a tree and its root, for one shape of packed_kernel.h, which includes this file.
 */
#ifdef LANES /* without it is empty, not wrong */

typedef uint16_t NAME(few) __attribute__((vector_size(LANES * 2)));
typedef uint32_t NAME(totals) __attribute__((vector_size(LANES * 4)));
typedef uint64_t NAME(squares) __attribute__((vector_size(LANES * 8)));

enum { NAME(most) = (1 << COUNT_BITS) - 1 };

#ifdef CODE_BITS
#include "model-training/packed_word.h"
#else
#include "model-training/packed_bytes.h"
#endif

struct NAME(node) {
	NAME(totals) totals;
	union {
		uint64_t random;
		struct branch *branch;
	};
	uint32_t begin, end, draws, constants; /* constants: a bit per feature */
	int depth;
	bool second; /* where its records are */
	bool is_leaf;
	bool is_given; /* another thread grows the branch from here */
};

static ALWAYS_INLINE NAME(totals) NAME(counts_many)(const struct NAME(record) * record)
{
	return __builtin_convertvector(NAME(counts_few)(record), NAME(totals));
}

static ALWAYS_INLINE NAME(few) NAME(totals_few)(const NAME(totals) * totals)
{
	shorts8 parts[LANES / 8 + (LANES == 4)];
	NAME(few) few;
	lanes4 a, b;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		memcpy(&a, (const char *)totals + 2 * i * sizeof(a), sizeof(a));
		memcpy(&b, (const char *)totals + (LANES == 4 ? 0 : 2 * i + 1) * sizeof(b), sizeof(b));
		parts[i] = narrow_lanes(a, b);
	}
	memcpy(&few, parts, sizeof(few));
	return few;
}

static ALWAYS_INLINE NAME(totals) NAME(totals_many)(const NAME(totals) * totals)
{
	return *totals;
}

/* The draws by class of a node of at most 255, a byte each. */
static ALWAYS_INLINE void NAME(totals_bytes)(const NAME(totals) * totals, uint64_t bytes[2])
{
	NAME(few) few = NAME(totals_few)(totals);
	shorts8 parts[2] = {{0}};
	bytes16 all;

	memcpy(parts, &few, sizeof(few));
	all = narrow_shorts(parts[0], parts[1]);
	memcpy(bytes, &all, sizeof(all));
}

static ALWAYS_INLINE bool NAME(is_pure)(const NAME(totals) * totals, uint32_t draws)
{
	NAME(totals) same = *totals == draws;
	uint64_t parts[LANES / 2], any = 0;

	memcpy(parts, &same, sizeof(parts));
	for (int i = 0; i < LANES / 2; i++)
		any |= parts[i];
	return any != 0;
}

static ALWAYS_INLINE void NAME(set_leaf)(const struct grow_data *data, struct NAME(node) * node)
{
	node->is_leaf = node->end - node->begin < 2 || node->draws / 2 < data->min_samples_leaf ||
			(data->max_depth > 0 && node->depth >= data->max_depth) ||
			NAME(is_pure)(&node->totals, node->draws);
}

/* The records of a cell that was drawn: one, or more where a count does not fit. */
static __attribute__((noinline)) struct NAME(record) *
    NAME(split_record)(struct NAME(record) * record, const struct packed *packed, uint32_t cell, const uint32_t *draws)
{
	uint32_t slot = packed->cells[cell], counts[LANES] = {0}, part[LANES], any;

	for (uint32_t s = slot; s < slot + packed->cell_slots[cell]; s++)
		counts[packed->data->classes[s]] = draws[s];
	do {
		any = 0;
		for (int k = 0; k < LANES; k++) {
			part[k] = counts[k] < NAME(most) ? counts[k] : NAME(most);
			counts[k] -= part[k];
			any |= counts[k];
		}
		NAME(begin_record)(record, packed, cell);
		for (uint32_t k = 0; k < LANES; k++)
			NAME(add_draws)(record, k, part[k]);
		record++;
	} while (any);
	return record;
}

#ifdef CODE_BITS
/* Slot by slot: how many a cell has nobody can foresee. */
static ALWAYS_INLINE struct NAME(record) *
    NAME(make_records)(struct NAME(record) * record, const struct packed *packed, const uint32_t *draws)
{
	const struct packed_slot *slot = packed->slots, *end = slot + packed->data->slot_count;
	uint64_t number = packed->words[0];
	uint32_t any = 0;

	for (uint32_t c = 0; slot < end; slot++) {
		uint32_t drawn = draws[slot->slot];

		__builtin_prefetch(slot + PACKED_AHEAD);
		__builtin_prefetch(&draws[slot[PACKED_DRAWS_AHEAD].slot]);
		__builtin_prefetch(packed->words + c + PACKED_AHEAD);
		__builtin_prefetch(record + PACKED_AHEAD, 1);
		any |= drawn;
		number |= (uint64_t)(drawn & UINT8_MAX) << slot->shift;
		record->number = number;
		if (any > NAME(most) && slot->is_last)
			record = NAME(split_record)(record, packed, c, draws);
		else
			record += slot->is_last & (any > 0);
		c += slot->is_last;
		number = slot->is_last ? packed->words[c] : number;
		any &= slot->is_last - 1u;
	}
	return record;
}
#else
static ALWAYS_INLINE struct NAME(record) *
    NAME(make_records)(struct NAME(record) * record, const struct packed *packed, const uint32_t *draws)
{
	for (uint32_t c = 0; c < packed->cell_count; c++) {
		uint32_t slot = packed->cells[c], end = slot + packed->cell_slots[c], any = 0;

		NAME(begin_record)(record, packed, c);
		for (uint32_t s = slot; s < end; s++) {
			NAME(add_draws)(record, packed->data->classes[s], draws[s]);
			any |= draws[s];
		}
		if (any > NAME(most))
			record = NAME(split_record)(record, packed, c, draws);
		else
			record += any > 0;
	}
	return record;
}
#endif

static ALWAYS_INLINE struct NAME(node)
    NAME(make_root)(struct packed_grower *grower, uint64_t random, const uint32_t *draws)
{
	const struct packed *packed = grower->packed;
	const struct grow_data *data = packed->data;
	struct NAME(record) *begin = grower->records[0];
	struct NAME(node) root = {.random = random, .constants = ~(UINT32_MAX >> (32 - data->feature_count))};

	root.end = (uint32_t)(NAME(make_records)(begin, packed, draws) - begin);
	for (uint32_t i = 0; i < root.end; i++)
		root.totals += NAME(counts_many)(&begin[i]);
	for (int k = 0; k < LANES; k++)
		root.draws += root.totals[k];
	NAME(set_leaf)(data, &root);
	return root;
}

#endif
