#include "model-training/packed.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/packed_internal.h"
#include "model-training/random.h"
#include "model-training/simd.h"

/* Records are made from so many runs of cells in turn, so that neighbours seldom have a code in common: an addition to
 * a number just written has to wait for it. */
enum { RUNS = 64, RUN_STEP = 37, ALIGNMENT = 64, PAGE_BYTES = 4096 };

/* Rows to a cell from which on too many counts would not fit into a byte; records of a value's bin that pay for looking
 * at it. */
enum { BYTE_ROWS = 32, BIN_RECORDS = 8 };

const uint8_t packed_identity[PACKED_MAX_FEATURES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
						      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static bool fits(const struct packed_kernel *kernel, const struct packed *packed)
{
	const struct grow_data *data = packed->data;

	return data->feature_count <= kernel->max_features && data->class_count <= kernel->max_classes &&
	       (kernel->code_bits == 0 || packed->code_bits <= kernel->code_bits) &&
	       (kernel->max_count > UINT8_MAX || data->draw_count / BYTE_ROWS < packed->cell_count);
}

static const struct packed_kernel *choose_kernel(const struct packed *packed)
{
	const struct packed_kernel *kernels = packed_plain;
#if defined(__x86_64__)
	if (simd_has_avx2())
		kernels = packed_avx2;
#endif
	for (int i = 0; i < PACKED_KERNELS; i++)
		if (fits(&kernels[i], packed))
			return &kernels[i];
	return NULL;
}

static bool same_cell(const struct grow_data *data, uint32_t slot, uint32_t other)
{
	for (int f = 0; f < data->feature_count; f++)
		if (data->columns[f].narrow[slot] != data->columns[f].narrow[other])
			return false;
	return true;
}

/* Slots are sorted by codes, then class, so those of a cell are neighbours. */
static void find_cells(struct packed *packed)
{
	const struct grow_data *data = packed->data;
	uint32_t *firsts = xcalloc(data->slot_count + 1, sizeof(*firsts)), length;

	for (uint32_t s = 0; s < data->slot_count; s++)
		if (s == 0 || !same_cell(data, s - 1, s))
			firsts[packed->cell_count++] = s;
	firsts[packed->cell_count] = data->slot_count;
	packed->cells = xcalloc(packed->cell_count, sizeof(*packed->cells));
	packed->cell_slots = xcalloc(packed->cell_count, sizeof(*packed->cell_slots));
	length = packed->cell_count / RUNS + 1;
	for (uint32_t i = 0, at = 0; i < length; i++)
		for (uint32_t run = 0; run < RUNS; run++) {
			uint32_t cell = run * RUN_STEP % RUNS * length + i;

			if (cell >= packed->cell_count)
				continue;
			packed->cells[at] = firsts[cell];
			packed->cell_slots[at++] = (uint8_t)(firsts[cell + 1] - firsts[cell]);
		}
	free(firsts);
}

/* Codes without draws, and the slots of all cells, each beside where its draws go. */
static void copy_words(struct packed *packed)
{
	const struct grow_data *data = packed->data;
	uint32_t at = 0;

	packed->words = xcalloc((size_t)packed->cell_count + 1, sizeof(*packed->words));
	packed->slots = xcalloc((size_t)data->slot_count + PACKED_DRAWS_AHEAD, sizeof(*packed->slots));
	for (uint32_t c = 0; c < packed->cell_count; c++) {
		for (int f = 0; f < data->feature_count; f++)
			packed->words[c] |= (uint64_t)data->columns[f].narrow[packed->cells[c]]
					    << packed->places[f].shift;
		for (uint32_t s = packed->cells[c]; s < packed->cells[c] + packed->cell_slots[c]; s++)
			packed->slots[at++] = (struct packed_slot){
			    .slot = s, .shift = (uint8_t)(packed->kernel->code_bits + 8 * data->classes[s])};
		packed->slots[at - 1].is_last = 1;
	}
}

static void copy_codes(struct packed *packed)
{
	const struct grow_data *data = packed->data;
	size_t width = (size_t)packed->kernel->max_features;

	packed->codes = xcalloc(packed->cell_count, width);
	for (uint32_t c = 0; c < packed->cell_count; c++)
		for (int f = 0; f < data->feature_count; f++)
			packed->codes[c * width + (size_t)f] = data->columns[f].narrow[packed->cells[c]];
}

/* One after another in a number, should it hold them all. */
static void place_codes(struct packed *packed)
{
	for (int f = 0; f < packed->data->feature_count; f++) {
		int bits = 0;

		while (packed->data->columns[f].greatest >> bits)
			bits++;
		packed->places[f] =
		    (struct packed_place){(uint8_t)(packed->code_bits % 64), (uint8_t)((1 << bits) - 1)};
		packed->code_bits += bits;
	}
}

struct packed *packed_new(const struct grow_data *data)
{
	struct packed *packed;
	int greatest = 0;

	if (data->feature_count > PACKED_MAX_FEATURES || data->class_count > PACKED_MAX_CLASSES)
		return NULL;
	for (int f = 0; f < data->feature_count; f++) {
		if (!data->columns[f].narrow)
			return NULL;
		greatest = data->columns[f].greatest > greatest ? data->columns[f].greatest : greatest;
	}
	packed = xcalloc(1, sizeof(*packed));
	packed->data = data;
	packed->few_codes = greatest < 64;
	packed->many_records = BIN_RECORDS * ((uint32_t)greatest + 1);
	place_codes(packed);
	find_cells(packed);
	packed->kernel = choose_kernel(packed);
	if (!packed->kernel) {
		packed_free(packed);
		return NULL;
	}
	if (packed->kernel->code_bits > 0)
		copy_words(packed);
	else
		copy_codes(packed);
	return packed;
}

void packed_free(struct packed *packed)
{
	if (!packed)
		return;
	free(packed->cells);
	free(packed->cell_slots);
	free(packed->codes);
	free(packed->words);
	free(packed->slots);
	free(packed);
}

static void *allocate(size_t count, size_t size)
{
	size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	void *memory = aligned_alloc(ALIGNMENT, bytes);

	if (!memory)
		return xcalloc(SIZE_MAX, SIZE_MAX); /* ends the program with its sentence */
	memset(memory, 0, bytes);
	return memory;
}

/* A cell has at most one record and one more for each max_count of its draws. The last is for
 * a record that was begun. */
static size_t count_records(const struct packed *packed)
{
	return packed->cell_count + packed->data->draw_count / packed->kernel->max_count + 1;
}

/* A node's records have another place within a page than its children's: the processor takes a place for the same by
 * that, and what is read would have to wait for what was written. */
static size_t second_place(const struct packed *packed)
{
	size_t bytes = count_records(packed) * packed->kernel->record_size;

	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES / 2;
}

uint64_t packed_grower_bytes(const struct packed *packed)
{
	return 2 * second_place(packed);
}

struct packed_grower *packed_grower_new(const struct packed *packed)
{
	struct packed_grower *grower = xcalloc(1, sizeof(*grower));

	grower->packed = packed;
	grower->bins = allocate(4 * PACKED_CODES, packed->kernel->bin_size);
	distribution_set_init(&grower->leaves, packed->kernel->max_classes);
	return grower;
}

void packed_grower_free(struct packed_grower *grower)
{
	if (!grower)
		return;
	free(grower->own);
	free(grower->bins);
	free(grower->stack);
	distribution_set_release(&grower->leaves);
	free(grower);
}

void packed_grow_stack(struct packed_grower *grower, size_t node_size)
{
	size_t capacity = grower->stack_capacity ? grower->stack_capacity * 2 : 256;
	void *stack = allocate(capacity, node_size);

	if (grower->stack)
		memcpy(stack, grower->stack, grower->stack_capacity * node_size);
	free(grower->stack);
	grower->stack = stack;
	grower->stack_capacity = capacity;
}

static void take_leaves(struct packed_grower *grower)
{
	distribution_take(&grower->leaves, &grower->branch->tree.leaves);
	memset(grower->known, 0, sizeof(grower->known));
}

void packed_grow(struct packed_grower *grower, uint32_t tree_number, const uint32_t *draws, struct branch *trunk)
{
	const struct packed *packed = grower->packed;

	grower->branch = trunk;
	if (!grower->own)
		grower->own = allocate(1, packed_grower_bytes(packed));
	grower->records[0] = grower->own;
	grower->records[1] = (char *)grower->own + second_place(packed);
	packed->kernel->grow(grower, random_mix(random_tree_state(packed->data->seed, tree_number)), draws);
	take_leaves(grower);
}

void packed_grow_branch(struct packed_grower *grower, struct branch *branch)
{
	grower->branch = branch;
	memcpy(grower->records, branch->memory, sizeof(grower->records));
	grower->packed->kernel->grow_branch(grower);
	take_leaves(grower);
}
