/* What AVX2 does for the search of cuts: sorting as qsort() does, for every number of items, and the range of codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/cut_internal.h"
#include "model-training/random.h"
#include "model-training/simd.h"

#if defined(__x86_64__)
enum { MOST_DRAWS = 4095, MOST_CLASS = 15, ITEMS = CUT_SORT_AVX2 + CUT_SORT_PADDING };

static uint64_t item(uint32_t code, uint32_t class, uint32_t draws)
{
	return (uint64_t)code << 48 | (uint64_t) class << 32 | draws;
}

static int compare(const void *a, const void *b)
{
	uint64_t first, second;

	memcpy(&first, a, sizeof(first));
	memcpy(&second, b, sizeof(second));
	return (first > second) - (first < second);
}

/* Few codes or many, the greatest item there is among them. */
static void fill(uint64_t *items, uint32_t count, uint32_t codes, uint64_t *random)
{
	for (uint32_t i = 0; i < count; i++)
		items[i] = random_below(random, 50) == 0 ? item(UINT16_MAX, MOST_CLASS, MOST_DRAWS)
							 : item(random_below(random, codes), random_below(random, 16),
								random_below(random, MOST_DRAWS + 1));
}

static void sorts(void **state UNUSED)
{
	static uint64_t items[ITEMS], expected[ITEMS];
	static const uint32_t codes[] = {3, 65536};
	uint64_t random = 1;

	if (!simd_has_avx2())
		skip();
	for (uint32_t count = 1; count <= CUT_SORT_AVX2; count += count < 300 ? 1 : 1 + random_below(&random, 60))
		for (size_t i = 0; i < 2; i++) {
			fill(items, count, codes[i], &random);
			memcpy(expected, items, count * sizeof(*items));
			qsort(expected, count, sizeof(*expected), compare);
			assert_true(cut_sort_avx2(items, count));
			if (memcmp(items, expected, count * sizeof(*items)) != 0)
				fail_msg("%u items of %u codes", count, codes[i]);
		}
	fill(items, CUT_SORT_AVX2, 65536, &random);
	memcpy(expected, items, sizeof(items));
	qsort(expected, CUT_SORT_AVX2, sizeof(*expected), compare);
	assert_true(cut_sort_avx2(items, CUT_SORT_AVX2));
	assert_memory_equal(items, expected, CUT_SORT_AVX2 * sizeof(*items));
}

static void refuses_what_has_no_room(void **state UNUSED)
{
	static const uint64_t too_much[] = {UINT64_C(4096), UINT64_C(0xffffffff), UINT64_C(16) << 32,
					    UINT64_C(0xffff) << 32};

	if (!simd_has_avx2())
		skip();
	for (uint32_t at = 0; at < 20; at++)
		for (size_t i = 0; i < sizeof(too_much) / sizeof(*too_much); i++) {
			uint64_t items[20 + CUT_SORT_PADDING], before[20];
			uint64_t random = at;

			fill(items, 20, 9, &random);
			items[at] = too_much[i];
			memcpy(before, items, sizeof(before));
			assert_false(cut_sort_avx2(items, 20));
			assert_memory_equal(items, before, sizeof(before));
		}
}

static void finds_the_range(void **state UNUSED)
{
	uint64_t random = 2;

	if (!simd_has_avx2())
		skip();
	for (uint32_t count = 1; count < 100; count++)
		for (int round = 0; round < 20; round++) {
			uint16_t codes[100], low, high, least = UINT16_MAX, most = 0;

			for (uint32_t i = 0; i < count; i++) {
				codes[i] = (uint16_t)(round * 3000 + (int)random_below(&random, 5000));
				least = codes[i] < least ? codes[i] : least;
				most = codes[i] > most ? codes[i] : most;
			}
			cut_range_avx2(codes, count, &low, &high);
			assert_int_equal(low, least);
			assert_int_equal(high, most);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sorts),
	    cmocka_unit_test(refuses_what_has_no_room),
	    cmocka_unit_test(finds_the_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
	return 0;
}
#endif
