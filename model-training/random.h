#ifndef MODEL_TRAINING_RANDOM_H
#define MODEL_TRAINING_RANDOM_H

/*
 * splitmix64 (Steele, Lea, Flood 2014): the random numbers of growing. Every tree has a generator of its own, seeded by
 * the forest's seed and the tree's number only, and every node one that its place in the tree decides, so the forest
 * does not depend on which thread grew what.
 */

#include <stdbool.h>
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

/* Of a tree's bootstrap sample, and mixed once more of its root. */
static inline uint64_t random_tree_state(uint64_t seed, uint64_t tree)
{
	return random_mix(random_mix(seed + RANDOM_GAMMA) + (tree + 1) * RANDOM_GAMMA);
}

/* The generators of a node's children, from its own before it was used: which subtree is grown first does not matter.
 */
static inline uint64_t random_left_child(uint64_t node)
{
	return random_mix(node ^ UINT64_C(0xd1b54a32d192ed03));
}

static inline uint64_t random_right_child(uint64_t node)
{
	return random_mix(node ^ UINT64_C(0x8cb92ba72f3d8dd7));
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

/* Two draws from each word. */
struct random_draws {
	uint64_t state, word;
	bool half;
};

static inline uint32_t random_draw_below(struct random_draws *draws, uint32_t n)
{
	draws->word = draws->half ? draws->word >> 32 : random_next(&draws->state);
	draws->half = !draws->half;
	return random_scale(&draws->state, (uint32_t)draws->word, n);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return random_scale(state, (uint32_t)(random_next(state) >> 32), n);
}

#endif
