#include "model-training/cut.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum {
	COARSE_NODE = 1024, /* members from which on ranges of codes are told apart first, */
	COARSE_CLASSES = 6, /* if there are at most so many classes, */
	COARSE_MEMBERS = 8, /* so many times 2^classes members to a range, */
	LEAST_RANGES = 16,  /* but at least so many ranges */
	MOST_RANGES = 256,  /* and at most so many */
};

/* What a score may be off by where it is not computed as that of a cut. */
#define ROUNDING 1e-12

enum { INSERTION_MEMBERS = 20, MOST_BUCKETS = 4096, HISTOGRAM_CELLS_PER_MEMBER = 4, HISTOGRAM_CELLS_LEAST = 64 };

typedef double pair_of_doubles __attribute__((vector_size(16)));

struct cut_scratch {
	uint16_t *codes; /* of the node's members */
	uint32_t *histogram;
	uint64_t *items, *sorted; /* code << 48 | class << 32 | draws */
	uint32_t *left;		  /* draws by class left of the place being looked at */
};

struct cut_scratch *cut_scratch_new(uint32_t max_members, int class_count)
{
	struct cut_scratch *scratch = xcalloc(1, sizeof(*scratch));
	size_t cells = (size_t)max_members * HISTOGRAM_CELLS_PER_MEMBER + HISTOGRAM_CELLS_LEAST;

	scratch->codes = xcalloc(max_members, sizeof(*scratch->codes));
	scratch->histogram = xcalloc(cells, sizeof(*scratch->histogram));
	scratch->items = xcalloc(max_members, sizeof(*scratch->items));
	scratch->sorted = xcalloc(max_members, sizeof(*scratch->sorted));
	scratch->left = xcalloc((size_t)class_count, sizeof(*scratch->left));
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

/* A sweep over a node's values in ascending order. */
struct sweep {
	const struct cut_node *node;
	uint32_t *left;
	uint32_t left_draws;
	uint64_t left_squares, right_squares;
	uint16_t last; /* the greatest code that is left */
};

static inline void sweep_start(struct sweep *sweep, const struct cut_node *node, uint32_t *left)
{
	memset(left, 0, (size_t)node->class_count * sizeof(*left));
	*sweep = (struct sweep){.node = node, .left = left, .right_squares = node->squares};
}

/* (L + d)^2 = L^2 + d (2 L + d); (R - d)^2 = R^2 - d (2 R - d). */
static inline void sweep_add(struct sweep *sweep, uint32_t class, uint64_t draws)
{
	uint64_t left = sweep->left[class], right = sweep->node->totals[class] - left;

	sweep->left_squares += draws * (2 * left + draws);
	sweep->right_squares -= draws * (2 * right - draws);
	sweep->left[class] += (uint32_t)draws;
	sweep->left_draws += (uint32_t)draws;
}

/* Looks at the cut between the values that are left and `code`. */
static inline void sweep_try(const struct sweep *sweep, uint16_t code, int feature, struct cut *best)
{
	uint32_t left = sweep->left_draws, right = sweep->node->draws - left;
	/* Two divisions at once where the processor can. */
	pair_of_doubles above = {(double)(int64_t)sweep->left_squares, (double)(int64_t)sweep->right_squares};
	pair_of_doubles below = {(double)left, (double)right}, both = above / below;
	double score = both[0] + both[1];

	if (left < sweep->node->min_leaf || right < sweep->node->min_leaf)
		return;
	if (score > best->score)
		*best = (struct cut){.score = score, .feature = feature, .left = sweep->last, .right = code};
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

/* Codes up to `range`. */
static const uint64_t *sort_items(struct cut_scratch *scratch, uint32_t count, uint32_t range)
{
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
	return sort_items(scratch, node->member_count, (uint32_t)(high - low));
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

/*
 * Large nodes with many values: the members are counted by ranges of codes, and only ranges that may hold the best cut
 * are sorted. The score is a convex function of the draws by class on the left (a sum of squares over a linear function
 * each), so within a range, where these lie between what is left of it and what is left of its end, it is at most the
 * greatest score at the corners of that box.
 */
struct range {
	uint32_t counts[COARSE_CLASSES];
	bool is_wanted;
};

/* With these draws on the left; a side may be empty. */
static double score_of(const struct cut_node *node, const uint32_t *left)
{
	double left_squares = 0, right_squares = 0, left_draws = 0, right_draws;

	for (int k = 0; k < node->class_count; k++) {
		double right = (double)(node->totals[k] - left[k]);

		left_draws += (double)left[k];
		left_squares += (double)left[k] * (double)left[k];
		right_squares += right * right;
	}
	right_draws = (double)node->draws - left_draws;
	return (left_draws > 0 ? left_squares / left_draws : 0) + (right_draws > 0 ? right_squares / right_draws : 0);
}

static double most_within(const struct cut_node *node, const uint32_t *left, const uint32_t *counts)
{
	double most = 0;

	for (uint32_t corner = 0; corner < UINT32_C(1) << node->class_count; corner++) {
		uint32_t at[COARSE_CLASSES];
		double score;

		for (int k = 0; k < node->class_count; k++)
			at[k] = left[k] + (corner >> k & 1 ? counts[k] : 0);
		score = score_of(node, at);
		most = score > most ? score : most;
	}
	return most * (1 + ROUNDING);
}

/* The best score of a cut at the end of a range, which the best cut of all is at least. */
static double best_at_ends(const struct cut_node *node, const struct range *ranges, uint32_t range_count)
{
	uint32_t left[COARSE_CLASSES] = {0};
	double best = -1;

	for (uint32_t r = 0; r < range_count; r++) {
		uint32_t draws = 0;
		double score;

		for (int k = 0; k < node->class_count; k++)
			draws += left[k] += ranges[r].counts[k];
		score =
		    draws >= node->min_leaf && node->draws - draws >= node->min_leaf && draws < node->draws && draws > 0
			? score_of(node, left)
			: -1;
		best = score > best ? score : best;
	}
	return best * (1 - ROUNDING);
}

/* Sorts the members of the wanted ranges to the front. Returns how many. */
static uint32_t sort_wanted(struct cut_scratch *scratch, const struct cut_node *node, const struct range *ranges,
			    const uint64_t **items, uint16_t low, uint16_t high, int shift)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < node->member_count; i++) {
		uint32_t code = (uint32_t)scratch->codes[i] - low;

		scratch->items[count] =
		    (uint64_t)code << 48 | (uint64_t)node->members[i].class << 32 | node->members[i].draws;
		count += ranges[code >> shift].is_wanted;
	}
	*items = count > 0 ? sort_items(scratch, count, (uint32_t)(high - low)) : NULL;
	return count;
}

/* The cuts behind each value of one range, the draws left of it given; `end`: where its items end. */
static void sweep_range(const struct cut_node *node, const uint32_t *before, const uint64_t *items, uint32_t count,
			struct cut_scratch *scratch, struct sweep *sweep, struct cut *best)
{
	sweep_start(sweep, node, scratch->left);
	for (int k = 0; k < node->class_count; k++)
		if (before[k])
			sweep_add(sweep, (uint32_t)k, before[k]);
	for (uint32_t i = 0; i < count; i++) {
		sweep_add(sweep, (uint32_t)(items[i] >> 32 & 0xffff), (uint32_t)items[i]);
		sweep->last = (uint16_t)(items[i] >> 48);
		if ((i + 1 == count || items[i + 1] >> 48 != items[i] >> 48) && sweep->left_draws < node->draws)
			sweep_try(sweep, 0, -1, best);
	}
}

static void search_coarsely(struct cut_scratch *scratch, const struct cut_node *node, uint16_t low, uint16_t high,
			    int feature, struct cut *best)
{
	struct range ranges[MOST_RANGES] = {{{0}, false}};
	uint32_t left[COARSE_CLASSES] = {0}, wanted, at = 0, span = (uint32_t)(high - low) + 1, range_count;
	uint32_t aim = node->member_count / (COARSE_MEMBERS << node->class_count);
	struct cut found = {.score = best->score};
	const uint64_t *items;
	double least;
	int shift = 0;

	aim = aim < LEAST_RANGES ? LEAST_RANGES : aim > MOST_RANGES ? MOST_RANGES : aim;
	while (span >> shift >= aim)
		shift++;
	range_count = ((span - 1) >> shift) + 1;
	for (uint32_t i = 0; i < node->member_count; i++)
		ranges[(scratch->codes[i] - low) >> shift].counts[node->members[i].class] += node->members[i].draws;
	least = best_at_ends(node, ranges, range_count);
	least = least > best->score ? least : best->score;
	for (uint32_t r = 0; r < range_count; r++) {
		ranges[r].is_wanted = most_within(node, left, ranges[r].counts) >= least;
		for (int k = 0; k < node->class_count; k++)
			left[k] += ranges[r].counts[k];
	}
	wanted = sort_wanted(scratch, node, ranges, &items, low, high, shift);
	memset(left, 0, sizeof(left));
	for (uint32_t r = 0; r < range_count; r++) {
		uint32_t end = at;
		struct sweep sweep;

		while (end < wanted && items[end] >> 48 >> shift == r)
			end++;
		if (end > at)
			sweep_range(node, left, items + at, end - at, scratch, &sweep, &found);
		at = end;
		for (int k = 0; k < node->class_count; k++)
			left[k] += ranges[r].counts[k];
	}
	if (found.score <= best->score)
		return;
	*best = (struct cut){found.score, feature, (uint16_t)(low + found.left), high};
	for (uint32_t i = 0; i < node->member_count; i++)
		if (scratch->codes[i] > best->left && scratch->codes[i] < best->right)
			best->right = scratch->codes[i];
}

/* The members' codes and their range. */
static void gather(uint16_t *restrict codes, const struct member *restrict members, uint32_t count,
		   const struct column *column, uint16_t *lowest, uint16_t *highest)
{
	const uint8_t *narrow = column->narrow;
	const uint16_t *wide = column->wide;
	uint16_t low = UINT16_MAX, high = 0;

	for (uint32_t i = 0; narrow && i < count; i++)
		codes[i] = narrow[members[i].slot];
	for (uint32_t i = 0; wide && i < count; i++)
		codes[i] = wide[members[i].slot];
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
	gather(scratch->codes, node->members, node->member_count, column, &search.low, &search.high);
	if (search.low == search.high)
		return false;
	if ((uint64_t)(search.high - search.low + 1) * (uint64_t)node->class_count <= most)
		search_histogram(scratch, node, &search, best);
	else if (node->member_count >= COARSE_NODE && node->class_count <= COARSE_CLASSES)
		search_coarsely(scratch, node, search.low, search.high, feature, best);
	else
		search_sorted(scratch, node, search.low, search.high, feature, best);
	return true;
}
