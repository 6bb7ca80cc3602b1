#ifndef MODEL_TRAINING_BOOTSTRAP_H
#define MODEL_TRAINING_BOOTSTRAP_H

/*
 * Bootstrap samples by slot: how often each slot was drawn when so many draws as a fraction of the rows, rounded and at
 * least one, were made with replacement.
 *
 *	struct bootstrap *bootstrap = bootstrap_new(counts, slot_count, 1);	counts: rows by slot, may be freed
 *	bootstrap_draw(bootstrap, seed, tree, draws);				draws of tree number `tree`, by slot
 *	bootstrap_free(bootstrap);
 *
 * The draws depend on counts, fraction, seed and tree number only; bootstrap_draw() may be called from many threads at
 * once.
 *
 * It is the exact multinomial, at a cost that follows the slots and not the rows. The rows are laid out on 0 .. 2^b - 1
 * such that each slot is a few aligned pieces, one for every bit of its count, and darts are thrown at the whole; those
 * past the last row are thrown again. Of n darts at an interval, Binomial(n, 1/2) hit its left half: the number of ones
 * in n random bits; halving ends at a piece. Where there are few darts for the pieces of an interval each dart's place
 * is drawn by itself. For large n the sum of 2^10 or 2^20 bits comes from a table of that binomial distribution, whose
 * probabilities are rounded to 2^-62.
 */

#include <stdint.h>

struct bootstrap;

/* fraction: above 0, at most 1. */
struct bootstrap *bootstrap_new(const uint32_t *counts, uint32_t slot_count, double fraction);
uint64_t bootstrap_draws(const struct bootstrap *bootstrap); /* of a tree, in all */
void bootstrap_free(struct bootstrap *bootstrap);	     /* NULL is fine */
void bootstrap_draw(const struct bootstrap *bootstrap, uint64_t seed, uint32_t tree, uint32_t *draws);

#endif
