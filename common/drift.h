#ifndef COMMON_DRIFT_H
#define COMMON_DRIFT_H

/*
 * How far a column's values have moved: counts of the same bins then and now. Pure arithmetic.
 *
 *	uint16_t bin_of[count];
 *	int bins = drift_group(training_rows, count, true, bin_of);	values to at most DRIFT_MAX_BINS bins
 *	... count both sets of rows by bin ...
 *	drift_measure(before, now, bins, &drift);
 *
 * psi: population stability index, sum (p - q) ln(p / q) (Lewis, An Introduction to Credit Scoring, 1994; the same as
 * Jeffreys' divergence). p and q are shares with half a row added to every bin, (c + 1/2) / (n + bins / 2), so that an
 * empty bin does not make it infinite. By the custom of credit scoring below 0.1 is stable, 0.1 to 0.25 moderate.
 *
 * psi_noise: what psi is to be expected where nothing has moved, (bins - 1) (1/n + 1/m), as psi / (1/n + 1/m) is then
 * chi-square with bins - 1 degrees of freedom (Yurdakul, Statistical Properties of Population Stability Index, 2018).
 * A psi that is not well above it says nothing.
 *
 * js: Jensen-Shannon distance, the square root of sum (p ln(p / m) + q ln(q / m)) / 2 with m = (p + q) / 2, in base 2,
 * hence 0..1; of the plain shares (Lin, Divergence Measures Based on the Shannon Entropy, 1991; Endres and Schindelin
 * 2003). scipy.spatial.distance.jensenshannon(p, q, base=2).
 */

#include <stdbool.h>
#include <stdint.h>

enum { DRIFT_MAX_BINS = 20 };

#define DRIFT_MODERATE 0.1
#define DRIFT_STRONG 0.25

struct drift {
	double psi, psi_noise, js;
};

/* With no row on one of the sides everything is 0. */
void drift_measure(const int64_t *before, const int64_t *now, int bins, struct drift *drift);

/* "none", "moderate", "strong": of what psi is beyond its noise. */
const char *drift_level(const struct drift *drift);

/*
 * Groups a column's values by how many rows hold each; bin_of[value] = 0 .. bins-1, returns bins. Up to DRIFT_MAX_BINS
 * values keep a bin each. More of them: ordered ones become intervals of about equally many rows; of others the most
 * frequent keep their own (equal ones: the first), all the rest share the last bin.
 */
int drift_group(const int64_t *rows, int count, bool ordered, uint16_t *bin_of);

#endif
