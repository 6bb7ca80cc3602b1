/* What takes the most time of looking for cuts, for processors with AVX2 (cut_internal.h). */
#if defined(__x86_64__)
#include <immintrin.h>

#include "model-training/cut_internal.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif

/*
 * A bitonic sorter (Batcher, Sorting networks and their applications, 1968) of words of 32 bits, code << 16 | class <<
 * 12 | draws, eight to a vector. Every comparator leaves the lesser word on the left: a merge begins by comparing the
 * first run with the second one read backwards.
 */
enum { LANES = 8, BLOCK = 8, MOST_VECTORS = CUT_SORT_AVX2 / LANES };

#define INLINE static inline __attribute__((always_inline))
/* So that a block's vectors stay in registers; clang does it unasked. */
#if defined(__clang__)
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

INLINE __m256i lesser(__m256i a, __m256i b)
{
	return _mm256_min_epu32(a, b);
}

INLINE __m256i greater(__m256i a, __m256i b)
{
	return _mm256_max_epu32(a, b);
}

INLINE __m256i reverse(__m256i v)
{
	return _mm256_permute4x64_epi64(_mm256_shuffle_epi32(v, 0x1b), 0x4e);
}

/* Lanes one apart, two apart, four apart. */
INLINE __m256i compare_1(__m256i v)
{
	__m256i other = _mm256_shuffle_epi32(v, 0xb1);

	return _mm256_blend_epi32(lesser(v, other), greater(v, other), 0xaa);
}

INLINE __m256i compare_2(__m256i v)
{
	__m256i other = _mm256_shuffle_epi32(v, 0x4e);

	return _mm256_blend_epi32(lesser(v, other), greater(v, other), 0xcc);
}

INLINE __m256i compare_4(__m256i v)
{
	__m256i other = _mm256_permute4x64_epi64(v, 0x4e);

	return _mm256_blend_epi32(lesser(v, other), greater(v, other), 0xf0);
}

INLINE __m256i sort_lanes(__m256i v)
{
	__m256i other;

	v = compare_1(v);
	other = _mm256_shuffle_epi32(v, 0x1b);
	v = compare_1(_mm256_blend_epi32(lesser(v, other), greater(v, other), 0xcc));
	other = reverse(v);
	return compare_1(compare_2(_mm256_blend_epi32(lesser(v, other), greater(v, other), 0xf0)));
}

INLINE void exchange(__m256i *a, __m256i *b)
{
	__m256i least = lesser(*a, *b);

	*b = greater(*a, *b);
	*a = least;
}

/* What is left of a merge once words `count` vectors apart and more have been compared. */
INLINE void clean(__m256i *v, int count)
{
	UNROLL
	for (int distance = count / 2; distance > 0; distance /= 2)
		UNROLL
	for (int i = 0; i < count; i += 2 * distance)
		UNROLL
	for (int j = i; j < i + distance; j++)
		exchange(&v[j], &v[j + distance]);
	UNROLL
	for (int i = 0; i < count; i++)
		v[i] = compare_1(compare_2(compare_4(v[i])));
}

/* The first step of merging two runs of so many vectors. */
INLINE void meet(__m256i *v, int run)
{
	UNROLL
	for (int i = 0; i < (run + 1) / 2; i++) {
		__m256i a = v[i], b = v[run - 1 - i], c = reverse(v[2 * run - 1 - i]), d = reverse(v[run + i]);

		v[i] = lesser(a, c);
		v[run - 1 - i] = lesser(b, d);
		v[run + i] = greater(a, c);
		v[2 * run - 1 - i] = greater(b, d);
	}
}

/* Of 1, 2, 4 or 8 vectors: all is done in registers. */
INLINE void sort_block(__m256i *memory, int count)
{
	__m256i v[BLOCK];

	UNROLL
	for (int i = 0; i < count; i++)
		v[i] = sort_lanes(memory[i]);
	UNROLL
	for (int run = 1; run < count; run *= 2)
		UNROLL
	for (int i = 0; i < count; i += 2 * run) {
		meet(v + i, run);
		clean(v + i, run);
		clean(v + i + run, run);
	}
	UNROLL
	for (int i = 0; i < count; i++)
		memory[i] = v[i];
}

static void sort_1(__m256i *v)
{
	sort_block(v, 1);
}

static void sort_2(__m256i *v)
{
	sort_block(v, 2);
}

static void sort_4(__m256i *v)
{
	sort_block(v, 4);
}

static void sort_8(__m256i *v)
{
	sort_block(v, 8);
}

INLINE void clean_block(__m256i *memory, int count)
{
	__m256i v[BLOCK];

	UNROLL
	for (int i = 0; i < count; i++)
		v[i] = memory[i];
	clean(v, count);
	UNROLL
	for (int i = 0; i < count; i++)
		memory[i] = v[i];
}

static void clean_4(__m256i *v)
{
	clean_block(v, 4);
}

static void clean_8(__m256i *v)
{
	clean_block(v, BLOCK);
}

/* 4, or BLOCK times a power of two. */
static void clean_run(__m256i *v, int count)
{
	if (count < BLOCK) {
		clean_4(v);
		return;
	}
	for (int distance = count / 2; distance >= BLOCK; distance /= 2)
		for (int i = 0; i < count; i += 2 * distance)
			for (int j = i; j < i + distance; j++)
				exchange(&v[j], &v[j + distance]);
	for (int i = 0; i < count; i += BLOCK)
		clean_8(v + i);
}

/* A power of two. */
static void sort_run(__m256i *v, int count)
{
	if (count == 1) {
		sort_1(v);
	} else if (count == 2) {
		sort_2(v);
	} else if (count == 4) {
		sort_4(v);
	} else {
		for (int i = 0; i < count; i += BLOCK)
			sort_8(v + i);
		for (int run = BLOCK; run < count; run *= 2)
			for (int i = 0; i < count; i += 2 * run) {
				meet(v + i, run);
				clean_run(v + i, run);
				clean_run(v + i + run, run);
			}
	}
}

/* A run before another one of twice its length: as if words of 0 stood before the first, which stay where they are.
 * What is greater goes back to its place, so that the second run rises and falls only once. */
static void merge_half(__m256i *v, int half)
{
	for (int i = 0; i < half; i++) {
		__m256i a = v[i], b = reverse(v[2 * half - 1 - i]);

		v[i] = lesser(a, b);
		v[2 * half - 1 - i] = reverse(greater(a, b));
	}
	clean_run(v, half);
	clean_run(v + half, 2 * half);
}

/* The order of words does not matter yet. False: one has more draws or a greater class than there is room for. */
static bool pack(const uint64_t *items, __m256i *v, int count)
{
	const __m256i code = _mm256_set1_epi32((int)0xffff0000), most_draws = _mm256_set1_epi32(0xfff);
	__m256i beyond = _mm256_setzero_si256();

	for (int i = 0; i < count; i++) {
		__m256 a = _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(items + i * LANES)));
		__m256 b = _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(items + i * LANES + 4)));
		__m256i draws = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
		__m256i high = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
		__m256i class = _mm256_andnot_si256(code, high);

		v[i] =
		    _mm256_or_si256(_mm256_and_si256(high, code), _mm256_or_si256(_mm256_slli_epi32(class, 12), draws));
		beyond = _mm256_or_si256(
		    beyond, _mm256_or_si256(_mm256_srli_epi32(class, 4), _mm256_andnot_si256(most_draws, draws)));
	}
	return _mm256_testz_si256(beyond, beyond);
}

static void unpack(const __m256i *v, uint64_t *items, int count)
{
	const __m256i code = _mm256_set1_epi32((int)0xffff0000), most_draws = _mm256_set1_epi32(0xfff);
	const __m256i most_class = _mm256_set1_epi32(0xf);

	for (int i = 0; i < count; i++) {
		__m256i high = _mm256_or_si256(_mm256_and_si256(v[i], code),
					       _mm256_and_si256(_mm256_srli_epi32(v[i], 12), most_class));
		__m256i draws = _mm256_and_si256(v[i], most_draws);
		__m256i even = _mm256_unpacklo_epi32(draws, high), odd = _mm256_unpackhi_epi32(draws, high);

		_mm256_storeu_si256((__m256i *)(items + i * LANES), _mm256_permute2x128_si256(even, odd, 0x20));
		_mm256_storeu_si256((__m256i *)(items + i * LANES + 4), _mm256_permute2x128_si256(even, odd, 0x31));
	}
}

void cut_range_avx2(const uint16_t *codes, uint32_t count, uint16_t *lowest, uint16_t *highest)
{
	enum { CODES = 16 };
	uint16_t low = UINT16_MAX, high = 0, lows[CODES], highs[CODES];
	__m256i least = _mm256_set1_epi16(-1), most = _mm256_setzero_si256();
	uint32_t i = 0;

	for (; i + CODES <= count; i += CODES) {
		__m256i some = _mm256_loadu_si256((const __m256i *)(codes + i));

		least = _mm256_min_epu16(least, some);
		most = _mm256_max_epu16(most, some);
	}
	_mm256_storeu_si256((__m256i *)lows, least);
	_mm256_storeu_si256((__m256i *)highs, most);
	for (int lane = 0; lane < CODES && i > 0; lane++) {
		low = lows[lane] < low ? lows[lane] : low;
		high = highs[lane] > high ? highs[lane] : high;
	}
	for (; i < count; i++) {
		low = codes[i] < low ? codes[i] : low;
		high = codes[i] > high ? codes[i] : high;
	}
	*lowest = low;
	*highest = high;
}

bool cut_sort_avx2(uint64_t *items, uint32_t count)
{
	__m256i v[MOST_VECTORS];
	int used = (int)(count + LANES - 1) / LANES, vectors = 1, half;

	while (vectors < used)
		vectors *= 2;
	half = vectors > BLOCK && used <= vectors / 4 * 3 ? vectors / 4 : 0;
	vectors -= half;
	for (uint32_t i = count; i < (uint32_t)used * LANES; i++)
		items[i] = UINT64_C(0xffff) << 48 | UINT64_C(0xf) << 32 | 0xfff;
	if (!pack(items, v, used))
		return false;
	for (int i = used; i < vectors; i++)
		v[i] = _mm256_set1_epi32(-1);
	if (half > 0)
		sort_run(v, half);
	sort_run(v + half, vectors - half);
	if (half > 0)
		merge_half(v, half);
	unpack(v, items, used);
	return true;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
#include "model-training/cut_internal.h"

/* Nobody calls them where simd_has_avx2() is false. */
bool cut_sort_avx2(uint64_t *items, uint32_t count)
{
	return items == NULL && count == 0;
}

void cut_range_avx2(const uint16_t *codes, uint32_t count, uint16_t *lowest, uint16_t *highest)
{
	*lowest = *highest = count > 0 ? codes[0] : 0;
}
#endif
