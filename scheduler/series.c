#include "scheduler/series.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"

void series_add(struct series *series, double start_s, const json_t *value, double factor, bool estimated)
{
	double intensity = json_is_number(value) ? json_number_value(value) * factor : NAN;

	if (!(intensity >= 0 && intensity <= PROVIDER_MAX_INTENSITY))
		return;
	if ((series->count & (series->count - 1)) == 0)
		series->points =
		    xreallocarray(series->points, series->count ? 2 * series->count : 1, sizeof(*series->points));
	series->points[series->count++] = (struct series_point){start_s, intensity, estimated};
}

void series_add_text(struct series *series, const json_t *moment, const json_t *value, double factor, bool estimated)
{
	const char *text = json_string_value(moment);
	double start_s;

	if (text && clock_parse(text, &start_s))
		series_add(series, start_s, value, factor, estimated);
}

void series_refuse(struct series *series, const char *format, ...)
{
	va_list arguments;

	series->count = 0;
	if (series->reason[0])
		return;
	va_start(arguments, format);
	vsnprintf(series->reason, sizeof(series->reason), format, arguments);
	va_end(arguments);
}

static int compare(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;

	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

void series_close(struct series *series, double from_s, double until_s)
{
	size_t kept = 0, next;

	if (series->count > 0)
		qsort(series->points, series->count, sizeof(*series->points), compare);
	for (size_t i = 0; i < series->count; i = next) {
		struct series_point point = series->points[i];
		bool agree = true;

		for (next = i + 1; next < series->count && series->points[next].start_s == point.start_s; next++)
			agree = agree && series->points[next].gco2_per_kwh == point.gco2_per_kwh;
		if (agree && point.start_s >= from_s && point.start_s < until_s)
			series->points[kept++] = point;
	}
	series->count = kept;
}

void series_release(struct series *series)
{
	free(series->points);
	series->points = NULL;
	series->count = 0;
}
