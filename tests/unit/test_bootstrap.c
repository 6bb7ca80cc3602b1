/* Draws by slot: their number, their mean and spread against the multinomial's, and that nothing but the seed matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/bootstrap.h"
#include "model-training/random.h"

enum { TREES = 200 };

/* Slots of `least` rows and, for every fourth, up to `most`. */
static uint32_t *make_counts(uint32_t slots, uint32_t least, uint32_t most, uint64_t *rows)
{
	uint32_t *counts = xcalloc(slots, sizeof(*counts));
	uint64_t random = slots;

	*rows = 0;
	for (uint32_t s = 0; s < slots; s++) {
		counts[s] = s % 4 ? least : least + random_below(&random, most - least + 1);
		*rows += counts[s];
	}
	return counts;
}

/* The mean of z^2 is 1 for exact draws; with slots * TREES terms it is within 6 of its standard deviations. A
 * binomial's own excess adds up to 1/(rows of a slot) to the variance of z^2, which is 2. */
static void has_the_multinomial_s_moments(void **state UNUSED)
{
	static const struct {
		uint32_t slots, least, most;
		double fraction;
	} shapes[] = {{2000, 1, 1, 1},	       {2000, 1, 5, 1},	       {700, 1, 40, 1},	  {500, 20, 300, 1},
		      {300, 1000, 90000, 1},   {40, 1, 40000000, 1},   {2000, 1, 5, 0.3}, {500, 20, 300, 0.01},
		      {40, 1, 40000000, 0.75}, {300, 1000, 90000, 0.5}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		uint32_t slots = shapes[i].slots;
		uint64_t rows;
		uint32_t *counts = make_counts(slots, shapes[i].least, shapes[i].most, &rows);
		uint32_t *draws = xcalloc(slots, sizeof(*draws));
		double total = floor((double)rows * shapes[i].fraction + 0.5);
		double *sums = xcalloc(slots, sizeof(*sums)), each = 0, pooled = 0, neighbours = 0;
		struct bootstrap *bootstrap = bootstrap_new(counts, slots, shapes[i].fraction);

		for (uint32_t tree = 0; tree < TREES; tree++) {
			uint64_t drawn = 0;
			double before = 0;

			bootstrap_draw(bootstrap, 5, tree, draws);
			for (uint32_t s = 0; s < slots; s++) {
				double part = counts[s] / (double)rows, mean = total * part;
				double variance = mean * (1 - part);
				double off = (draws[s] - mean) / sqrt(variance);

				drawn += draws[s];
				sums[s] += draws[s];
				each += off * off;
				neighbours += off * before;
				before = off;
			}
			assert_true((double)drawn == total);
		}
		for (uint32_t s = 0; s < slots; s++) {
			double part = counts[s] / (double)rows, mean = total * part * TREES;

			pooled += (sums[s] - mean) * (sums[s] - mean) / (mean * (1 - part));
		}
		each /= (double)slots * TREES;
		pooled /= slots;
		neighbours /= (double)slots * TREES;
		if (fabs(each - 1) > 6 * sqrt(3.0 / slots / TREES) || fabs(pooled - 1) > 6 * sqrt(2.0 / slots) ||
		    fabs(neighbours) > 6 * sqrt(1.0 / slots / TREES) + 2.0 / slots)
			fail_msg("shape %zu: squares %.4f, of the sums %.4f, neighbours %.4f", i, each, pooled,
				 neighbours);
		bootstrap_free(bootstrap);
		free(counts);
		free(draws);
		free(sums);
	}
}

/* One slot of 5 rows among 10: Binomial(10, 1/2), outcome by outcome. */
static void has_the_binomial_s_shape(void **state UNUSED)
{
	static const int wanted[] = {1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1};
	static const uint32_t counts[] = {5, 5};
	struct bootstrap *bootstrap = bootstrap_new(counts, 2, 1);
	uint32_t draws[2], seen[11] = {0};
	const uint32_t trees = 102400;

	for (uint32_t tree = 0; tree < trees; tree++) {
		bootstrap_draw(bootstrap, 9, tree, draws);
		seen[draws[0]]++;
	}
	for (int i = 0; i <= 10; i++) {
		double mean = wanted[i] / 1024.0 * trees;

		if (fabs(seen[i] - mean) > 5 * sqrt(mean))
			fail_msg("%d of 10: %u times, expected %.0f", i, seen[i], mean);
	}
	bootstrap_free(bootstrap);
}

static void is_fixed_by_seed_and_tree(void **state UNUSED)
{
	uint64_t rows;
	uint32_t *counts = make_counts(300, 1, 9, &rows), first[300], same[300], other[300];
	struct bootstrap *bootstrap = bootstrap_new(counts, 300, 1), *again = bootstrap_new(counts, 300, 1);

	bootstrap_draw(bootstrap, 1, 2, first);
	bootstrap_draw(again, 1, 2, same);
	assert_memory_equal(first, same, sizeof(first));
	bootstrap_draw(bootstrap, 1, 3, other);
	assert_memory_not_equal(first, other, sizeof(first));
	bootstrap_draw(bootstrap, 2, 2, other);
	assert_memory_not_equal(first, other, sizeof(first));
	bootstrap_free(bootstrap);
	bootstrap_free(again);
	free(counts);
}

/* As many rows as a training set may have (2^31 - 1), in two slots of which one is a single row. */
static void draws_two_thousand_million_rows(void **state UNUSED)
{
	static const uint32_t counts[] = {INT32_MAX - 1, 1}, one[] = {1};
	struct bootstrap *bootstrap = bootstrap_new(counts, 2, 1);
	uint32_t draws[2], single;

	bootstrap_draw(bootstrap, 1, 1, draws);
	assert_int_equal((uint64_t)draws[0] + draws[1], INT32_MAX);
	assert_in_range(draws[1], 0, 20);
	bootstrap_free(bootstrap);
	bootstrap = bootstrap_new(one, 1, 1);
	bootstrap_draw(bootstrap, 1, 1, &single);
	assert_int_equal(single, 1);
	bootstrap_free(bootstrap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_the_multinomial_s_moments),
	    cmocka_unit_test(has_the_binomial_s_shape),
	    cmocka_unit_test(is_fixed_by_seed_and_tree),
	    cmocka_unit_test(draws_two_thousand_million_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
