#include "scheduler/carbon_command.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http.h"
#include "common/xalloc.h"
#include "scheduler/carbon.h"
#include "scheduler/carbon_settings.h"

static struct config config;
static const char *zones_list;

static const struct setting settings[] = {
    CARBON_SOURCE_SETTINGS(config),
    {"zones", NULL, SETTING_TEXT, &zones_list, "", .value_name = "A,B,...", .help = "compare these instead of --zone"},
    CARBON_ACCESS_SETTINGS(config),
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print one JSON object"},
};

static const struct program program = {
    .name = "scheduler carbon",
    .purpose = "Shows the carbon intensity of the grid: the reading, its age and source, and the forecast.",
    .usage = "[OPTIONS]",
    .notes =
	"No database is needed. Exit codes: 0 shown, 2 wrong usage or setting, 75 there is no reading of any zone.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

enum { MAX_ZONES = 32, HOUR_S = 3600, AHEAD_H = 48, CHART_WIDTH = 50 };

/* What is known of one zone. */
struct grid {
	char *zone;
	struct reading reading;
	double hours[AHEAD_H]; /* published, the mean of each hour from the current one on; NAN: not known */
	double issued_s;       /* NAN: nothing is published */
	int lowest;	       /* the hour; -1: none */
};

static void take_hours(struct grid *grid, const struct forecast_point *points, size_t count, double now_s)
{
	double first_s = floor(now_s / HOUR_S) * HOUR_S, sums[AHEAD_H] = {0};
	int counts[AHEAD_H] = {0};

	grid->issued_s = NAN;
	grid->lowest = -1;
	for (size_t i = 0; i < count; i++) {
		double hour = floor((points[i].start_s - first_s) / HOUR_S);

		grid->issued_s = points[i].issued_s;
		if (hour < 0 || hour >= AHEAD_H)
			continue;
		sums[(int)hour] += points[i].gco2_per_kwh;
		counts[(int)hour]++;
	}
	for (int i = 0; i < AHEAD_H; i++) {
		grid->hours[i] = counts[i] ? sums[i] / counts[i] : NAN;
		if (counts[i] && (grid->lowest < 0 || grid->hours[i] < grid->hours[grid->lowest]))
			grid->lowest = i;
	}
}

/* A list and a trace are known ahead of time. */
static struct forecast_point *ahead(const struct carbon_source *source, double now_s, size_t *count)
{
	struct forecast_point *points = xcalloc(source->count + 1, sizeof(*points));

	*count = 0;
	for (size_t i = 0; i < source->count; i++)
		if (source->points[i].start_s >= floor(now_s / HOUR_S) * HOUR_S)
			points[(*count)++] =
			    (struct forecast_point){now_s, source->points[i].start_s, source->points[i].gco2_per_kwh};
	return points;
}

static bool read_grid(double now_s, struct grid *grid, struct fail *fail)
{
	struct carbon_source source;
	struct forecast_point *points = NULL;
	size_t count = 0;
	bool done;

	config.zone = grid->zone;
	if (!carbon_open(&config, &source, fail))
		return false;
	done = carbon_read(&source, NULL, now_s, false, &grid->reading, fail);
	if (done && source.kind == CARBON_POINTS)
		points = ahead(&source, now_s, &count);
	else if (done)
		done = carbon_forecast(&source, NULL, now_s, now_s, now_s, &points, &count, fail);
	take_hours(grid, points, count, now_s);
	free(points);
	carbon_release(&source);
	return done;
}

/* ------------------------------------------------------------------ output */

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_json(double at_s)
{
	char text[CLOCK_TEXT_SIZE];

	return isfinite(at_s) ? json_string(clock_format(at_s, text)) : json_null();
}

static double hour_start(double now_s, int hour)
{
	return hour < 0 ? NAN : (floor(now_s / HOUR_S) + hour) * HOUR_S;
}

static json_t *grid_json(const struct grid *grid, double now_s)
{
	const struct reading *reading = &grid->reading;
	json_t *json = json_object(), *hours = json_array();

	for (int i = 0; i < AHEAD_H; i++)
		if (!isnan(grid->hours[i]))
			json_array_append_new(hours, json_pack("{s:o, s:f}", "start", time_json(hour_start(now_s, i)),
							       "gco2_per_kwh", grid->hours[i]));
	json_object_set_new(json, "at", time_json(now_s));
	json_object_set_new(json, "zone", json_string(grid->zone));
	json_object_set_new(json, "source", json_string(reading->source));
	json_object_set_new(json, "reading_gco2_per_kwh", number_json(reading->known ? reading->gco2_per_kwh : NAN));
	json_object_set_new(json, "reading_age_s", number_json(reading->known ? reading->age_s : NAN));
	json_object_set_new(json, "estimated", json_boolean(reading->known && reading->estimated));
	json_object_set_new(json, "no_reading", reading->known ? json_null() : json_string(reading->reason));
	json_object_set_new(json, "forecast_issued", time_json(grid->issued_s));
	json_object_set_new(json, "forecast", hours);
	json_object_set_new(json, "lowest_at", time_json(hour_start(now_s, grid->lowest)));
	json_object_set_new(json, "lowest_gco2_per_kwh",
			    number_json(grid->lowest < 0 ? NAN : grid->hours[grid->lowest]));
	return json;
}

static void print_chart(const struct grid *grid, double now_s)
{
	double highest = 0;
	char text[CLOCK_TEXT_SIZE];

	for (int i = 0; i < AHEAD_H; i++)
		highest = fmax(highest, grid->hours[i]);
	for (int i = 0; i < AHEAD_H; i++) {
		int width =
		    highest > 0 && !isnan(grid->hours[i]) ? (int)lround(CHART_WIDTH * grid->hours[i] / highest) : 0;

		if (!isnan(grid->hours[i]))
			printf("  %.16s %6.0f %.*s%s\n", clock_format(hour_start(now_s, i), text), grid->hours[i],
			       width, "##################################################",
			       i == grid->lowest ? " lowest" : "");
	}
}

static void print_one(const struct grid *grid, double now_s)
{
	const struct reading *reading = &grid->reading;
	char text[CLOCK_TEXT_SIZE];

	printf("%s\n", reading->source);
	if (reading->known)
		printf("  now %.0f gCO2/kWh, %.0f min old%s\n", reading->gco2_per_kwh, reading->age_s / 60,
		       reading->estimated ? ", estimated" : "");
	else
		printf("  no reading: %s\n", reading->reason);
	if (grid->lowest < 0)
		printf("  no forecast\n");
	else
		printf("  forecast of %s:\n", clock_format(grid->issued_s, text));
	print_chart(grid, now_s);
}

static void print_several(const struct grid *grids, int count, double now_s)
{
	char text[CLOCK_TEXT_SIZE];

	printf("%-16s %10s %10s  %s\n", "zone", "now", "lowest", "at");
	for (int i = 0; i < count; i++) {
		const struct grid *grid = &grids[i];

		snprintf(text, sizeof(text), "%.0f", grid->reading.gco2_per_kwh);
		printf("%-16s %10s ", grid->zone, grid->reading.known ? text : "-");
		if (grid->lowest >= 0)
			printf("%10.0f  %s", grid->hours[grid->lowest],
			       clock_format(hour_start(now_s, grid->lowest), text));
		printf("%s%s\n",
		       grid->reading.known ? "" : "  no reading: ", grid->reading.known ? "" : grid->reading.reason);
	}
}

static const struct grid *cleanest(const struct grid *grids, int count)
{
	const struct grid *best = NULL;

	for (int i = 0; i < count; i++)
		if (grids[i].reading.known && (!best || grids[i].reading.gco2_per_kwh < best->reading.gco2_per_kwh))
			best = &grids[i];
	return best;
}

static void print(const struct grid *grids, int count, bool compares, double now_s)
{
	const struct grid *best = cleanest(grids, count);
	json_t *json, *list = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(list, grid_json(&grids[i], now_s));
	if (compares)
		json = json_pack("{s:O, s:s?}", "zones", list, "cleanest", best ? best->zone : NULL);
	else
		json = json_incref(json_array_get(list, 0));
	if (config.json) {
		json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		puts("");
	} else if (compares) {
		print_several(grids, count, now_s);
		printf("cleanest now: %s\n", best ? best->zone : "not known");
	} else {
		print_one(grids, now_s);
	}
	json_decref(json);
	json_decref(list);
}

/* ------------------------------------------------------------------ the command */

static int split_zones(struct grid grids[MAX_ZONES], struct fail *fail)
{
	char *copy = xstrdup(*zones_list ? zones_list : config.zone), *rest = copy, *zone;
	int count = 0;

	while ((zone = strsep(&rest, ",")) != NULL && count < MAX_ZONES)
		grids[count++].zone = xstrdup(zone);
	if (zone)
		fail_set(fail, EXIT_WRONG_USE, "option --zones names more than %d zones", (int)MAX_ZONES);
	free(copy);
	return count;
}

static bool show(struct fail *fail)
{
	struct grid grids[MAX_ZONES] = {{.zone = NULL}};
	double now_s = clock_now_s();
	int count = split_zones(grids, fail);
	bool done = !fail->code;

	for (int i = 0; done && i < count; i++)
		done = read_grid(now_s, &grids[i], fail);
	if (done)
		print(grids, count, *zones_list, now_s);
	if (done && !cleanest(grids, count))
		done = fail_set(fail, EXIT_TRY_AGAIN, "there is no reading: %s", grids[0].reading.reason);
	for (int i = 0; i < count; i++)
		free(grids[i].zone);
	return done;
}

int carbon_command(int argc, char **argv)
{
	struct fail fail = {0};

	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	http_init();
	return show(&fail) ? EXIT_DONE : fail_exit(&fail);
}
