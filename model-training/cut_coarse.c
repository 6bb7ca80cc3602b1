#include "model-training/cut_internal.h"

enum {
	COARSE_MEMBERS = 8, /* so many times 2^classes members to a range, */
	LEAST_RANGES = 16,  /* but at least so many ranges */
	MOST_RANGES = 256,  /* and at most so many */
};

/* What a score may be off by where it is not computed as that of a cut. */
#define ROUNDING 1e-12

/*
 * Large nodes with many values: the members are counted by ranges of codes, and only ranges that may hold the best cut
 * are sorted. The score is a convex function of the draws by class on the left (a sum of squares over a linear function
 * each), so within a range, where these lie between what is left of it and what is left of its end, it is at most the
 * greatest score at the corners of that box.
 */
struct range {
	uint32_t counts[CUT_COARSE_CLASSES];
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
		uint32_t at[CUT_COARSE_CLASSES];
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
	uint32_t left[CUT_COARSE_CLASSES] = {0};
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
	*items = count > 0 ? cut_sort_items(scratch, count, (uint32_t)(high - low)) : NULL;
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

void cut_search_coarsely(struct cut_scratch *scratch, const struct cut_node *node, uint16_t low, uint16_t high,
			 int feature, struct cut *best)
{
	struct range ranges[MOST_RANGES] = {{{0}, false}};
	uint32_t left[CUT_COARSE_CLASSES] = {0}, wanted, at = 0, span = (uint32_t)(high - low) + 1, range_count;
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
