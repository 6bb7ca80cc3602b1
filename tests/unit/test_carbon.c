/*
 * Replies of the providers (tests/cases/carbon/<provider>.json: about, provider, want, zone, factors, now, the reply as
 * JSON or "body" as text, and the points, the reading or what the reason says), lists and traces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"
#include "common/xalloc.h"
#include "scheduler/carbon.h"
#include "scheduler/provider.h"
#include "scheduler/trace.h"

static const char *text(const json_t *object, const char *key, const char *otherwise)
{
	const json_t *value = json_object_get(object, key);

	return value ? json_string_value(value) : otherwise;
}

static double moment(const char *text)
{
	double at_s = NAN;

	if (!clock_parse(text, &at_s))
		fail_msg("\"%s\" is no time", text);
	return at_s;
}

static void expect_reading(const json_t *json, const struct carbon_source *source, const struct series *series,
			   double now_s)
{
	const json_t *want = json_object_get(json, "reading");
	struct reading reading = {.known = true, .gco2_per_kwh = -1};

	carbon_series_reading(source, series, now_s, &reading);
	if (json_is_number(want)) {
		if (!reading.known)
			fail_msg("no reading: %s", reading.reason);
		if (fabs(reading.gco2_per_kwh - json_number_value(want)) > 1e-9)
			fail_msg("the reading is %.9f", reading.gco2_per_kwh);
		if (json_object_get(json, "age_s"))
			assert_true(reading.age_s == json_number_value(json_object_get(json, "age_s")));
		assert_int_equal(reading.estimated, json_is_true(json_object_get(json, "estimated")));
		return;
	}
	if (reading.known)
		fail_msg("a reading of %g was taken from it", reading.gco2_per_kwh);
	if (!strstr(reading.reason, text(json, "reason", "?")))
		fail_msg("the reason is \"%s\"", reading.reason);
}

static void expect_points(const json_t *json, const struct series *series)
{
	const json_t *points = json_object_get(json, "points"), *point;
	size_t index;

	if (series->count != json_array_size(points))
		fail_msg("%zu points were taken from it; %s", series->count, series->reason);
	json_array_foreach(points, index, point)
	{
		assert_true(series->points[index].start_s == moment(json_string_value(json_array_get(point, 0))));
		if (fabs(series->points[index].gco2_per_kwh - json_number_value(json_array_get(point, 1))) > 1e-9)
			fail_msg("point %zu is %.9f", index, series->points[index].gco2_per_kwh);
	}
	if (json_object_get(json, "issued"))
		assert_true(series->issued_s == moment(text(json, "issued", "")));
	if (json_object_get(json, "reason") && !strstr(series->reason, text(json, "reason", "?")))
		fail_msg("the reason is \"%s\"", series->reason);
}

/* With "points": the whole series; else the reading that follows from it, or why there is none. */
static void one_reply(const json_t *json)
{
	static const char *const wants[] = {"newest", "history", "forecast"};
	const json_t *reply = json_object_get(json, "reply");
	char *body = reply ? json_dumps(reply, 0) : xstrdup(text(json, "body", ""));
	const struct provider *provider = provider_find(text(json, "provider", "electricity-maps"));
	struct carbon_source source = {.asked = provider};
	struct provider_request request = {.zone = text(json, "zone", "DE"),
					   .factors = text(json, "factors", "lifecycle"),
					   .now_s = moment(text(json, "now", "2024-04-25T18:30:00Z")),
					   .from_s = moment(text(json, "from", "1970-01-01T00:00:00Z"))};
	struct series series;
	enum want want = WANT_NEWEST;

	assert_non_null(provider);
	while (strcmp(wants[want], text(json, "want", "newest")) != 0)
		want++;
	provider_read(provider, want, &request, body, strlen(body), &series);
	if (json_object_get(json, "points"))
		expect_points(json, &series);
	else
		expect_reading(json, &source, &series, request.now_s);
	series_release(&series);
	free(body);
}

static void replies(void **state)
{
	json_error_t error;
	json_t *json = json_load_file(*state, JSON_REJECT_DUPLICATES, &error), *reply;
	size_t index;

	if (!json)
		fail_msg("%s:%d: %s", (const char *)*state, error.line, error.text);
	assert_true(json_array_size(json) > 0);
	json_array_foreach(json, index, reply)
	{
		print_message("# %s\n", text(reply, "about", "?"));
		one_reply(reply);
	}
	json_decref(json);
}

static struct config config_of(const char *carbon)
{
	return (struct config){.carbon = carbon,
			       .zone = "DE",
			       .signal_provider = "entso-e",
			       .signal_kind = "average",
			       .signal_factors = "lifecycle",
			       .electricity_maps_url = "http://127.0.0.1:1",
			       .electricity_maps_token = ""};
}

static struct reading read_at(struct carbon_source *source, const char *when)
{
	struct reading reading;
	struct fail fail = {0};
	double now_s = 0;

	assert_true(clock_parse(when, &now_s));
	assert_true(carbon_read(source, NULL, now_s, false, &reading, &fail));
	return reading;
}

static void list_by_period(void **state UNUSED)
{
	struct config config = config_of("list:2023-11-14T00:00:00Z/P7D:282,445,552.5");
	struct carbon_source source;
	struct fail fail = {0};

	assert_true(carbon_open(&config, &source, &fail));
	assert_string_equal(source.label, "list/average/lifecycle/DE");
	assert_true(read_at(&source, "2023-11-14T00:00:00Z").gco2_per_kwh == 282);
	assert_true(read_at(&source, "2023-11-20T23:59:59Z").gco2_per_kwh == 282);
	assert_true(read_at(&source, "2023-11-21T00:00:00Z").gco2_per_kwh == 445);
	assert_true(read_at(&source, "2023-12-04T23:00:00Z").gco2_per_kwh == 552.5);
	assert_false(read_at(&source, "2023-12-05T00:00:00Z").known);
	assert_non_null(strstr(read_at(&source, "2023-12-05T00:00:00Z").reason, "ended at 2023-12-05"));
	assert_false(read_at(&source, "2023-11-13T23:59:59Z").known);
	assert_non_null(strstr(read_at(&source, "2023-11-13T23:59:59Z").reason, "begins at 2023-11-14"));
	carbon_release(&source);
}

static void wrong_settings(void **state UNUSED)
{
	static const char *const wrong[] = {
	    "list:282,445",
	    "list:",
	    "list:2023-11-14T00:00:00Z/P1D:",
	    "list:2023-11-14T00:00:00Z/P1D:282,,445",
	    "list:2023-11-14T00:00:00Z/P1D:282,-1",
	    "list:2023-11-14T00:00:00Z/P1D:2001",
	    "list:2023-11-14T00:00:00Z/P1D:nan",
	    "list:2023-11-14T00:00:00Z/1D:282",
	    "list:2023-11-14T00:00:00Z/P0D:282",
	    "list:2023-11-14T00:00:00Z/PT1D:282",
	    "list:2023-11-14T00:00:00/P1D:282",
	    "list:14.11.2023/P1D:282",
	    "entso-e",
	    "file:/etc/passwd",
	    "file:no-such-file.csv",
	    "Electricity-Maps",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct config config = config_of(wrong[i]);
		struct carbon_source source;
		struct fail fail = {0};

		if (carbon_open(&config, &source, &fail))
			fail_msg("%s was taken", wrong[i]);
		assert_int_equal(fail.code, EXIT_WRONG_USE);
	}
}

static void provider_of_the_spec_only(void **state UNUSED)
{
	struct config config = config_of("");
	struct carbon_source source;
	struct fail fail = {0};
	struct reading reading;

	assert_true(carbon_open(&config, &source, &fail));
	reading = read_at(&source, "2024-01-01T00:00:00Z");
	assert_false(reading.known);
	assert_non_null(strstr(reading.reason, "entso-e"));
	carbon_release(&source);
	config.zone = "DE&zone=FR";
	assert_false(carbon_open(&config, &source, &fail));
	assert_int_equal(fail.code, EXIT_WRONG_USE);
}

static void without_network(void **state UNUSED)
{
	struct config config = config_of("electricity-maps");
	struct carbon_source source;
	struct fail fail = {0};

	assert_true(carbon_open(&config, &source, &fail));
	assert_non_null(strstr(read_at(&source, "2024-01-01T00:00:00Z").reason, "ELECTRICITY_MAPS_TOKEN"));
	source.token = "secret-word";
	assert_non_null(strstr(read_at(&source, "2024-01-01T00:00:00Z").reason, "could not ask"));
	assert_null(strstr(read_at(&source, "2024-01-01T00:00:00Z").reason, "secret-word"));
	source.signal = "marginal";
	assert_non_null(strstr(read_at(&source, "2024-01-01T00:00:00Z").reason, "marginal"));
	carbon_release(&source);
}

/* Signals and factors that a provider does not have are not asked for; nor is what has no address or no login. */
static void what_a_provider_is_not_asked(void **state UNUSED)
{
	static const struct {
		const char *provider, *zone, *signal, *factors, *reason;
	} cases[] = {
	    {"uk-neso", "GB", "average", "lifecycle", "direct emission factors"},
	    {"uk-neso", "DE", "average", "direct", "NESO has no"},
	    {"uk-neso", "GB-18", "average", "direct", "NESO has no"},
	    {"uk-neso", "GB", "marginal", "direct", "average intensities"},
	    {"energy-charts", "DE", "average", "direct", "lifecycle emission factors"},
	    {"watttime", "CAISO_NORTH", "average", "direct", "marginal intensities"},
	    {"watttime", "CAISO_NORTH", "marginal", "direct", "WATTTIME_USER"},
	    {"carbon-aware-sdk", "westus", "marginal", "direct", "--carbon-url"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config config = config_of(cases[i].provider);
		struct carbon_source source;
		struct fail fail = {0};
		struct reading reading;

		config.zone = cases[i].zone;
		config.signal_kind = cases[i].signal;
		config.signal_factors = cases[i].factors;
		config.carbon_url = strcmp(cases[i].provider, "carbon-aware-sdk") == 0 ? "" : "http://127.0.0.1:1";
		assert_true(carbon_open(&config, &source, &fail));
		reading = read_at(&source, "2024-01-01T00:00:00Z");
		assert_false(reading.known);
		if (!strstr(reading.reason, cases[i].reason))
			fail_msg("%s: the reason is \"%s\"", cases[i].provider, reading.reason);
		carbon_release(&source);
	}
}

static void traces(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *reason; /* NULL: it is fine */
	} texts[] = {
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,100\n2024-01-01T01:00:00Z,200\n", NULL},
	    {"start_utc,gco2_per_kwh\r\n2024-01-01T00:00:00Z,100\r\n2024-01-01T01:00:00Z,200", NULL},
	    {"", "line 1"},
	    {"time,value\n", "line 1 is \"time,value\""},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,100\n", "at least 2"},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,100\n2024-01-01T00:00:00Z,200\n", "line 3"},
	    {"start_utc,gco2_per_kwh\n2024-01-01T01:00:00Z,100\n2024-01-01T00:00:00Z,200\n", "line 3"},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,\n2024-01-01T01:00:00Z,200\n", "line 2 says \"\""},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,-1\n", "line 2"},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,2000.1\n", "line 2"},
	    {"start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z;100\n", "line 2"},
	    {"start_utc,gco2_per_kwh\nyesterday,100\n", "line 2 begins with \"yesterday\""},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *copy = xstrdup(texts[i].text);
		struct carbon_point *points;
		size_t count;
		double end_s;
		struct fail fail = {0};
		bool read = trace_parse_csv("t.csv", copy, &points, &count, &end_s, &fail);

		if (read != !texts[i].reason || (texts[i].reason && !strstr(fail.text, texts[i].reason)))
			fail_msg("text %zu: %s", i, read ? "it was taken" : fail.text);
		assert_int_equal(fail.code, read ? EXIT_DONE : EXIT_BAD_DATA);
		if (read)
			assert_true(count == 2 && end_s - points[1].start_s == 3600 && points[1].gco2_per_kwh == 200);
		free(points);
		free(copy);
	}
}

static void trace_below_data_root(void **state UNUSED)
{
	char folder[] = "/tmp/green-ml-trace.XXXXXX", *path, *carbon;
	struct config config;
	struct carbon_source source;
	struct fail fail = {0};
	struct carbon_point *points;
	size_t count;
	FILE *file;
	double from_s = 0;

	assert_non_null(mkdtemp(folder));
	path = xasprintf("%s/t.csv", folder);
	carbon = xasprintf("file:%s", path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("start_utc,gco2_per_kwh\n2024-01-01T00:00:00Z,100\n2024-01-01T01:00:00Z,200\n2024-01-01T02:00:00Z,300\n",
	      file);
	fclose(file);
	config = config_of(carbon);
	setenv("DATA_ROOT", folder, 1);
	assert_true(carbon_open(&config, &source, &fail));
	assert_true(read_at(&source, "2024-01-01T01:59:59Z").gco2_per_kwh == 200);
	assert_true(read_at(&source, "2024-01-01T02:30:00Z").gco2_per_kwh == 300);
	assert_false(read_at(&source, "2024-01-01T03:00:00Z").known);
	assert_true(clock_parse("2024-01-01T01:00:00Z", &from_s));
	assert_true(carbon_history(&source, NULL, from_s, from_s + 3600, &points, &count, &fail));
	assert_true(count == 1 && points[0].gco2_per_kwh == 200);
	free(points);
	carbon_release(&source);
	setenv("DATA_ROOT", "tests", 1);
	assert_false(carbon_open(&config, &source, &fail));
	assert_non_null(strstr(fail.text, "DATA_ROOT"));
	unsetenv("DATA_ROOT");
	unlink(path);
	rmdir(folder);
	free(carbon);
	free(path);
}

int main(void)
{
#define REPLIES(file)                                                                                                  \
	{                                                                                                              \
		"replies of " file, replies, NULL, NULL, (void *)(uintptr_t) "tests/cases/carbon/" file ".json"        \
	}
	const struct CMUnitTest tests[] = {
	    REPLIES("electricity_maps"),
	    REPLIES("energy_charts"),
	    REPLIES("uk_neso"),
	    REPLIES("watttime"),
	    REPLIES("carbon_aware_sdk"),
	    cmocka_unit_test(list_by_period),
	    cmocka_unit_test(wrong_settings),
	    cmocka_unit_test(provider_of_the_spec_only),
	    cmocka_unit_test(without_network),
	    cmocka_unit_test(what_a_provider_is_not_asked),
	    cmocka_unit_test(traces),
	    cmocka_unit_test(trace_below_data_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
