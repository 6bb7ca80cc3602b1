/*
 * One shape of packed growing: packed_kernels.h includes this file with
 *	LANES		classes that are added up at once, a power of two
 *	COUNT_BITS	of a record's draws of a class: 8, with 8 classes or with CODE_BITS, or 16
 *	CODES		code bytes of a record, a multiple of 8
 *	CODE_BITS	instead, where a record is one number of 64 bits: of its codes; CODES is 8 then
 *	NAME(word)	a name of this shape
 * A vector of LANES numbers is one or more registers, as the processor has them.
 */
#ifdef LANES /* without them it is empty, not wrong */

#include "model-training/packed_record.h"

struct NAME(cut) {
	NAME(totals) left_totals;
	double score; /* negative: none */
	uint32_t left_draws;
	int feature;
	uint8_t left, right;
};

struct NAME(work) {
	struct packed_grower *grower;
	const struct grow_data *data;
	void *bins[2]; /* by code, zero between uses */
	bool few_codes;
	uint32_t many_records; /* from so many on the codes that occur are found by the bins */
};

static ALWAYS_INLINE struct NAME(record) * NAME(records_of)(struct NAME(work) * work, const struct NAME(node) * node)
{
	return (struct NAME(record) *)work->grower->records[node->second] + node->begin;
}

/* ------------------------------------------------------------------ the score */

/* sum_k L_k^2 / n_L + sum_k R_k^2 / n_R */
static ALWAYS_INLINE double NAME(score_few)(const struct NAME(node) * node, const NAME(few) * all,
					    const NAME(few) * left, uint32_t *left_draws)
{
	NAME(few) right = *all - *left;
	const shorts8 ones = {1, 1, 1, 1, 1, 1, 1, 1};
	lanes4 sums;

	(void)node;
#if LANES == 4
	shorts8 both = (shorts8)__builtin_shufflevector(*left, right, 0, 1, 2, 3, 4, 5, 6, 7);

	sums = add_pairs(multiply_pairs(both, both), multiply_pairs(both, ones));
#else
	lanes4 left_squares = {0}, right_squares = {0}, left_sums = {0}, right_sums = {0};

	for (size_t i = 0; i < LANES / 8; i++) {
		shorts8 l, r;

		memcpy(&l, (const char *)left + i * sizeof(l), sizeof(l));
		memcpy(&r, (const char *)&right + i * sizeof(r), sizeof(r));
		left_squares += multiply_pairs(l, l);
		right_squares += multiply_pairs(r, r);
		left_sums += multiply_pairs(l, ones);
		right_sums += multiply_pairs(r, ones);
	}
	sums = add_pairs(add_pairs(left_squares, right_squares), add_pairs(left_sums, right_sums));
#endif
	*left_draws = sums[2];
	return divide_and_add(sums);
}

static ALWAYS_INLINE double NAME(score_many)(const struct NAME(node) * node, const NAME(totals) * all,
					     const NAME(totals) * left, uint32_t *left_draws)
{
	NAME(squares) wide_left = __builtin_convertvector(*left, NAME(squares));
	NAME(squares) wide_right = __builtin_convertvector(*all - *left, NAME(squares));
	uint64_t left_squares = 0, right_squares = 0;

	*left_draws = 0;
	for (int k = 0; k < LANES; k++) {
		*left_draws += (uint32_t)wide_left[k];
		left_squares += wide_left[k] * wide_left[k];
		right_squares += wide_right[k] * wide_right[k];
	}
	return (double)left_squares / (double)*left_draws + (double)right_squares / (double)(node->draws - *left_draws);
}

/* ------------------------------------------------------------------ the search */

#define BIN NAME(few)
#define BIN_NAME(word) NAME(word##_few)
#include "model-training/packed_search.h"
#undef BIN
#undef BIN_NAME
#define BIN NAME(totals)
#define BIN_NAME(word) NAME(word##_many)
#include "model-training/packed_search.h"
#undef BIN
#undef BIN_NAME

/* What is rare is not worth being compiled into its caller. */
static __attribute__((noinline)) void NAME(search_rare)(struct NAME(work) * work, struct NAME(node) * node,
							const int *features, int count, struct NAME(cut) * best,
							bool *any_varies)
{
	int words = PACKED_CODES / 64;

	if (node->draws <= PACKED_FEW_DRAWS)
		NAME(search_few)(work, node, features, count, words, best, any_varies);
	else
		NAME(search_many)(work, node, features, count, words, best, any_varies);
}

static ALWAYS_INLINE void NAME(search)(struct NAME(work) * work, struct NAME(node) * node, const int *features,
				       int count, struct NAME(cut) * best, bool *any_varies)
{
	if (work->few_codes && node->draws <= PACKED_FEW_DRAWS)
		NAME(search_few)(work, node, features, count, 1, best, any_varies);
	else
		NAME(search_rare)(work, node, features, count, best, any_varies);
}

/* Draws the candidates as tree.c does. */
struct NAME(draw) {
	struct random_draws random;
	uint8_t order[PACKED_MAX_FEATURES];
	int drawn, count;
};

static ALWAYS_INLINE void NAME(draw_start)(struct NAME(draw) * draw, const struct NAME(node) * node, int feature_count)
{
	draw->random = (struct random_draws){.state = node->random};
	memcpy(draw->order, packed_identity, CODES);
	draw->drawn = 0;
	draw->count = feature_count;
}

static ALWAYS_INLINE int NAME(draw_next)(struct NAME(draw) * draw)
{
	int at = draw->drawn + (int)random_draw_below(&draw->random, (uint32_t)(draw->count - draw->drawn));
	int feature = draw->order[at];

	draw->order[at] = draw->order[draw->drawn++];
	return feature;
}

/* Those drawn in any case are looked at two by two. */
static ALWAYS_INLINE void NAME(find_cut)(struct NAME(work) * work, struct NAME(node) * node, struct NAME(cut) * best)
{
	int wanted[2] = {0}, waiting, max_features = work->data->max_features;
	uint32_t varying = ~node->constants;
	bool any_varies = false;
	struct NAME(draw) draw;

	NAME(draw_start)(&draw, node, work->data->feature_count);
	do {
		waiting = 0;
		if (draw.drawn == 0 && varying && !(varying & (varying - 1))) {
			/* The only one is found, however many constant ones come first. */
			wanted[waiting++] = __builtin_ctz(varying);
			draw.drawn = draw.count;
		}
		while (draw.drawn < draw.count && waiting < 2 &&
		       (draw.drawn < max_features || (waiting == 0 && !any_varies))) {
			int feature = NAME(draw_next)(&draw);

			wanted[waiting] = feature;
			waiting += varying >> feature & 1;
		}
		if (waiting > 0)
			NAME(search)(work, node, wanted, waiting, best, &any_varies);
	} while (waiting > 0);
}

/* ------------------------------------------------------------------ nodes */

static ALWAYS_INLINE void NAME(add_split)(struct packed_grower *grower, int feature, uint8_t left, uint8_t right)
{
	branch_add_node(grower->branch, (struct tree_node){.feature = (uint16_t)feature, .left = left, .right = right});
}

/* Leaves of few draws are looked up among those seen of late first. */
static ALWAYS_INLINE void NAME(add_leaf)(struct packed_grower *grower, const NAME(totals) * totals, uint32_t draws)
{
	struct packed_leaf key = {{0}, 0}, *known;
	uint32_t vector[LANES];

	NAME(totals_bytes)(totals, key.draws);
	known = &grower->known[(key.draws[0] ^ key.draws[1] * RANDOM_GAMMA) * RANDOM_GAMMA >> (64 - PACKED_KNOWN_BITS)];
	if (draws > UINT8_MAX || known->draws[0] != key.draws[0] || known->draws[1] != key.draws[1]) {
		memcpy(vector, totals, sizeof(vector));
		key.distribution = distribution_add(&grower->leaves, vector);
		if (draws > UINT8_MAX)
			known = &key;
		*known = key;
	}
	branch_add_node(grower->branch, (struct tree_node){.feature = TREE_LEAF, .distribution = known->distribution});
}

/* The records of the left child to the front of the run, the others to its back. Returns where the right ones begin. */
static ALWAYS_INLINE uint32_t NAME(partition)(struct packed_grower *grower, const struct NAME(node) * node,
					      const struct NAME(cut) * cut)
{
	const struct NAME(record) *from = grower->records[node->second];
	struct NAME(record) *to = grower->records[!node->second];
	NAME(place) place = NAME(place_of)(grower->packed, cut->feature);
	size_t left = node->begin, i = node->begin, free = node->end - node->begin;
	uint8_t last = cut->left;

#if defined(CODE_BITS) && defined(PACKED_HAS_AVX2)
	for (; free >= 8; i += 4, free -= 4)
		left += part_four(from + i, to + left, to + left + free, place, last);
#endif
	/* Which way is a coin toss to the branch predictor. */
	for (; i < node->end; i++) {
		size_t goes_right = NAME(code)(&from[i], place) > last;

		free--;
		memcpy(&to[left + (free & -goes_right)], &from[i], sizeof(*to));
		left += 1 - goes_right;
	}
	return (uint32_t)left;
}

/* Two records are parted by the first candidate in which they differ, into two leaves. False: there is none, or a leaf
 * would be too small. */
static ALWAYS_INLINE bool NAME(grow_two)(struct NAME(work) * work, const struct NAME(node) * node)
{
	const struct NAME(record) *records = NAME(records_of)(work, node);
	uint32_t varying = ~node->constants, draws, min_leaf = work->data->min_samples_leaf;
	NAME(totals) totals, others;
	struct NAME(draw) draw;
	NAME(place) place;
	bool swapped;
	int feature;

	if (varying == 0)
		return false;
	feature = __builtin_ctz(varying);
	if (varying & (varying - 1)) {
		NAME(draw_start)(&draw, node, work->data->feature_count);
		do
			feature = NAME(draw_next)(&draw);
		while (!(varying >> feature & 1));
	}
	place = NAME(place_of)(work->grower->packed, feature);
	swapped = NAME(code)(&records[0], place) > NAME(code)(&records[1], place);
	totals = NAME(counts_many)(&records[swapped]);
	others = node->totals - totals;
	draws = 0;
	for (int k = 0; k < LANES; k++)
		draws += totals[k];
	if (draws < min_leaf || node->draws - draws < min_leaf)
		return false;
	NAME(add_split)
	(work->grower, feature, NAME(code)(&records[swapped], place), NAME(code)(&records[!swapped], place));
	NAME(add_leaf)(work->grower, &totals, draws);
	NAME(add_leaf)(work->grower, &others, node->draws - draws);
	return true;
}

static void NAME(give_away)(struct packed_grower *grower, struct NAME(node) * node)
{
	node->branch = branch_new(grower->branch, grower->records, node, sizeof(*node));
	node->is_given = true;
	crew_give(grower->packed->data->crew, node->branch);
}

/* Makes the left child in the next place of the stack and the right one in the node's own: members that are written one
 * by one and soon copied as a whole would have to be waited for. */
static ALWAYS_INLINE void NAME(make_children)(const struct grow_data *data, struct NAME(node) * node,
					      const struct NAME(cut) * cut, uint32_t middle)
{
	struct NAME(node) *left = node + 1, *right = node;

	left->totals = cut->left_totals;
	left->random = random_left_child(node->random);
	left->begin = node->begin;
	left->end = middle;
	left->draws = cut->left_draws;
	left->constants = node->constants;
	left->depth = node->depth + 1;
	left->second = !node->second;
	left->is_given = false;
	NAME(set_leaf)(data, left);
	right->totals -= cut->left_totals;
	right->random = random_right_child(node->random);
	right->begin = middle;
	right->draws -= cut->left_draws;
	right->depth++;
	right->second = !node->second;
	NAME(set_leaf)(data, right);
}

/* Parts the node at the top of the stack, if there is a cut. */
static ALWAYS_INLINE bool NAME(part)(struct NAME(work) * work, size_t top)
{
	struct packed_grower *grower = work->grower;
	const struct crew *crew = work->data->crew;
	struct NAME(node) *node = (struct NAME(node) *)grower->stack + top;
	struct NAME(cut) cut = {.score = -1};
	uint32_t middle;

	NAME(find_cut)(work, node, &cut);
	if (cut.score < 0)
		return false;
	middle = NAME(partition)(grower, node, &cut);
	NAME(add_split)(grower, cut.feature, cut.left, cut.right);
	if (top + 1 == grower->stack_capacity) {
		packed_grow_stack(grower, sizeof(*node));
		node = (struct NAME(node) *)grower->stack + top;
	}
	NAME(make_children)(work->data, node, &cut, middle);
	/* A thread that has nothing to do is left the right child. */
	if (crew && middle - node[1].begin >= TREE_LEAST_BRANCH && node->end - middle >= TREE_LEAST_BRANCH &&
	    crew_is_hungry(crew))
		NAME(give_away)(grower, node);
	return true;
}

/* Adds the node without children: a leaf, two leaves of one record each below their parent, or a stub. */
static ALWAYS_INLINE void NAME(end)(struct NAME(work) * work, const struct NAME(node) * node)
{
	if (node->is_given)
		branch_add_stub(work->grower->branch, node->branch);
	else if (node->is_leaf || node->end - node->begin > 2 || !NAME(grow_two)(work, node))
		NAME(add_leaf)(work->grower, &node->totals, node->draws);
}

static void NAME(grow_from)(struct packed_grower *grower, const struct NAME(node) * start)
{
	const struct packed *packed = grower->packed;
	struct NAME(work) work = {.grower = grower,
				  .data = packed->data,
				  .bins = {grower->bins, (NAME(totals) *)grower->bins + 2 * PACKED_CODES},
				  .few_codes = packed->few_codes,
				  .many_records = packed->many_records};
	size_t top = 0;

	if (grower->stack_capacity == 0)
		packed_grow_stack(grower, sizeof(*start));
	*(struct NAME(node) *)grower->stack = *start;
	for (;;) {
		struct NAME(node) *node = (struct NAME(node) *)grower->stack + top;
		uint32_t count = node->end - node->begin;

		if (!node->is_leaf && !node->is_given) {
			if (count <= PACKED_SMALL)
				node->constants = NAME(find_constants)(packed, NAME(records_of)(&work, node), count);
			if (count > 2 && NAME(part)(&work, top)) {
				top++;
				continue;
			}
		}
		NAME(end)(&work, node);
		if (top-- == 0)
			return;
	}
}

static void NAME(grow)(struct packed_grower *grower, uint64_t random, const uint32_t *draws)
{
	struct NAME(node) root = NAME(make_root)(grower, random, draws);

	NAME(grow_from)(grower, &root);
}

static void NAME(grow_branch)(struct packed_grower *grower)
{
	struct NAME(node) node;

	memcpy(&node, grower->branch->node, sizeof(node));
	NAME(grow_from)(grower, &node);
}

#endif
