#ifndef SCHEDULER_NEWCOMBE_H
#define SCHEDULER_NEWCOMBE_H

/*
 * How sure an accuracy drop is. The two accuracies are independent proportions k/n (the champion's holdout at training
 * time, and the evidence); the interval of their difference is Newcombe's hybrid score interval (1998, method 10): the
 * Wilson limits of each, no continuity correction.
 *
 * Looking again and again at growing evidence would find a drop by chance some day. So each model spends an error of
 * 0.05 over all its looks: look j = 1, 2, ... has alpha_j = 0.05 * 6 / (pi^2 j^2), whose sum over all j is 0.05, and
 * the two windows of a look share it.
 *
 * All functions are pure; the same numbers give the same bits.
 */

#include <stdint.h>

struct interval {
	double low, high;
};

/* The number below which a standard normal variable lies with probability p; 0 < p < 1. */
double normal_quantile(double p);

/* Wilson's score interval of k/n, 0 <= k <= n, n > 0. */
struct interval wilson_interval(int64_t k, int64_t n, double z);

/* Of the drop reference_k/reference_n - new_k/new_n, two-sided at this level (0.95: 95 %). Both n > 0. */
struct interval newcombe_interval(int64_t reference_k, int64_t reference_n, int64_t new_k, int64_t new_n, double level);

/* Error that look j (from 1) may spend, before it is halved over the two windows. */
double look_alpha(int look);

#endif
