/* All shapes of packed_kernel.h, for one kind of processor: included with KERNELS(word), the suffix of its names. */

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "model-training/crew.h"
#include "model-training/packed_internal.h"
#include "model-training/random.h"

/* Vectors are only passed between functions that are inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef uint32_t lanes4 __attribute__((vector_size(16)));
typedef double doubles2 __attribute__((vector_size(16)));

/* a0+a1, a2+a3, b0+b1, b2+b3 */
static ALWAYS_INLINE lanes4 add_pairs(lanes4 a, lanes4 b)
{
	return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

/* s0 / s2 + s1 / s3 */
static ALWAYS_INLINE double divide_and_add(lanes4 s)
{
	doubles2 above = {(double)s[0], (double)s[1]}, below = {(double)s[2], (double)s[3]}, both = above / below;

	return both[0] + both[1];
}

/* 256 bytes of 0 or 1 as bits. */
static ALWAYS_INLINE void collect_bits(const uint8_t *bytes, uint64_t *bits)
{
	for (int word = 0; word < PACKED_CODES / 64; word++) {
		bits[word] = 0;
		for (int i = 0; i < 8; i++) {
			uint64_t eight;

			memcpy(&eight, bytes + word * 64 + i * 8, sizeof(eight));
			/* The lowest bits of the eight bytes, gathered in the highest byte. */
			bits[word] |= eight * UINT64_C(0x0102040810204080) >> 56 << 8 * i;
		}
	}
}

#define LANES 4
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

#define KERNEL(lanes, codes)                                                                                           \
	{                                                                                                              \
		codes, lanes, sizeof(struct record_##lanes##_##codes), sizeof(totals_##lanes##_##codes),               \
		    sizeof(struct node_##lanes##_##codes), grow_##lanes##_##codes, grow_branch_##lanes##_##codes       \
	}

const struct packed_kernel KERNELS[PACKED_KERNELS] = {KERNEL(4, 8), KERNEL(4, 24), KERNEL(8, 16), KERNEL(16, 32)};
