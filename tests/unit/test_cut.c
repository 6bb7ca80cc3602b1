/* The best cut of a node: histogram and sorting against a search that tries everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/cut.h"
#include "model-training/random.h"

enum { MAX_MEMBERS = 3000, CLASSES = 3 };

struct node {
	struct member members[MAX_MEMBERS];
	uint16_t codes[MAX_MEMBERS]; /* by slot */
	uint32_t totals[CLASSES];
	struct cut_node node;
};

static void make_node(struct node *made, uint64_t *random, uint32_t count, uint32_t values, uint32_t min_leaf)
{
	memset(made, 0, sizeof(*made));
	made->node = (struct cut_node){.members = made->members,
				       .member_count = count,
				       .class_count = CLASSES,
				       .totals = made->totals,
				       .min_leaf = min_leaf};
	for (uint32_t i = 0; i < count; i++) {
		/* Every other member's class depends on its code. */
		bool follows = i % 2;

		made->codes[i] = (uint16_t)random_below(random, values);
		made->members[i] =
		    (struct member){.slot = i,
				    .draws = 1 + random_below(random, 3),
				    .class = follows ? made->codes[i] % 2u + (made->codes[i] > values / 3)
						     : random_below(random, CLASSES)};
		made->totals[made->members[i].class] += made->members[i].draws;
		made->node.draws += made->members[i].draws;
	}
	for (int k = 0; k < CLASSES; k++)
		made->node.squares += (uint64_t)made->totals[k] * made->totals[k];
}

/* Every code as the last one on the left. */
static struct cut search_everywhere(const struct node *made, uint32_t values)
{
	struct cut best = {.score = -1};
	bool *occurs = xcalloc(values, sizeof(*occurs));

	for (uint32_t i = 0; i < made->node.member_count; i++)
		occurs[made->codes[i]] = true;
	for (uint32_t cut = 0; cut + 1 < values; cut++) {
		uint64_t sides[2][CLASSES] = {{0}}, squares[2] = {0};
		uint32_t draws[2] = {0}, neighbours[2] = {0, values};
		double score;

		if (!occurs[cut])
			continue;
		for (uint32_t i = 0; i < made->node.member_count; i++) {
			int side = made->codes[i] > cut;

			sides[side][made->members[i].class] += made->members[i].draws;
			draws[side] += made->members[i].draws;
			if (side == 0 && made->codes[i] > neighbours[0])
				neighbours[0] = made->codes[i];
			if (side == 1 && made->codes[i] < neighbours[1])
				neighbours[1] = made->codes[i];
		}
		if (draws[0] < made->node.min_leaf || draws[1] < made->node.min_leaf)
			continue;
		for (int k = 0; k < CLASSES; k++) {
			squares[0] += sides[0][k] * sides[0][k];
			squares[1] += sides[1][k] * sides[1][k];
		}
		score = (double)squares[0] / (double)draws[0] + (double)squares[1] / (double)draws[1];
		if (score > best.score)
			best = (struct cut){
			    .score = score, .left = (uint16_t)neighbours[0], .right = (uint16_t)neighbours[1]};
	}
	free(occurs);
	return best;
}

static void finds_the_best_cut(void **state UNUSED)
{
	static const struct {
		uint32_t members, values, min_leaf;
	} shapes[] = {{2, 2, 1},     {5, 4, 1},	      {30, 5, 2},	{30, 3000, 1},	    {40, 250, 5},
		      {41, 250, 5},  {100, 240, 1},   {200, 700, 3},	{600, 300, 10},	    {600, 4000, 1},
		      {600, 2, 290}, {1100, 9000, 1}, {3000, 60000, 1}, {3000, 20000, 700}, {2000, 3000, 1}};
	struct cut_scratch *scratch = cut_scratch_new(MAX_MEMBERS, CLASSES);
	uint64_t random = 3;

	for (size_t shape = 0; shape < sizeof(shapes) / sizeof(*shapes); shape++)
		for (int repeat = 0; repeat < 20; repeat++) {
			uint8_t narrow[MAX_MEMBERS];
			struct node made;
			struct column wide = {.wide = made.codes}, small = {.narrow = narrow};
			struct cut found = {.score = -1}, same = {.score = -1}, wanted;
			bool varies;

			make_node(&made, &random, shapes[shape].members, shapes[shape].values, shapes[shape].min_leaf);
			wanted = search_everywhere(&made, shapes[shape].values);
			varies = cut_search(scratch, &made.node, &wide, 4, &found);
			if (!varies)
				continue;
			assert_true(found.score == wanted.score); /* to the last bit */
			assert_true(found.score < 0 || (found.left == wanted.left && found.right == wanted.right));
			assert_true(found.score < 0 || found.feature == 4);
			if (shapes[shape].values > 256)
				continue;
			for (uint32_t i = 0; i < shapes[shape].members; i++)
				narrow[i] = (uint8_t)made.codes[i];
			assert_true(cut_search(scratch, &made.node, &small, 4, &same));
			assert_true(same.score == found.score && same.left == found.left);
			small.greatest = (uint8_t)(shapes[shape].values - 1);
			same.score = -1;
			assert_true(cut_search(scratch, &made.node, &small, 4, &same));
			assert_true(same.score == found.score && same.left == found.left && same.right == found.right);
		}
	cut_scratch_free(scratch);
}

static void the_first_of_equal_cuts_wins(void **state UNUSED)
{
	struct cut_scratch *scratch = cut_scratch_new(MAX_MEMBERS, CLASSES);
	struct cut best = {.score = -1};
	struct node made = {.codes = {0, 1, 2}, .totals = {2, 1, 0}};
	struct column column = {.wide = made.codes};

	/* Classes 0 1 0 by code: cutting at 0|1 and at 1|2 are equally good. */
	for (uint32_t i = 0; i < 3; i++)
		made.members[i] = (struct member){.slot = i, .draws = 1, .class = i == 1};
	made.node = (struct cut_node){.members = made.members,
				      .member_count = 3,
				      .class_count = CLASSES,
				      .totals = made.totals,
				      .draws = 3,
				      .squares = 5,
				      .min_leaf = 1};
	assert_true(cut_search(scratch, &made.node, &column, 1, &best));
	assert_int_equal(best.left, 0);
	/* And a second feature that is as good does not replace the first. */
	assert_true(cut_search(scratch, &made.node, &column, 2, &best));
	assert_int_equal(best.feature, 1);
	cut_scratch_free(scratch);
}

static void says_when_a_feature_is_constant(void **state UNUSED)
{
	struct cut_scratch *scratch = cut_scratch_new(MAX_MEMBERS, CLASSES);
	struct cut best = {.score = -1};
	uint64_t random = 1;
	struct node made;
	const uint8_t narrow[50] = {0};
	struct column column = {.wide = made.codes}, small = {.narrow = narrow, .greatest = 7};

	make_node(&made, &random, 50, 1, 1);
	assert_false(cut_search(scratch, &made.node, &column, 0, &best));
	assert_false(cut_search(scratch, &made.node, &small, 0, &best));
	assert_true(best.score < 0);
	cut_scratch_free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_best_cut),
	    cmocka_unit_test(the_first_of_equal_cuts_wins),
	    cmocka_unit_test(says_when_a_feature_is_constant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
