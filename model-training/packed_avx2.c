/* Packed growing for processors with AVX2 and what came with it. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "model-training/packed_internal.h"
#include "model-training/random.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#define KERNELS packed_avx2
#define PACKED_HAS_AVX2
#include "model-training/packed_kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
