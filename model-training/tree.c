#include "model-training/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/distribution.h"
#include "model-training/packed.h"
#include "model-training/random.h"

/* A node whose members are known and whose turn comes. */
struct pending {
	uint32_t begin, end;
	int depth;
	int constants; /* features known to be constant in it */
	uint64_t random;
	bool in_block; /* its members' slots are places in the block */
};

/*
 * The codes of a node's members, side by side: where a subtree has at most so many members, its columns are copied here
 * and its searches stay in a near cache, instead of fetching each code from a long column. That pays unless the
 * candidates of its nodes are few of very many features.
 */
enum { BLOCK_BYTES = 1 << 18, BLOCK_MEMBERS = 4096, BLOCK_LEAST = 64, BLOCK_FEATURES_PER_CANDIDATE = 8 };

struct block {
	uint32_t members; /* at most; 0: there is none */
	struct column *columns;
	uint8_t *bytes;
};

struct tree_grower {
	const struct grow_data *data;
	struct packed_grower *packed; /* does the work where data->packed is set */
	uint32_t *draws;	      /* by slot */
	struct member *members, *spare;
	struct pending *stack;
	size_t stack_count, stack_capacity;
	int *features;		       /* all, in order except while a node draws its candidates */
	int *drawn;		       /* where each candidate was drawn from */
	int *constants;		       /* features that are constant in the node at hand, its ancestors' first */
	int *constant_at;	       /* by feature: where in constants it stands if it does */
	uint32_t *totals, *odd_totals; /* draws by class of the node at hand */
	struct cut_scratch *scratch;
	struct block block;
	struct distribution_set leaves;
	struct tree *tree;
	uint32_t node_capacity;
};

static void block_init(struct block *block, const struct grow_data *data)
{
	size_t width = 0, at = 0;

	for (int f = 0; f < data->feature_count; f++)
		width += data->columns[f].narrow ? 1 : 2;
	block->members = BLOCK_BYTES / width < BLOCK_MEMBERS ? (uint32_t)(BLOCK_BYTES / width) & ~1u : BLOCK_MEMBERS;
	if (data->feature_count > data->max_features * BLOCK_FEATURES_PER_CANDIDATE)
		block->members = 0;
	block->bytes = xcalloc(block->members, width);
	block->columns = xcalloc((size_t)data->feature_count, sizeof(*block->columns));
	for (int f = 0; f < data->feature_count; f++) {
		block->columns[f] = (struct column){.greatest = data->columns[f].greatest};
		if (data->columns[f].narrow)
			block->columns[f].narrow = block->bytes + at;
		else
			block->columns[f].wide = (uint16_t *)(void *)(block->bytes + at);
		at += block->members * (size_t)(data->columns[f].narrow ? 1 : 2);
	}
}

static void block_fill(struct tree_grower *grower, struct pending *node)
{
	const struct grow_data *data = grower->data;
	struct member *members = grower->members + node->begin;
	uint32_t count = node->end - node->begin;

	for (int f = 0; f < data->feature_count; f++) {
		const struct column *from = &data->columns[f], *to = &grower->block.columns[f];
		uint8_t *narrow = (uint8_t *)(uintptr_t)to->narrow;
		uint16_t *wide = (uint16_t *)(uintptr_t)to->wide;

		for (uint32_t i = 0; narrow && i < count; i++)
			narrow[i] = from->narrow[members[i].slot];
		for (uint32_t i = 0; wide && i < count; i++)
			wide[i] = from->wide[members[i].slot];
	}
	for (uint32_t i = 0; i < count; i++)
		members[i].slot = i;
	node->in_block = true;
}

static const struct column *columns_of(const struct tree_grower *grower, const struct pending *node)
{
	return node->in_block ? grower->block.columns : grower->data->columns;
}

struct tree_grower *tree_grower_new(const struct grow_data *data)
{
	struct tree_grower *grower = xcalloc(1, sizeof(*grower));

	grower->data = data;
	grower->draws = xcalloc(data->slot_count, sizeof(*grower->draws));
	if (data->packed) {
		grower->packed = packed_grower_new(data->packed);
		return grower;
	}
	grower->members = xcalloc(data->slot_count, sizeof(*grower->members));
	grower->spare = xcalloc(data->slot_count, sizeof(*grower->spare));
	grower->features = xcalloc((size_t)data->feature_count, sizeof(*grower->features));
	grower->drawn = xcalloc((size_t)data->feature_count, sizeof(*grower->drawn));
	grower->constants = xcalloc((size_t)data->feature_count, sizeof(*grower->constants));
	grower->constant_at = xcalloc((size_t)data->feature_count, sizeof(*grower->constant_at));
	for (int f = 0; f < data->feature_count; f++)
		grower->features[f] = f;
	grower->totals = xcalloc((size_t)data->class_count, sizeof(*grower->totals));
	grower->odd_totals = xcalloc((size_t)data->class_count, sizeof(*grower->odd_totals));
	block_init(&grower->block, data);
	grower->scratch = cut_scratch_new(data->slot_count, data->class_count);
	distribution_set_init(&grower->leaves, data->class_count);
	return grower;
}

void tree_grower_free(struct tree_grower *grower)
{
	if (!grower)
		return;
	packed_grower_free(grower->packed);
	free(grower->draws);
	free(grower->members);
	free(grower->spare);
	free(grower->stack);
	free(grower->block.bytes);
	free(grower->block.columns);
	free(grower->features);
	free(grower->drawn);
	free(grower->constants);
	free(grower->constant_at);
	free(grower->totals);
	free(grower->odd_totals);
	cut_scratch_free(grower->scratch);
	distribution_set_release(&grower->leaves);
	free(grower);
}

void tree_release(struct tree *tree)
{
	free(tree->nodes);
	free(tree->draws);
	*tree = (struct tree){0};
}

static uint32_t collect_members(struct tree_grower *grower, const uint32_t *draws)
{
	const struct grow_data *data = grower->data;
	uint32_t count = 0;

	for (uint32_t s = 0; s < data->slot_count; s++) {
		grower->members[count] = (struct member){.slot = s, .draws = draws[s], .class = data->classes[s]};
		count += draws[s] > 0;
	}
	return count;
}

static void push(struct tree_grower *grower, struct pending node)
{
	if (grower->stack_count == grower->stack_capacity) {
		grower->stack_capacity = grower->stack_capacity ? grower->stack_capacity * 2 : 64;
		grower->stack = xreallocarray(grower->stack, grower->stack_capacity, sizeof(*grower->stack));
	}
	grower->stack[grower->stack_count++] = node;
}

static void add_node(struct tree_grower *grower, struct tree_node node)
{
	struct tree *tree = grower->tree;

	if (tree->node_count == grower->node_capacity) {
		grower->node_capacity = grower->node_capacity ? grower->node_capacity * 2 : 1024;
		tree->nodes = xreallocarray(tree->nodes, grower->node_capacity, sizeof(*tree->nodes));
	}
	tree->nodes[tree->node_count++] = node;
}

static void swap(int *features, int a, int b)
{
	int feature = features[a];

	features[a] = features[b];
	features[b] = feature;
}

static bool is_constant(const struct tree_grower *grower, int feature, int count)
{
	int at = grower->constant_at[feature];

	return at < count && grower->constants[at] == feature;
}

/* The candidates of a node, drawn by Fisher-Yates until there are enough and one of them varies; what was drawn is put
 * back in its place. The constant ones are remembered for its children behind those of its ancestors. */
static struct cut find_cut(struct tree_grower *grower, const struct cut_node *node, struct pending *pending)
{
	const struct grow_data *data = grower->data;
	struct random_draws random = {.state = pending->random};
	struct cut best = {.score = -1};
	int *features = grower->features, count = data->feature_count, drawn = 0;
	bool any_varies = false;

	for (; drawn < count && (drawn < data->max_features || !any_varies); drawn++) {
		int at = drawn + (int)random_draw_below(&random, (uint32_t)(count - drawn)), feature;

		swap(features, drawn, at);
		grower->drawn[drawn] = at;
		feature = features[drawn];
		if (is_constant(grower, feature, pending->constants))
			continue;
		if (cut_search(grower->scratch, node, &columns_of(grower, pending)[feature], feature, &best)) {
			any_varies = true;
			continue;
		}
		grower->constant_at[feature] = pending->constants;
		grower->constants[pending->constants++] = feature;
	}
	while (drawn-- > 0)
		swap(features, drawn, grower->drawn[drawn]);
	return best;
}

/* Moves the members that go left to the front, both sides in the order they were in. */
static uint32_t partition(struct tree_grower *grower, const struct pending *node, const struct cut *cut)
{
	const struct column *column = &columns_of(grower, node)[cut->feature];
	uint32_t left = node->begin, right = 0;

	for (uint32_t i = node->begin; i < node->end; i++) {
		struct member member = grower->members[i];
		uint16_t code = column->narrow ? column->narrow[member.slot] : column->wide[member.slot];
		bool goes_left = code <= cut->left;

		grower->members[left] = member;
		grower->spare[right] = member;
		left += goes_left;
		right += !goes_left;
	}
	memcpy(grower->members + left, grower->spare, right * sizeof(*grower->members));
	return left;
}

/* Sums up the members' classes. False: only one class. Two alternating sums, so that an addition need not wait for the
 * one before it to be stored. */
static bool sum_up(struct tree_grower *grower, const struct pending *pending, struct cut_node *node)
{
	const struct member *members = grower->members + pending->begin;
	uint32_t count = pending->end - pending->begin, draws = 0;
	int class_count = grower->data->class_count;
	uint32_t *even = grower->totals, *odd = grower->odd_totals;
	uint64_t squares = 0;

	memset(even, 0, (size_t)class_count * sizeof(*even));
	memset(odd, 0, (size_t)class_count * sizeof(*odd));
	for (uint32_t i = 0; i + 1 < count; i += 2) {
		even[members[i].class] += members[i].draws;
		odd[members[i + 1].class] += members[i + 1].draws;
	}
	if (count % 2)
		even[members[count - 1].class] += members[count - 1].draws;
	for (int k = 0; k < class_count; k++) {
		even[k] += odd[k];
		draws += even[k];
		squares += (uint64_t)even[k] * even[k];
	}
	*node = (struct cut_node){.members = members,
				  .member_count = count,
				  .class_count = class_count,
				  .totals = even,
				  .draws = draws,
				  .squares = squares,
				  .min_leaf = grower->data->min_samples_leaf};
	return squares < (uint64_t)draws * draws;
}

static void grow_node(struct tree_grower *grower, struct pending pending)
{
	const struct grow_data *data = grower->data;
	struct cut best = {.score = -1};
	struct cut_node node;
	uint32_t middle;

	if (sum_up(grower, &pending, &node) && node.draws / 2 >= data->min_samples_leaf &&
	    (data->max_depth == 0 || pending.depth < data->max_depth)) {
		if (!pending.in_block && node.member_count >= BLOCK_LEAST && node.member_count <= grower->block.members)
			block_fill(grower, &pending);
		best = find_cut(grower, &node, &pending);
	}
	if (best.score < 0) {
		add_node(grower, (struct tree_node){.feature = TREE_LEAF,
						    .distribution = distribution_add(&grower->leaves, grower->totals)});
		return;
	}
	add_node(grower, (struct tree_node){.feature = (uint16_t)best.feature, .left = best.left, .right = best.right});
	middle = partition(grower, &pending, &best);
	push(grower, (struct pending){middle, pending.end, pending.depth + 1, pending.constants,
				      random_right_child(pending.random), pending.in_block});
	push(grower, (struct pending){pending.begin, middle, pending.depth + 1, pending.constants,
				      random_left_child(pending.random), pending.in_block});
}

void tree_grow_from(struct tree_grower *grower, uint32_t tree_number, const uint32_t *draws, struct tree *tree)
{
	if (grower->packed) {
		packed_grow(grower->packed, tree_number, draws, tree);
		return;
	}
	*tree = (struct tree){0};
	grower->tree = tree;
	grower->node_capacity = 0;
	push(grower, (struct pending){.end = collect_members(grower, draws),
				      .random = random_mix(random_tree_state(grower->data->seed, tree_number))});
	while (grower->stack_count > 0)
		grow_node(grower, grower->stack[--grower->stack_count]);
	tree->distribution_count = grower->leaves.count;
	tree->draws = distribution_take(&grower->leaves);
}

void tree_grow(struct tree_grower *grower, uint32_t tree_number, struct tree *tree)
{
	bootstrap_draw(grower->data->bootstrap, grower->data->seed, tree_number, grower->draws);
	tree_grow_from(grower, tree_number, grower->draws, tree);
}
