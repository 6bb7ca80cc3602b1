/* A tree in parts is put together as one thread would have grown it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "common/attr.h"
#include "model-training/branch.h"
#include "model-training/crew.h"

enum { CLASSES = 2 };

static void add_leaf(struct branch *branch, struct distribution_set *leaves, uint32_t a, uint32_t b)
{
	uint32_t index = distribution_add(leaves, (uint32_t[]){a, b});

	branch_add_node(branch, (struct tree_node){.feature = TREE_LEAF, .distribution = index});
}

static void add_split(struct branch *branch, uint16_t feature)
{
	branch_add_node(branch, (struct tree_node){.feature = feature, .left = 1, .right = 2});
}

static struct branch *give(struct branch *from)
{
	return branch_new(from, (void *[2]){NULL, NULL}, "", 1);
}

/* 0 (1 a [2 b (3 c a)]) [4 d b]: brackets are branches, round ones within a branch. Leaves are numbered a b c d in the
 * order in which they are first met, though the branches number them otherwise. */
static void joins_branches_within_branches(void **state UNUSED)
{
	static const struct {
		uint16_t feature;
		uint32_t draws;
	} wanted[] = {{0, 0},	      {1, 0},	      {TREE_LEAF, 1}, {2, 0},	      {TREE_LEAF, 2}, {3, 0},
		      {TREE_LEAF, 3}, {TREE_LEAF, 1}, {4, 0},	      {TREE_LEAF, 4}, {TREE_LEAF, 2}};
	struct branch trunk, *two, *three, *four;
	struct distribution_set leaves;
	uint32_t draws[CLASSES];
	struct tree tree;

	distribution_set_init(&leaves, CLASSES);
	branch_init_trunk(&trunk);
	add_split(&trunk, 0);
	add_split(&trunk, 1);
	add_leaf(&trunk, &leaves, 1, 0);
	branch_add_stub(&trunk, two = give(&trunk));
	branch_add_stub(&trunk, four = give(&trunk));
	distribution_take(&leaves, &trunk.tree.leaves);
	add_split(four, 4);
	add_leaf(four, &leaves, 4, 0);
	add_leaf(four, &leaves, 2, 0);
	distribution_take(&leaves, &four->tree.leaves);
	add_split(two, 2);
	add_leaf(two, &leaves, 2, 0);
	branch_add_stub(two, three = give(two));
	distribution_take(&leaves, &two->tree.leaves);
	assert_ptr_equal(three->trunk, &trunk);
	add_split(three, 3);
	add_leaf(three, &leaves, 3, 0);
	add_leaf(three, &leaves, 1, 0);
	distribution_take(&leaves, &three->tree.leaves);

	branch_join(&trunk, CLASSES, &tree);
	assert_int_equal(tree.node_count, sizeof(wanted) / sizeof(*wanted));
	assert_int_equal(tree.leaves.count, 4);
	for (uint32_t i = 0; i < tree.node_count; i++) {
		assert_int_equal(tree.nodes[i].feature, wanted[i].feature);
		if (wanted[i].feature == TREE_LEAF) {
			assert_int_equal(tree.nodes[i].distribution, wanted[i].draws - 1);
			distributions_expand(&tree.leaves, tree.nodes[i].distribution, CLASSES, draws);
			assert_int_equal(draws[0], wanted[i].draws);
		}
	}
	tree_release(&tree);
	distribution_set_release(&leaves);
}

/* Each within the one before it. */
static void joins_deep_branches(void **state UNUSED)
{
	enum { DEPTH = 20000 };
	struct branch trunk, *last = &trunk;
	struct distribution_set leaves;
	struct tree tree;

	distribution_set_init(&leaves, CLASSES);
	branch_init_trunk(&trunk);
	for (int i = 0; i < DEPTH; i++) {
		struct branch *next = give(last);

		add_split(last, 0);
		add_leaf(last, &leaves, 1, 0);
		branch_add_stub(last, next);
		distribution_take(&leaves, &last->tree.leaves);
		last = next;
	}
	add_leaf(last, &leaves, 0, 1);
	distribution_take(&leaves, &last->tree.leaves);
	branch_join(&trunk, CLASSES, &tree);
	assert_int_equal(tree.node_count, 2 * DEPTH + 1);
	assert_int_equal(tree.leaves.count, 2);
	tree_release(&tree);
	distribution_set_release(&leaves);
}

static void *take_until_none(void *context)
{
	struct crew *crew = context;
	struct branch *branch;
	intptr_t taken = 0;

	crew_enter(crew);
	while ((branch = crew_take(crew, NULL)) != NULL) {
		taken++;
		crew_grown(crew, branch);
	}
	return (void *)taken;
}

static void waiting_threads_get_the_branches(void **state UNUSED)
{
	enum { THREADS = 4, BRANCHES = 1000 };
	static struct branch branches[BRANCHES];
	struct crew *crew = crew_new();
	struct branch trunk, *branch;
	pthread_t threads[THREADS];
	intptr_t taken = 0;

	crew_enter(crew);
	branch_init_trunk(&trunk);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_until_none, crew), 0);
	while (!crew_is_hungry(crew))
		;
	for (int i = 0; i < BRANCHES; i++) {
		branches[i].trunk = &trunk;
		crew_give(crew, &branches[i]);
	}
	crew_grown(crew, &trunk);
	while ((branch = crew_take(crew, &trunk)) != NULL) {
		taken++;
		crew_grown(crew, branch);
	}
	assert_int_equal(trunk.open, 0);
	assert_null(crew_take(crew, NULL));
	for (int i = 0; i < THREADS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		taken += (intptr_t)result;
	}
	assert_int_equal(taken, BRANCHES);
	crew_free(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(joins_branches_within_branches),
	    cmocka_unit_test(joins_deep_branches),
	    cmocka_unit_test(waiting_threads_get_the_branches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
