/*
 * One shape of packed growing: packed_kernels.h includes this file with
 *	LANES		classes of a record, a power of two
 *	CODES		code bytes of a record
 *	NAME(word)	a name of this shape
 * A vector of LANES numbers is one or more registers, as the processor has them.
 */
#ifdef LANES /* without them it is empty, not wrong */

typedef uint16_t NAME(counts) __attribute__((vector_size(LANES * 2)));
typedef uint32_t NAME(totals) __attribute__((vector_size(LANES * 4)));
typedef uint64_t NAME(squares) __attribute__((vector_size(LANES * 8)));

struct NAME(record) {
	uint8_t codes[CODES];
	NAME(counts) counts;
};

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

struct NAME(cut) {
	NAME(totals) left_totals;
	double score; /* negative: none */
	int feature;
	uint8_t left, right;
};

struct NAME(work) {
	struct packed_grower *grower;
	const struct grow_data *data;
	NAME(totals) * histograms[2];
	bool few_codes;
};

static ALWAYS_INLINE NAME(totals) NAME(widen)(const struct NAME(record) * record)
{
	return __builtin_convertvector(record->counts, NAME(totals));
}

static ALWAYS_INLINE lanes4 NAME(fold)(const NAME(totals) * v)
{
#if LANES == 4
	return *v;
#else
	lanes4 part, sum = {0};

	for (int i = 0; i < LANES / 4; i++) {
		memcpy(&part, (const char *)v + i * (int)sizeof(part), sizeof(part));
		sum += part;
	}
	return sum;
#endif
}

/* sum_k L_k^2 / n_L + sum_k R_k^2 / n_R. Up to 65,535 draws the squares' sums stay below 2^32. */
static ALWAYS_INLINE double NAME(score)(const struct NAME(node) * node, const NAME(totals) * left_totals,
					uint32_t min_leaf)
{
	NAME(totals) left = *left_totals, right = node->totals - left;
	NAME(totals) left_squares = left * left, right_squares = right * right;
	lanes4 sums = add_pairs(add_pairs(NAME(fold)(&left_squares), NAME(fold)(&right_squares)),
				add_pairs(NAME(fold)(&left), NAME(fold)(&right)));

	if (node->draws > UINT16_MAX) {
		NAME(squares) wide_left = __builtin_convertvector(left, NAME(squares));
		NAME(squares) wide_right = __builtin_convertvector(right, NAME(squares));
		uint64_t left_sum = 0, right_sum = 0;

		wide_left *= wide_left;
		wide_right *= wide_right;
		for (int k = 0; k < LANES; k++) {
			left_sum += wide_left[k];
			right_sum += wide_right[k];
		}
		return sums[2] < min_leaf || sums[3] < min_leaf
			   ? -1
			   : (double)left_sum / (double)sums[2] + (double)right_sum / (double)sums[3];
	}
	if (sums[2] < min_leaf || sums[3] < min_leaf)
		return -1;
	return divide_and_add(sums);
}

/* Looks at all cuts of a feature whose histogram and set of codes are given, and empties the histogram. False: it is
 * constant. */
static ALWAYS_INLINE bool NAME(sweep)(struct NAME(work) * work, const struct NAME(node) * node,
				      NAME(totals) * histogram, const uint64_t *present, int words, int feature,
				      struct NAME(cut) * best)
{
	NAME(totals) left = {0}, before[PACKED_CODES];
	uint8_t codes[PACKED_CODES];
	uint32_t min_leaf = work->data->min_samples_leaf;
	int count = 0, better = -1;

	for (int word = 0; word < words; word++)
		for (uint64_t bits = present[word]; bits; bits &= bits - 1) {
			int code = word * 64 + __builtin_ctzll(bits);

			if (count > 0) {
				double score = NAME(score)(node, &left, min_leaf);

				if (score > best->score) {
					best->score = score;
					better = count;
				}
			}
			left += histogram[code];
			histogram[code] = (NAME(totals)){0};
			codes[count++] = (uint8_t)code;
			before[count & (PACKED_CODES - 1)] = left;
		}
	if (better >= 0) {
		best->left_totals = before[better];
		best->feature = feature;
		best->left = codes[better - 1];
		best->right = codes[better];
	}
	return count > 1;
}

/* Counts two features at once, which keeps two independent additions under way. */
static ALWAYS_INLINE void NAME(search)(struct NAME(work) * work, struct NAME(node) * node, const int *features,
				       int count, struct NAME(cut) * best, bool *any_varies, bool few_codes)
{
	const struct NAME(record) *records = work->grower->records[node->second];
	uint64_t present[2][PACKED_CODES / 64];
	int words = few_codes ? 1 : PACKED_CODES / 64, first = features[0], second = features[count - 1];
	NAME(totals) *histogram = work->histograms[0], *other = work->histograms[1];

	if (few_codes) {
		uint64_t bits = 0, other_bits = 0;

		for (uint32_t i = node->begin; i < node->end; i++) {
			NAME(totals) counts = NAME(widen)(&records[i]);

			histogram[records[i].codes[first]] += counts;
			bits |= UINT64_C(1) << records[i].codes[first];
			if (count > 1) {
				other[records[i].codes[second]] += counts;
				other_bits |= UINT64_C(1) << records[i].codes[second];
			}
		}
		present[0][0] = bits;
		present[1][0] = other_bits;
	} else {
		uint8_t seen[2][PACKED_CODES] = {{0}};

		for (uint32_t i = node->begin; i < node->end; i++) {
			NAME(totals) counts = NAME(widen)(&records[i]);

			histogram[records[i].codes[first]] += counts;
			seen[0][records[i].codes[first]] = 1;
			if (count > 1) {
				other[records[i].codes[second]] += counts;
				seen[1][records[i].codes[second]] = 1;
			}
		}
		collect_bits(seen[0], present[0]);
		collect_bits(seen[1], present[1]);
	}
	for (int i = 0; i < count; i++)
		if (NAME(sweep)(work, node, work->histograms[i], present[i], words, features[i], best))
			*any_varies = true;
		else
			node->constants |= UINT32_C(1) << features[i];
}

/* Two records are parted by the first feature in which they differ; all such cuts are equally good. */
static ALWAYS_INLINE bool NAME(part_two)(const struct NAME(record) * records, struct NAME(node) * node, int feature,
					 struct NAME(cut) * best)
{
	uint8_t a = records[node->begin].codes[feature], b = records[node->begin + 1].codes[feature];

	if (a == b)
		return false;
	best->feature = feature;
	best->left = a < b ? a : b;
	best->right = a < b ? b : a;
	best->left_totals = NAME(widen)(&records[node->begin + (a > b)]);
	return true;
}

/* The candidates as tree.c draws them; those drawn in any case are looked at two by two. */
static ALWAYS_INLINE struct NAME(cut) NAME(find_cut)(struct NAME(work) * work, struct NAME(node) * node)
{
	const struct NAME(record) *records = work->grower->records[node->second];
	const struct grow_data *data = work->data;
	struct random_draws random = {.state = node->random};
	struct NAME(cut) best = {.score = -1};
	int order[PACKED_MAX_FEATURES], wanted[2], waiting = 0;
	bool any_varies = false, are_two = node->end - node->begin == 2;

	for (int f = 0; f < data->feature_count; f++)
		order[f] = f;
	for (int drawn = 0; drawn < data->feature_count && (drawn < data->max_features || !any_varies); drawn++) {
		int at = drawn + (int)random_draw_below(&random, (uint32_t)(data->feature_count - drawn));
		int feature = order[at];

		order[at] = order[drawn];
		if (!(node->constants >> feature & 1)) {
			if (!are_two)
				wanted[waiting++] = feature;
			else if (NAME(part_two)(records, node, feature, &best))
				break;
		}
		if (waiting == 2 || (waiting == 1 && drawn + 1 >= data->max_features)) {
			if (work->few_codes)
				NAME(search)(work, node, wanted, waiting, &best, &any_varies, true);
			else
				NAME(search)(work, node, wanted, waiting, &best, &any_varies, false);
			waiting = 0;
		}
	}
	if (are_two && best.right > 0)
		best.score = NAME(score)(node, &best.left_totals, data->min_samples_leaf);
	return best;
}

/* The records of the left child to the front of the run, the others to its back. Returns where the right ones begin. */
static ALWAYS_INLINE uint32_t NAME(partition)(struct packed_grower *grower, const struct NAME(node) * node,
					      const struct NAME(cut) * cut)
{
	const struct NAME(record) *restrict from = grower->records[node->second];
	struct NAME(record) *restrict to = grower->records[!node->second];
	size_t left = node->begin, right = node->end - 1, feature = (size_t)cut->feature;
	uint8_t last = cut->left;

	/* Which way is a coin toss to the branch predictor, so a record is written to both ends of what is free. */
	for (uint32_t i = node->begin; i < node->end; i++) {
		size_t goes_right = from[i].codes[feature] > last;

		to[left] = from[i];
		to[right] = from[i];
		left += 1 - goes_right;
		right -= goes_right;
	}
	return (uint32_t)left;
}

static ALWAYS_INLINE bool NAME(is_pure)(const struct NAME(node) * node)
{
	NAME(totals) draws = node->totals == node->draws;
	uint64_t parts[LANES / 2], any = 0;

	memcpy(parts, &draws, sizeof(parts));
	for (int i = 0; i < LANES / 2; i++)
		any |= parts[i];
	return any != 0;
}

static ALWAYS_INLINE void NAME(set_leaf)(const struct grow_data *data, struct NAME(node) * node)
{
	node->is_leaf = node->end - node->begin < 2 || node->draws / 2 < data->min_samples_leaf ||
			(data->max_depth > 0 && node->depth >= data->max_depth) || NAME(is_pure)(node);
}

static ALWAYS_INLINE void NAME(add_leaf)(struct packed_grower *grower, const struct NAME(node) * node)
{
	uint32_t vector[LANES], *known = NULL, index;

	memcpy(vector, &node->totals, sizeof(vector));
	if (node->draws < PACKED_PURE_DRAWS)
		for (int k = 0; k < LANES; k++)
			if (vector[k] == node->draws)
				known = &grower->pure[k][node->draws];
	index = known && *known ? *known - 1 : distribution_add(&grower->leaves, vector);
	if (known)
		*known = index + 1;
	branch_add_node(grower->branch, (struct tree_node){.feature = TREE_LEAF, .distribution = index});
}

static ALWAYS_INLINE struct NAME(node)
    NAME(make_child)(const struct grow_data *data, const struct NAME(node) * node, const NAME(totals) * totals,
		     uint32_t begin, uint32_t end, uint64_t random)
{
	lanes4 parts = NAME(fold)(totals);
	struct NAME(node) child = {.totals = *totals,
				   .random = random,
				   .begin = begin,
				   .end = end,
				   .draws = parts[0] + parts[1] + parts[2] + parts[3],
				   .constants = node->constants,
				   .depth = node->depth + 1,
				   .second = !node->second};

	NAME(set_leaf)(data, &child);
	return child;
}

/* One record of each cell that was drawn, or more where a count does not fit into 16 bits. */
static ALWAYS_INLINE struct NAME(node)
    NAME(make_root)(struct packed_grower *grower, uint64_t random, const uint32_t *draws)
{
	const struct packed *packed = grower->packed;
	const struct grow_data *data = packed->data;
	struct NAME(record) *records = grower->records[0];
	struct NAME(node) root = {.random = random};

	for (uint32_t c = 0; c < packed->cell_count; c++) {
		uint32_t slot = packed->cells[c], end = slot + packed->cell_slots[c], counts[LANES] = {0}, any = 0;

		for (uint32_t s = slot; s < end; s++) {
			counts[data->classes[s]] = draws[s];
			any |= draws[s];
		}
		while (any) {
			struct NAME(record) record = {{0}, {0}};
			uint16_t part[LANES];

			any = 0;
			for (int k = 0; k < LANES; k++) {
				part[k] = (uint16_t)(counts[k] < UINT16_MAX ? counts[k] : UINT16_MAX);
				counts[k] -= part[k];
				any |= counts[k];
			}
			memcpy(&record.counts, part, sizeof(part));
			for (int f = 0; f < data->feature_count; f++)
				record.codes[f] = data->columns[f].narrow[slot];
			root.totals += NAME(widen)(&record);
			records[root.end++] = record;
		}
	}
	for (int k = 0; k < LANES; k++)
		root.draws += root.totals[k];
	NAME(set_leaf)(data, &root);
	return root;
}

static void NAME(give_away)(struct packed_grower *grower, struct NAME(node) * node)
{
	node->branch = branch_new(grower->branch, grower->records, node, sizeof(*node));
	node->is_given = true;
	crew_give(grower->packed->data->crew, node->branch);
}

/* Puts the right child on the stack, or what stands for it when a thread that has nothing to do is left it. */
static ALWAYS_INLINE void NAME(push)(struct packed_grower *grower, size_t depth, const struct NAME(node) * left,
				     struct NAME(node) * right)
{
	const struct crew *crew = grower->packed->data->crew;
	struct NAME(node) * stack;

	if (crew && left->end - left->begin >= TREE_LEAST_BRANCH && right->end - right->begin >= TREE_LEAST_BRANCH &&
	    crew_is_hungry(crew))
		NAME(give_away)(grower, right);
	if (depth == grower->stack_capacity)
		packed_grow_stack(grower, sizeof(*right));
	stack = grower->stack;
	stack[depth] = *right;
}

static void NAME(grow_from)(struct packed_grower *grower, struct NAME(node) node)
{
	const struct grow_data *data = grower->packed->data;
	struct NAME(work) work = {.grower = grower, .data = data, .few_codes = grower->packed->few_codes};
	size_t depth = 0;

	work.histograms[0] = grower->histograms;
	work.histograms[1] = work.histograms[0] + PACKED_CODES;
	for (;;) {
		struct NAME(cut) cut = {.score = -1};

		if (!node.is_leaf && !node.is_given)
			cut = NAME(find_cut)(&work, &node);
		if (cut.score >= 0) {
			uint32_t middle = NAME(partition)(grower, &node, &cut);
			NAME(totals) right_totals = node.totals - cut.left_totals;
			struct NAME(node) right = NAME(make_child)(data, &node, &right_totals, middle, node.end,
								   random_right_child(node.random));

			branch_add_node(
			    grower->branch,
			    (struct tree_node){.feature = (uint16_t)cut.feature, .left = cut.left, .right = cut.right});
			node = NAME(make_child)(data, &node, &cut.left_totals, node.begin, middle,
						random_left_child(node.random));
			NAME(push)(grower, depth++, &node, &right);
			continue;
		}
		if (node.is_given)
			branch_add_stub(grower->branch, node.branch);
		else
			NAME(add_leaf)(grower, &node);
		if (depth == 0)
			return;
		node = ((struct NAME(node) *)grower->stack)[--depth];
	}
}

static void NAME(grow)(struct packed_grower *grower, uint64_t random, const uint32_t *draws)
{
	NAME(grow_from)(grower, NAME(make_root)(grower, random, draws));
}

static void NAME(grow_branch)(struct packed_grower *grower)
{
	struct NAME(node) node;

	memcpy(&node, grower->branch->node, sizeof(node));
	NAME(grow_from)(grower, node);
}

#endif
