/* All shapes of packed_kernel.h, for one kind of processor: included with KERNELS(word), the suffix of its names. */

#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-training/crew.h"
#include "model-training/packed_internal.h"
#include "model-training/random.h"

/* Vectors are only passed between functions that are inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef int16_t shorts8 __attribute__((vector_size(16)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int32_t ints8 __attribute__((vector_size(32)));
typedef uint32_t lanes4 __attribute__((vector_size(16)));
typedef double doubles2 __attribute__((vector_size(16)));

/* a0+a1, a2+a3, b0+b1, b2+b3 */
static ALWAYS_INLINE lanes4 add_pairs(lanes4 a, lanes4 b)
{
	return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

/* a0*b0 + a1*b1, a2*b2 + a3*b3, ... */
static ALWAYS_INLINE lanes4 multiply_pairs(shorts8 a, shorts8 b)
{
#if defined(__SSE2__)
	return (lanes4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
	ints8 products = __builtin_convertvector(a, ints8) * __builtin_convertvector(b, ints8);

	return (lanes4)(__builtin_shufflevector(products, products, 0, 2, 4, 6) +
			__builtin_shufflevector(products, products, 1, 3, 5, 7));
#endif
}

/* s0 / s2 + s1 / s3, all of them below 2^31. */
static ALWAYS_INLINE double divide_and_add(lanes4 s)
{
#if defined(__SSE2__)
	doubles2 above = (doubles2)_mm_cvtepi32_pd((__m128i)s);
	doubles2 below = (doubles2)_mm_cvtepi32_pd(_mm_unpackhi_epi64((__m128i)s, (__m128i)s));
#else
	doubles2 above = {(double)s[0], (double)s[1]}, below = {(double)s[2], (double)s[3]};
#endif
	doubles2 both = above / below;

	return both[0] + both[1];
}

/* Compilers take these conversions apart number by number, so they are spelled out where they can be. */

static ALWAYS_INLINE shorts8 widen_bytes(const uint8_t *bytes)
{
#if defined(__SSE2__)
	return (shorts8)_mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)bytes), _mm_setzero_si128());
#else
	return (shorts8){bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]};
#endif
}

static ALWAYS_INLINE shorts8 widen_number(uint64_t number)
{
#if defined(__SSE2__)
	return (shorts8)_mm_unpacklo_epi8(_mm_cvtsi64_si128((int64_t)number), _mm_setzero_si128());
#else
	shorts8 bytes;

	for (int i = 0; i < 8; i++)
		bytes[i] = (int16_t)(number >> 8 * i & UINT8_MAX);
	return bytes;
#endif
}

/* Numbers below 2^15. */
static ALWAYS_INLINE shorts8 narrow_lanes(lanes4 a, lanes4 b)
{
#if defined(__SSE2__)
	return (shorts8)_mm_packs_epi32((__m128i)a, (__m128i)b);
#else
	return __builtin_convertvector(__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7), shorts8);
#endif
}

/* Numbers below 2^8. */
static ALWAYS_INLINE bytes16 narrow_shorts(shorts8 a, shorts8 b)
{
#if defined(__SSE2__)
	return (bytes16)_mm_packus_epi16((__m128i)a, (__m128i)b);
#else
	return __builtin_convertvector(
	    __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), bytes16);
#endif
}

/* A bit for each byte that is not zero. */
static ALWAYS_INLINE uint32_t collect_bits(uint64_t bytes)
{
	bytes |= bytes >> 4;
	bytes |= bytes >> 2;
	bytes |= bytes >> 1;
	/* The lowest bits of the eight bytes, gathered in the highest byte. */
	return (uint32_t)((bytes & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56);
}

#if defined(PACKED_HAS_AVX2)
/* Four numbers: those that go left, then the others, as pairs of halves. */
#define SIDES(a, b, c, d)                                                                                              \
	{                                                                                                              \
		2 * (a), 2 * (a) + 1, 2 * (b), 2 * (b) + 1, 2 * (c), 2 * (c) + 1, 2 * (d), 2 * (d) + 1                 \
	}
static const int32_t sides[16][8] __attribute__((aligned(32))) = {
    SIDES(0, 1, 2, 3), SIDES(1, 2, 3, 0), SIDES(0, 2, 3, 1), SIDES(2, 3, 0, 1), SIDES(0, 1, 3, 2), SIDES(1, 3, 0, 2),
    SIDES(0, 3, 1, 2), SIDES(3, 0, 1, 2), SIDES(0, 1, 2, 3), SIDES(1, 2, 0, 3), SIDES(0, 2, 1, 3), SIDES(2, 0, 1, 3),
    SIDES(0, 1, 2, 3), SIDES(1, 0, 2, 3), SIDES(0, 1, 2, 3), SIDES(0, 1, 2, 3)};

/* Parts four records that are numbers: all four are written to either end of a run that is to be filled, of eight at
 * least, and those that are of the other side are overwritten later. Returns how many went left. */
static ALWAYS_INLINE size_t part_four(const void *from, void *left, void *right_end, struct packed_place place,
				      uint8_t last)
{
	__m256i records = _mm256_loadu_si256((const __m256i *)from);
	__m256i codes =
	    _mm256_and_si256(_mm256_srl_epi64(records, _mm_cvtsi32_si128(place.shift)), _mm256_set1_epi64x(place.mask));
	int right = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(codes, _mm256_set1_epi64x(last))));
	__m256i parted = _mm256_permutevar8x32_epi32(records, _mm256_load_si256((const __m256i *)sides[right]));

	_mm256_storeu_si256((__m256i *)left, parted);
	_mm256_storeu_si256((__m256i *)right_end - 1, parted);
	return 4 - (size_t)__builtin_popcount((unsigned)right);
}
#endif

#define LANES 4
#define COUNT_BITS 16
#define CODES 8
#define NAME(word) word##_4_8
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODES
#define CODES 24
#define NAME(word) word##_4_24
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODES
#undef LANES
#define LANES 8
#define CODES 16
#define NAME(word) word##_8_16
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODES
#undef LANES
#define LANES 16
#define CODES 32
#define NAME(word) word##_16_32
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODES
#undef LANES
#undef COUNT_BITS
#define LANES 8
#define COUNT_BITS 8
#define CODES 8
#define NAME(word) word##_8_8
#include "model-training/packed_kernel.h"
#undef NAME
#undef LANES
#define LANES 4
#define CODE_BITS 32
#define NAME(word) word##_4_word
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODE_BITS
#undef LANES
#define LANES 8
#define CODE_BITS 24
#define NAME(word) word##_8_word
#include "model-training/packed_kernel.h"
#undef NAME
#undef CODE_BITS
#undef CODES
#undef LANES
#undef COUNT_BITS

#define KERNEL(shape, features, classes, most, bits)                                                                   \
	{                                                                                                              \
		features, classes, most, bits, sizeof(struct record_##shape), sizeof(totals_##shape),                  \
		    sizeof(struct node_##shape), grow_##shape, grow_branch_##shape                                     \
	}

const struct packed_kernel KERNELS[PACKED_KERNELS] = {
    KERNEL(4_word, 8, 4, UINT8_MAX, 32), KERNEL(8_word, 8, 5, UINT8_MAX, 24), KERNEL(4_8, 8, 4, UINT16_MAX, 0),
    KERNEL(8_8, 8, 8, UINT8_MAX, 0),	 KERNEL(4_24, 24, 4, UINT16_MAX, 0),  KERNEL(8_16, 16, 8, UINT16_MAX, 0),
    KERNEL(16_32, 32, 16, UINT16_MAX, 0)};
