#ifndef MODEL_TRAINING_RANDOM_H
#define MODEL_TRAINING_RANDOM_H

/*
 * splitmix64 (Steele, Lea, Flood 2014): the random numbers of growing. Every tree has a generator of its own, seeded by
 * the forest's seed and the tree's number only, so the forest does not depend on which thread grew which tree.
 */

#include <stdint.h>

#define RANDOM_GAMMA UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t random_next(uint64_t *state)
{
	*state += RANDOM_GAMMA;
	return random_mix(*state);
}

static inline uint64_t random_tree_state(uint64_t seed, uint64_t tree)
{
	return random_mix(random_mix(seed + RANDOM_GAMMA) + (tree + 1) * RANDOM_GAMMA);
}

/* Uniform in 0..n-1, n > 0, from 32 random bits; without bias (Lemire 2019): the rare bits that would favour some
 * numbers are replaced by fresh ones. */
static inline uint32_t random_scale(uint64_t *state, uint32_t bits, uint32_t n)
{
	uint64_t product = (uint64_t)bits * n;

	if ((uint32_t)product < n) {
		uint32_t least = (uint32_t)-n % n;

		while ((uint32_t)product < least)
			product = (random_next(state) >> 32) * n;
	}
	return (uint32_t)(product >> 32);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return random_scale(state, (uint32_t)(random_next(state) >> 32), n);
}

#endif
