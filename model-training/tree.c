#include "model-training/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/block.h"
#include "model-training/crew.h"
#include "model-training/packed.h"
#include "model-training/random.h"

/* A node whose members are known and whose turn comes, or what another thread grows in its place. */
struct pending {
	struct branch *branch;
	uint32_t begin, end;
	int depth;
	int constants; /* features known to be constant in it */
	uint64_t random;
	bool in_block; /* its members' slots are places in the block */
};

enum { BLOCK_LEAST = 64 }; /* members from which on a block pays */

struct tree_grower {
	const struct grow_data *data;
	struct packed_grower *packed;	/* does the work where data->packed is set */
	uint32_t *draws;		/* by slot, from the first tree on, as `own` */
	struct member *own[2];		/* memory for the members of a tree and as much to part them */
	struct member *members, *spare; /* of the tree at hand, which may be another grower's */
	struct pending *stack;
	size_t stack_count, stack_capacity;
	int *features;		       /* all, in order except while a node draws its candidates */
	int *drawn;		       /* where each candidate was drawn from */
	int *constants;		       /* features that are constant in the node at hand, its ancestors' first */
	int *constant_at;	       /* by feature: where in constants it stands if it does */
	uint32_t *totals, *odd_totals; /* draws by class of the node at hand */
	struct cut_scratch *scratch;
	uint32_t scratch_members; /* that it has room for */
	struct block block;
	struct distribution_set leaves;
	struct branch *branch; /* what is grown */
};

/* How a branch knows its first node. */
struct start {
	struct pending pending;
	int constants[]; /* pending.constants */
};

static const struct column *columns_of(const struct tree_grower *grower, const struct pending *node)
{
	return node->in_block ? grower->block.columns : grower->data->columns;
}

uint64_t tree_grower_bytes(const struct grow_data *data)
{
	uint64_t slots = data->slot_count;

	return slots * sizeof(uint32_t) + (data->packed ? packed_grower_bytes(data->packed)
							: 2 * slots * sizeof(struct member) +
							      cut_scratch_bytes(data->slot_count, data->class_count));
}

struct tree_grower *tree_grower_new(const struct grow_data *data)
{
	struct tree_grower *grower = xcalloc(1, sizeof(*grower));

	grower->data = data;
	if (data->packed) {
		grower->packed = packed_grower_new(data->packed);
		return grower;
	}
	grower->features = xcalloc((size_t)data->feature_count, sizeof(*grower->features));
	grower->drawn = xcalloc((size_t)data->feature_count, sizeof(*grower->drawn));
	grower->constants = xcalloc((size_t)data->feature_count, sizeof(*grower->constants));
	grower->constant_at = xcalloc((size_t)data->feature_count, sizeof(*grower->constant_at));
	for (int f = 0; f < data->feature_count; f++)
		grower->features[f] = f;
	grower->totals = xcalloc((size_t)data->class_count, sizeof(*grower->totals));
	grower->odd_totals = xcalloc((size_t)data->class_count, sizeof(*grower->odd_totals));
	block_init(&grower->block, data);
	distribution_set_init(&grower->leaves, data->class_count);
	return grower;
}

void tree_grower_free(struct tree_grower *grower)
{
	if (!grower)
		return;
	packed_grower_free(grower->packed);
	free(grower->draws);
	free(grower->own[0]);
	free(grower->own[1]);
	free(grower->stack);
	block_release(&grower->block);
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
	distributions_release(&tree->leaves);
	*tree = (struct tree){0};
}

static void reserve_scratch(struct tree_grower *grower, uint32_t members)
{
	if (members <= grower->scratch_members)
		return;
	members += members / 16; /* the next tree may have some more */
	cut_scratch_free(grower->scratch);
	grower->scratch = cut_scratch_new(members, grower->data->class_count);
	grower->scratch_members = members;
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
	struct member *spare = grower->spare + node->begin;
	uint32_t left = node->begin, right = 0;

	for (uint32_t i = node->begin; i < node->end; i++) {
		struct member member = grower->members[i];
		uint16_t code = column->narrow ? column->narrow[member.slot] : column->wide[member.slot];
		bool goes_left = code <= cut->left;

		grower->members[left] = member;
		spare[right] = member;
		left += goes_left;
		right += !goes_left;
	}
	memcpy(grower->members + left, spare, right * sizeof(*spare));
	return left;
}

/* From here on the slots of the node's members are places in the block. */
static void enter_block(struct tree_grower *grower, struct pending *node)
{
	struct member *members = grower->members + node->begin;
	uint32_t count = node->end - node->begin;

	block_fill(&grower->block, grower->data, members, count);
	for (uint32_t i = 0; i < count; i++)
		members[i].slot = i;
	node->in_block = true;
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

/* Leaves the node to a thread that has nothing to do. */
static void give_away(struct tree_grower *grower, struct pending *pending)
{
	size_t constants = (size_t)pending->constants * sizeof(int), size = sizeof(struct start) + constants;
	struct start *start = xmalloc(size);

	start->pending = *pending;
	memcpy(start->constants, grower->constants, constants);
	pending->branch = branch_new(grower->branch, (void *[]){grower->members, grower->spare}, start, size);
	free(start);
	crew_give(grower->data->crew, pending->branch);
}

static void push_children(struct tree_grower *grower, const struct pending *parent, uint32_t middle)
{
	const struct crew *crew = grower->data->crew;
	struct pending left = {.begin = parent->begin,
			       .end = middle,
			       .depth = parent->depth + 1,
			       .constants = parent->constants,
			       .random = random_left_child(parent->random),
			       .in_block = parent->in_block};
	struct pending right = left;

	right.begin = middle;
	right.end = parent->end;
	right.random = random_right_child(parent->random);
	if (crew && left.end - left.begin >= TREE_LEAST_BRANCH && right.end - right.begin >= TREE_LEAST_BRANCH &&
	    crew_is_hungry(crew))
		give_away(grower, &right);
	push(grower, right);
	push(grower, left);
}

static void grow_node(struct tree_grower *grower, struct pending pending)
{
	const struct grow_data *data = grower->data;
	struct cut best = {.score = -1};
	struct cut_node node;

	if (sum_up(grower, &pending, &node) && node.draws / 2 >= data->min_samples_leaf &&
	    (data->max_depth == 0 || pending.depth < data->max_depth)) {
		if (!pending.in_block && node.member_count >= BLOCK_LEAST && node.member_count <= grower->block.members)
			enter_block(grower, &pending);
		best = find_cut(grower, &node, &pending);
	}
	if (best.score < 0) {
		branch_add_node(grower->branch,
				(struct tree_node){.feature = TREE_LEAF,
						   .distribution = distribution_add(&grower->leaves, grower->totals)});
		return;
	}
	branch_add_node(grower->branch,
			(struct tree_node){.feature = (uint16_t)best.feature, .left = best.left, .right = best.right});
	push_children(grower, &pending, partition(grower, &pending, &best));
}

/* ------------------------------------------------------------------ parts of a tree */

static void grow_pending(struct tree_grower *grower)
{
	while (grower->stack_count > 0) {
		struct pending pending = grower->stack[--grower->stack_count];

		if (pending.branch)
			branch_add_stub(grower->branch, pending.branch);
		else
			grow_node(grower, pending);
	}
	distribution_take(&grower->leaves, &grower->branch->tree.leaves);
}

static void grow_trunk(struct tree_grower *grower, uint32_t tree_number, const uint32_t *draws, struct branch *trunk)
{
	const struct grow_data *data = grower->data;
	struct pending root = {.random = random_mix(random_tree_state(data->seed, tree_number))};

	for (int i = 0; i < 2; i++)
		if (!grower->own[i])
			grower->own[i] = xcalloc(data->slot_count, sizeof(*grower->own[i]));
	grower->branch = trunk;
	grower->members = grower->own[0];
	grower->spare = grower->own[1];
	root.end = collect_members(grower, draws);
	reserve_scratch(grower, root.end);
	push(grower, root);
	grow_pending(grower);
}

static void grow_branch(struct tree_grower *grower, struct branch *branch)
{
	const struct start *start = branch->node;
	struct pending pending = start->pending;

	grower->branch = branch;
	grower->members = branch->memory[0];
	grower->spare = branch->memory[1];
	for (int i = 0; i < pending.constants; i++) {
		grower->constants[i] = start->constants[i];
		grower->constant_at[start->constants[i]] = i;
	}
	reserve_scratch(grower, pending.end - pending.begin);
	push(grower, pending);
	grow_pending(grower);
}

/* ------------------------------------------------------------------ trees */

/* Branches of any tree, until that of the trunk is grown; without one, until all are. */
static void help(struct tree_grower *grower, const struct branch *trunk)
{
	struct crew *crew = grower->data->crew;
	struct branch *branch;

	while ((branch = crew_take(crew, trunk)) != NULL) {
		if (grower->packed)
			packed_grow_branch(grower->packed, branch);
		else
			grow_branch(grower, branch);
		crew_grown(crew, branch);
	}
}

void tree_help(struct tree_grower *grower)
{
	help(grower, NULL);
}

void tree_grow_from(struct tree_grower *grower, uint32_t tree_number, const uint32_t *draws, struct tree *tree)
{
	struct branch trunk;

	branch_init_trunk(&trunk);
	if (grower->packed)
		packed_grow(grower->packed, tree_number, draws, &trunk);
	else
		grow_trunk(grower, tree_number, draws, &trunk);
	if (grower->data->crew) {
		crew_grown(grower->data->crew, &trunk);
		help(grower, &trunk);
	}
	branch_join(&trunk, grower->data->class_count, tree);
}

void tree_grow(struct tree_grower *grower, uint32_t tree_number, struct tree *tree)
{
	if (!grower->draws)
		grower->draws = xcalloc(grower->data->slot_count, sizeof(*grower->draws));
	bootstrap_draw(grower->data->bootstrap, grower->data->seed, tree_number, grower->draws);
	tree_grow_from(grower, tree_number, grower->draws, tree);
}
