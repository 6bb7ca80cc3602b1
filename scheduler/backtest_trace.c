#include "scheduler/backtest_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/trace.h"

enum { LONGEST_GAP_S = 31 * 86400 };

static int compare_points(const void *a, const void *b)
{
	const struct carbon_point *x = a, *y = b;

	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

static bool add_trace(const char *path, struct carbon_point **points, size_t *count, double *end_s, struct fail *fail)
{
	struct carbon_point *more = NULL;
	size_t more_count = 0;
	double more_end_s = 0;
	char *text = trace_read_text(path, false, fail);
	bool done = text && trace_parse_csv(path, text, &more, &more_count, &more_end_s, fail);

	if (done) {
		*points = xreallocarray(*points, *count + more_count, sizeof(**points));
		memcpy(*points + *count, more, more_count * sizeof(*more));
		*count += more_count;
		*end_s = fmax(*end_s, more_end_s);
	}
	free(more);
	free(text);
	return done;
}

bool backtest_trace_points(const struct setting_list *actual, struct carbon_point **points, size_t *count,
			   double *end_s, struct fail *fail)
{
	char text[CLOCK_TEXT_SIZE];

	*points = NULL;
	*count = 0;
	*end_s = 0;
	if (actual->count == 0)
		return fail_set(fail, EXIT_WRONG_USE, "no trace is given: name its CSV file with --actual");
	for (int i = 0; i < actual->count; i++)
		if (!add_trace(actual->values[i], points, count, end_s, fail))
			return false;
	qsort(*points, *count, sizeof(**points), compare_points);
	for (size_t i = 1; i < *count; i++) {
		if ((*points)[i].start_s == (*points)[i - 1].start_s)
			return fail_set(fail, EXIT_BAD_DATA, "two of the carbon traces hold a value for %s",
					clock_format((*points)[i].start_s, text));
		if ((*points)[i].start_s - (*points)[i - 1].start_s > LONGEST_GAP_S)
			return fail_set(
			    fail, EXIT_BAD_DATA,
			    "the carbon traces have no value for more than %d days before %s: test the parts "
			    "alone",
			    LONGEST_GAP_S / 86400, clock_format((*points)[i].start_s, text));
	}
	return true;
}

static bool read_forecasts(const struct setting_list *files, struct forecast_point **points, size_t *count,
			   struct fail *fail)
{
	bool done = true;

	*points = NULL;
	*count = 0;
	for (int i = 0; done && i < files->count; i++) {
		struct forecast_point *more = NULL;
		size_t more_count = 0;
		char *text = trace_read_text(files->values[i], false, fail);

		done = text && trace_parse_forecast(files->values[i], text, &more, &more_count, fail);
		if (done) {
			*points = xreallocarray(*points, *count + more_count, sizeof(**points));
			memcpy(*points + *count, more, more_count * sizeof(*more));
			*count += more_count;
		}
		free(more);
		free(text);
	}
	return done;
}

static bool has_no_gap(const struct outlook *outlook, struct fail *fail)
{
	char text[CLOCK_TEXT_SIZE];

	for (long i = 0; i < outlook->count; i++)
		if (isnan(outlook->readings[i]))
			return fail_set(fail, EXIT_BAD_DATA,
					"the carbon traces have no value for %s: fill the gap, or test the parts alone",
					clock_format((double)(outlook->first + i) * outlook->slot_s, text));
	return true;
}

bool backtest_trace_read(const struct setting_list *actual, const struct setting_list *forecast, double lag_s,
			 struct outlook *outlook, struct fail *fail)
{
	struct carbon_point *points = NULL;
	struct forecast_point *published = NULL;
	size_t count = 0, published_count = 0;
	double end_s = 0, slot_s;
	bool done = false;

	*outlook = (struct outlook){.slot_s = 0};
	if (backtest_trace_points(actual, &points, &count, &end_s, fail) &&
	    read_forecasts(forecast, &published, &published_count, fail)) {
		slot_s = outlook_slot_s(points, count, published, published_count);
		outlook_init(outlook, slot_s, (long)ceil(lag_s / slot_s));
		outlook_readings(outlook, points, count, end_s, 2);
		outlook_forecasts(outlook, published, published_count);
		done = has_no_gap(outlook, fail);
	}
	free(points);
	free(published);
	return done;
}

static bool read_pair(char *line, bool first_is_time, double pair[2])
{
	char *first = strsep(&line, ",");

	return line && (first_is_time ? clock_parse(first, &pair[0]) : number_double(first, &pair[0])) &&
	       number_double(line, &pair[1]) && pair[1] > 0;
}

bool backtest_trace_pairs(const char *path, const char *header, bool first_is_time, double (**pairs)[2], size_t *count,
			  struct fail *fail)
{
	char *text = trace_read_text(path, false, fail), *rest = text, *line;

	*pairs = NULL;
	*count = 0;
	for (size_t number = 1; !fail->code && (line = strsep(&rest, "\n")) != NULL; number++) {
		line[strcspn(line, "\r")] = '\0';
		if (number == 1 && strcmp(line, header) != 0)
			fail_set(fail, EXIT_BAD_DATA, "jobs \"%s\": line 1 is \"%.60s\": expected %s", path, line,
				 header);
		if (number == 1 || !*line)
			continue;
		if ((*count & (*count - 1)) == 0)
			*pairs = xreallocarray(*pairs, *count ? 2 * *count : 1, sizeof(**pairs));
		if (!read_pair(line, first_is_time, (*pairs)[(*count)++]))
			fail_set(fail, EXIT_BAD_DATA, "jobs \"%s\": line %zu is not understood: expected %s", path,
				 number, header);
	}
	if (!fail->code && *count == 0)
		fail_set(fail, EXIT_BAD_DATA, "jobs \"%s\" holds none", path);
	free(text);
	return !fail->code;
}
