#include "common/drift.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

static double part(double p, double mean)
{
	return p > 0 ? p * log2(p / mean) : 0;
}

void drift_measure(const int64_t *before, const int64_t *now, int bins, struct drift *drift)
{
	double n = 0, m = 0, divergence = 0;

	*drift = (struct drift){0};
	for (int i = 0; i < bins; i++) {
		n += (double)before[i];
		m += (double)now[i];
	}
	if (n <= 0 || m <= 0)
		return;
	for (int i = 0; i < bins; i++) {
		double p = ((double)before[i] + 0.5) / (n + bins / 2.0), q = ((double)now[i] + 0.5) / (m + bins / 2.0);
		double plain_p = (double)before[i] / n, plain_q = (double)now[i] / m, mean = (plain_p + plain_q) / 2;

		drift->psi += (p - q) * log(p / q);
		divergence += (part(plain_p, mean) + part(plain_q, mean)) / 2;
	}
	drift->psi_noise = (bins - 1) * (1 / n + 1 / m);
	drift->js = sqrt(fmax(divergence, 0));
}

const char *drift_level(const struct drift *drift)
{
	double beyond = drift->psi - drift->psi_noise;

	return beyond > DRIFT_STRONG ? "strong" : beyond > DRIFT_MODERATE ? "moderate" : "none";
}

/* Interval number by the rows before the value's middle; empty intervals are left out. */
static int group_ordered(const int64_t *rows, int count, uint16_t *bin_of)
{
	int64_t all = 0, before = 0;
	int bins = 0, last = -1;

	for (int v = 0; v < count; v++)
		all += rows[v];
	for (int v = 0; v < count; v++) {
		double middle = (double)before + (double)rows[v] / 2;
		int wanted = all > 0 ? (int)(middle * DRIFT_MAX_BINS / (double)all) : 0;

		if (wanted >= DRIFT_MAX_BINS) /* values without rows at the end */
			wanted = DRIFT_MAX_BINS - 1;
		bins += wanted != last;
		last = wanted;
		bin_of[v] = (uint16_t)(bins - 1);
		before += rows[v];
	}
	return bins;
}

struct ranked {
	int64_t rows;
	int value;
};

static int by_rows(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	return a->rows != b->rows ? (a->rows < b->rows ? 1 : -1) : (a->value > b->value) - (a->value < b->value);
}

static int group_named(const int64_t *rows, int count, uint16_t *bin_of)
{
	struct ranked *ranked = xcalloc((size_t)count, sizeof(*ranked));

	for (int v = 0; v < count; v++)
		ranked[v] = (struct ranked){rows[v], v};
	qsort(ranked, (size_t)count, sizeof(*ranked), by_rows);
	for (int i = 0; i < count; i++)
		bin_of[ranked[i].value] = (uint16_t)(i < DRIFT_MAX_BINS ? i : DRIFT_MAX_BINS - 1);
	free(ranked);
	return DRIFT_MAX_BINS;
}

int drift_group(const int64_t *rows, int count, bool ordered, uint16_t *bin_of)
{
	if (count > DRIFT_MAX_BINS)
		return ordered ? group_ordered(rows, count, bin_of) : group_named(rows, count, bin_of);
	for (int v = 0; v < count; v++)
		bin_of[v] = (uint16_t)v;
	return count;
}
