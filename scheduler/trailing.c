#include "scheduler/trailing.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"

static int compare_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(double *values, size_t count, double p)
{
	double position = p / 100 * (double)(count - 1);
	size_t below = (size_t)position;

	qsort(values, count, sizeof(*values), compare_values);
	if (below + 1 >= count)
		return values[count - 1];
	return values[below] + (position - (double)below) * (values[below + 1] - values[below]);
}

static long slots_of(const struct outlook *outlook)
{
	return lround(TRAILING_HOURS * 3600 / outlook->slot_s);
}

double trailing_percentile(const struct outlook *outlook, long end, double p)
{
	double *values = xcalloc((size_t)slots_of(outlook), sizeof(*values)), result = NAN;
	size_t count = 0;

	for (long slot = end - slots_of(outlook); slot < end; slot++) {
		double value = outlook_reading(outlook, slot);

		if (!isnan(value))
			values[count++] = value;
	}
	if (count > 0)
		result = percentile(values, count, p);
	free(values);
	return result;
}

struct trailing trailing_readings(const struct outlook *outlook, long end)
{
	struct trailing trailing = {.lowest = NAN};
	long known = 0, first = end;

	for (long slot = end - slots_of(outlook); slot < end; slot++) {
		double value = outlook_reading(outlook, slot);

		if (isnan(value))
			continue;
		if (known++ == 0)
			first = slot;
		trailing.lowest = fmin(trailing.lowest, value);
	}
	trailing.known_h = (double)known * outlook->slot_s / 3600;
	trailing.span_h = (double)(end - first) * outlook->slot_s / 3600;
	trailing.enough = trailing.span_h >= TRAILING_LEAST_HOURS &&
			  trailing.known_h * 100 >= trailing.span_h * TRAILING_LEAST_PERCENT;
	return trailing;
}
