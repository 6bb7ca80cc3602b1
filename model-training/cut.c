#include "model-training/cut.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/cut_internal.h"
#include "model-training/simd.h"

enum {
	LEAST_AVX2 = 6,
	INSERTION_MEMBERS = 20,
	MOST_BUCKETS = 4096,
	HISTOGRAM_CELLS_PER_MEMBER = 4,
	HISTOGRAM_CELLS_LEAST = 64
};

/* Enough for all histograms that cut_search() takes; no column has more values than its codes. */
static size_t count_cells(uint32_t max_members, int class_count)
{
	size_t most = ((size_t)UINT16_MAX + 1) * (size_t)class_count;
	size_t cells = (size_t)max_members * HISTOGRAM_CELLS_PER_MEMBER + HISTOGRAM_CELLS_LEAST;

	return cells < most ? cells : most;
}

uint64_t cut_scratch_bytes(uint32_t max_members, int class_count)
{
	const struct cut_scratch *scratch = NULL;

	return max_members * (sizeof(*scratch->codes) + sizeof(*scratch->items) + sizeof(*scratch->sorted)) +
	       count_cells(max_members, class_count) * sizeof(*scratch->histogram);
}

struct cut_scratch *cut_scratch_new(uint32_t max_members, int class_count)
{
	struct cut_scratch *scratch = xcalloc(1, sizeof(*scratch));

	scratch->codes = xcalloc(max_members, sizeof(*scratch->codes));
	scratch->histogram = xcalloc(count_cells(max_members, class_count), sizeof(*scratch->histogram));
	scratch->items = xcalloc((size_t)max_members + CUT_SORT_PADDING, sizeof(*scratch->items));
	scratch->sorted = xcalloc(max_members, sizeof(*scratch->sorted));
	scratch->left = xcalloc((size_t)class_count, sizeof(*scratch->left));
	scratch->has_avx2 = simd_has_avx2();
	return scratch;
}

void cut_scratch_free(struct cut_scratch *scratch)
{
	if (!scratch)
		return;
	free(scratch->codes);
	free(scratch->histogram);
	free(scratch->items);
	free(scratch->sorted);
	free(scratch->left);
	free(scratch);
}

static inline __attribute__((always_inline)) void fill_histogram(uint32_t *restrict histogram,
								 const uint16_t *restrict codes,
								 const struct member *restrict members, uint32_t count,
								 uint16_t low, uint32_t classes)
{
	for (uint32_t i = 0; i < count; i++)
		histogram[(uint32_t)(codes[i] - low) * classes + members[i].class] += members[i].draws;
}

/* The same by slot: the codes need not be gathered before. */
static inline __attribute__((always_inline)) void fill_by_slot(uint32_t *restrict histogram,
							       const uint8_t *restrict narrow,
							       const struct member *restrict members, uint32_t count,
							       uint32_t classes)
{
	for (uint32_t i = 0; i < count; i++)
		histogram[narrow[members[i].slot] * classes + members[i].class] += members[i].draws;
}

/* A histogram of the codes low .. high, or of all that a narrow column has. */
struct search {
	const uint8_t *narrow; /* NULL: the codes in scratch */
	uint16_t low, high;
	int feature;
};

/* Returns false when only one value occurs. Written for any number of classes and compiled for the common ones, whose
 * loops then unroll. */
static inline __attribute__((always_inline)) bool search_classes(struct cut_scratch *scratch,
								 const struct cut_node *node,
								 const struct search *search, struct cut *best,
								 size_t classes)
{
	uint32_t *histogram = scratch->histogram, values = (uint32_t)search->high - search->low + 1, found = 0;
	struct sweep sweep;

	memset(histogram, 0, values * classes * sizeof(*histogram));
	if (search->narrow)
		fill_by_slot(histogram, search->narrow, node->members, node->member_count, (uint32_t)classes);
	else
		fill_histogram(histogram, scratch->codes, node->members, node->member_count, search->low,
			       (uint32_t)classes);
	sweep_start(&sweep, node, scratch->left);
	for (uint32_t v = 0; v < values; v++) {
		const uint32_t *draws = histogram + v * classes;
		uint32_t any = 0;

		for (size_t k = 0; k < classes; k++)
			any |= draws[k];
		if (!any)
			continue;
		if (found++)
			sweep_try(&sweep, (uint16_t)(search->low + v), search->feature, best);
		for (size_t k = 0; k < classes; k++)
			sweep_add(&sweep, (uint32_t)k, draws[k]);
		sweep.last = (uint16_t)(search->low + v);
	}
	return found > 1;
}

static bool search_histogram(struct cut_scratch *scratch, const struct cut_node *node, const struct search *search,
			     struct cut *best)
{
	switch (node->class_count) {
	case 2:
		return search_classes(scratch, node, search, best, 2);
	case 3:
		return search_classes(scratch, node, search, best, 3);
	case 4:
		return search_classes(scratch, node, search, best, 4);
	default:
		return search_classes(scratch, node, search, best, (size_t)node->class_count);
	}
}

static void sort_by_insertion(uint64_t *items, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint64_t item = items[i];
		uint32_t at = i;

		for (; at > 0 && items[at - 1] > item; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

/* One stable pass by the 8 bits at shift. */
static void sort_pass(const uint64_t *from, uint64_t *to, uint32_t count, int shift)
{
	uint32_t starts[257] = {0};

	for (uint32_t i = 0; i < count; i++)
		starts[(from[i] >> shift & 255) + 1]++;
	for (int b = 0; b < 256; b++)
		starts[b + 1] += starts[b];
	for (uint32_t i = 0; i < count; i++)
		to[starts[from[i] >> shift & 255]++] = from[i];
}

/* One pass into about as many buckets as there are members, and insertion for what is left to do in each. */
static const uint64_t *sort_by_buckets(struct cut_scratch *scratch, uint32_t count, uint32_t range)
{
	uint32_t starts[MOST_BUCKETS + 1], buckets;
	int code_bits = 32 - __builtin_clz(range), bits = 32 - __builtin_clz(count - 1), shift;

	bits = bits < code_bits ? bits : code_bits;
	buckets = UINT32_C(1) << bits;
	shift = 48 + code_bits - bits;
	memset(starts, 0, (buckets + 1) * sizeof(*starts));
	for (uint32_t i = 0; i < count; i++)
		starts[(scratch->items[i] >> shift) + 1]++;
	for (uint32_t b = 0; b < buckets; b++)
		starts[b + 1] += starts[b];
	for (uint32_t i = 0; i < count; i++)
		scratch->sorted[starts[scratch->items[i] >> shift]++] = scratch->items[i];
	sort_by_insertion(scratch->sorted, count);
	return scratch->sorted;
}

const uint64_t *cut_sort_items(struct cut_scratch *scratch, uint32_t count, uint32_t range)
{
	if (scratch->has_avx2 && count >= LEAST_AVX2 && count <= CUT_SORT_AVX2 && cut_sort_avx2(scratch->items, count))
		return scratch->items;
	if (count <= INSERTION_MEMBERS) {
		sort_by_insertion(scratch->items, count);
		return scratch->items;
	}
	if (count <= MOST_BUCKETS)
		return sort_by_buckets(scratch, count, range);
	sort_pass(scratch->items, scratch->sorted, count, 48);
	if (range < 256)
		return scratch->sorted;
	sort_pass(scratch->sorted, scratch->items, count, 56);
	return scratch->items;
}

static const uint64_t *sort_members(struct cut_scratch *scratch, const struct cut_node *node, uint16_t low,
				    uint16_t high)
{
	for (uint32_t i = 0; i < node->member_count; i++)
		scratch->items[i] = (uint64_t)(scratch->codes[i] - low) << 48 | (uint64_t)node->members[i].class << 32 |
				    node->members[i].draws;
	return cut_sort_items(scratch, node->member_count, (uint32_t)(high - low));
}

static void search_sorted(struct cut_scratch *scratch, const struct cut_node *node, uint16_t low, uint16_t high,
			  int feature, struct cut *best)
{
	const uint64_t *items = sort_members(scratch, node, low, high);
	struct sweep sweep;

	sweep_start(&sweep, node, scratch->left);
	sweep.last = low;
	for (uint32_t i = 0; i < node->member_count; i++) {
		uint16_t code = (uint16_t)(low + (items[i] >> 48));

		if (code != sweep.last) {
			sweep_try(&sweep, code, feature, best);
			sweep.last = code;
		}
		sweep_add(&sweep, (uint32_t)(items[i] >> 32 & 0xffff), (uint32_t)items[i]);
	}
}

/* The members' codes and their range. */
static void gather(const struct cut_scratch *scratch, uint16_t *restrict codes, const struct member *restrict members,
		   uint32_t count, const struct column *column, uint16_t *lowest, uint16_t *highest)
{
	const uint8_t *narrow = column->narrow;
	const uint16_t *wide = column->wide;
	uint16_t low = UINT16_MAX, high = 0;

	for (uint32_t i = 0; narrow && i < count; i++)
		codes[i] = narrow[members[i].slot];
	for (uint32_t i = 0; wide && i < count; i++)
		codes[i] = wide[members[i].slot];
	if (scratch->has_avx2) {
		cut_range_avx2(codes, count, lowest, highest);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		low = codes[i] < low ? codes[i] : low;
		high = codes[i] > high ? codes[i] : high;
	}
	*lowest = low;
	*highest = high;
}

bool cut_search(struct cut_scratch *scratch, const struct cut_node *node, const struct column *column, int feature,
		struct cut *best)
{
	struct search search = {.narrow = column->narrow, .high = column->greatest, .feature = feature};
	uint64_t most = (uint64_t)node->member_count * HISTOGRAM_CELLS_PER_MEMBER + HISTOGRAM_CELLS_LEAST;

	if (column->narrow && column->greatest && column->greatest < node->member_count &&
	    ((uint64_t)column->greatest + 1) * (uint64_t)node->class_count <= most)
		return search_histogram(scratch, node, &search, best);
	search.narrow = NULL;
	gather(scratch, scratch->codes, node->members, node->member_count, column, &search.low, &search.high);
	if (search.low == search.high)
		return false;
	if ((uint64_t)(search.high - search.low + 1) * (uint64_t)node->class_count <= most)
		search_histogram(scratch, node, &search, best);
	else if (node->member_count >= CUT_COARSE_NODE && node->class_count <= CUT_COARSE_CLASSES)
		cut_search_coarsely(scratch, node, search.low, search.high, feature, best);
	else
		search_sorted(scratch, node, search.low, search.high, feature, best);
	return true;
}
