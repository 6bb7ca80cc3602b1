#include "scheduler/outlook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { DAY_S = 86400, SHORTEST_SLOT_S = 300, LONGEST_SLOT_S = 3600 };

void outlook_init(struct outlook *outlook, double slot_s, long lag)
{
	*outlook = (struct outlook){.slot_s = slot_s, .day = lround(DAY_S / slot_s), .lag = lag};
}

void outlook_release(struct outlook *outlook)
{
	free(outlook->readings);
	free(outlook->versions);
	free(outlook->view);
	*outlook = (struct outlook){.slot_s = 0};
}

double outlook_slot_s(const struct carbon_point *points, size_t count, const struct forecast_point *forecast,
		      size_t forecast_count)
{
	double shortest = LONGEST_SLOT_S, slot_s;

	for (size_t i = 1; i < count; i++)
		shortest = fmin(shortest, points[i].start_s - points[i - 1].start_s);
	for (size_t i = 1; i < forecast_count; i++)
		if (forecast[i].issued_s == forecast[i - 1].issued_s && forecast[i].start_s > forecast[i - 1].start_s)
			shortest = fmin(shortest, forecast[i].start_s - forecast[i - 1].start_s);
	slot_s = fmax(floor(shortest), SHORTEST_SLOT_S);
	while (fmod(DAY_S, slot_s) != 0)
		slot_s--;
	return slot_s;
}

/* ------------------------------------------------------------------ readings */

void outlook_readings(struct outlook *outlook, const struct carbon_point *points, size_t count, double end_s,
		      double times)
{
	double usual_s = INFINITY;

	free(outlook->readings);
	outlook->readings = NULL;
	outlook->count = 0;
	if (count == 0)
		return;
	for (size_t i = 1; i < count; i++)
		usual_s = fmin(usual_s, points[i].start_s - points[i - 1].start_s);
	outlook->first = (long)floor(points[0].start_s / outlook->slot_s);
	outlook->count = (long)ceil(end_s / outlook->slot_s) - outlook->first;
	outlook->readings = xcalloc((size_t)outlook->count, sizeof(double));
	for (long i = 0; i < outlook->count; i++)
		outlook->readings[i] = NAN;
	for (size_t i = 0; i < count; i++) {
		double until_s =
		    fmin(i + 1 < count ? points[i + 1].start_s : end_s, points[i].start_s + times * usual_s);
		long from = (long)ceil(points[i].start_s / outlook->slot_s - 1e-9) - outlook->first;

		for (long j = from < 0 ? 0 : from; j < outlook->count; j++) {
			if ((double)(outlook->first + j) * outlook->slot_s >= until_s)
				break;
			outlook->readings[j] = points[i].gco2_per_kwh;
		}
	}
}

double outlook_reading(const struct outlook *outlook, long slot)
{
	long index = slot - outlook->first;

	if (slot > outlook->now - outlook->lag || index < 0 || index >= outlook->count)
		return NAN;
	return outlook->readings[index];
}

/* ------------------------------------------------------------------ forecasts */

static int compare_points(const void *a, const void *b)
{
	const struct forecast_point *x = a, *y = b;

	if (x->issued_s != y->issued_s)
		return x->issued_s < y->issued_s ? -1 : 1;
	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

static int compare_versions(const void *a, const void *b)
{
	const struct version *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return (x->issued_s > y->issued_s) - (x->issued_s < y->issued_s);
}

/* Spreads the points of one issue over their slots; the last one holds as long as the shortest of them. */
static void spread_issue(struct outlook *outlook, const struct forecast_point *points, size_t count)
{
	double usual_s = INFINITY;
	size_t *versions = &outlook->version_count;

	for (size_t i = 1; i < count; i++)
		if (points[i].start_s > points[i - 1].start_s)
			usual_s = fmin(usual_s, points[i].start_s - points[i - 1].start_s);
	if (isinf(usual_s))
		usual_s = outlook->slot_s;
	usual_s = fmin(usual_s, DAY_S);
	for (size_t i = 0; i < count; i++) {
		double until_s = points[i].start_s + usual_s;
		long slot = (long)ceil(points[i].start_s / outlook->slot_s - 1e-9);

		for (; (double)slot * outlook->slot_s < until_s; slot++) {
			if ((*versions & (*versions - 1)) == 0)
				outlook->versions = xreallocarray(outlook->versions, *versions ? 2 * *versions : 1,
								  sizeof(struct version));
			outlook->versions[(*versions)++] =
			    (struct version){slot, points[i].issued_s, points[i].gco2_per_kwh};
		}
	}
}

void outlook_forecasts(struct outlook *outlook, const struct forecast_point *points, size_t count)
{
	struct forecast_point *sorted = xcalloc(count + 1, sizeof(*sorted));

	if (count > 0)
		memcpy(sorted, points, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_points);
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i; next < count && sorted[next].issued_s == sorted[i].issued_s;)
			next++;
		spread_issue(outlook, sorted + i, next - i);
	}
	if (outlook->version_count > 0)
		qsort(outlook->versions, outlook->version_count, sizeof(*outlook->versions), compare_versions);
	free(sorted);
}

/* The first version of that slot or a later one. */
static size_t first_version(const struct outlook *outlook, long slot)
{
	size_t low = 0, high = outlook->version_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (outlook->versions[middle].slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

double outlook_published(const struct outlook *outlook, long slot, double known_at_s)
{
	double value = NAN;

	for (size_t i = first_version(outlook, slot); i < outlook->version_count && outlook->versions[i].slot == slot &&
						      outlook->versions[i].issued_s <= known_at_s;
	     i++)
		value = outlook->versions[i].gco2_per_kwh;
	return value;
}

/* ------------------------------------------------------------------ the view */

double outlook_known(const struct outlook *outlook, long slot)
{
	for (; slot >= outlook->first; slot -= outlook->day) {
		double value = outlook_reading(outlook, slot);

		if (isnan(value))
			value = outlook_published(outlook, slot, outlook->now_s);
		if (!isnan(value))
			return value;
	}
	return NAN;
}

double outlook_past_view(const struct outlook *outlook, long slot)
{
	double value = outlook_published(outlook, slot, outlook->now_s);

	return isnan(value) ? outlook_known(outlook, slot - outlook->day) : value;
}

void outlook_at(struct outlook *outlook, double now_s, long slots)
{
	if (slots > outlook->slots)
		outlook->view = xreallocarray(outlook->view, (size_t)slots, sizeof(double));
	outlook->now_s = now_s;
	outlook->now = (long)floor(now_s / outlook->slot_s);
	outlook->slots = slots;
	outlook->published = 0;
	for (long i = 0; i < slots; i++) {
		double value = outlook_published(outlook, outlook->now + i, now_s);

		if (!isnan(value) && outlook->published == i)
			outlook->published++;
		if (isnan(value))
			value = i >= outlook->day ? outlook->view[i - outlook->day]
						  : outlook_known(outlook, outlook->now + i - outlook->day);
		outlook->view[i] = value;
	}
}
