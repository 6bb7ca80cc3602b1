/* What says how clean the grid is: first byte E = a reply of a provider, T = a trace, F = a forecast, L = a list, then
 * the text. No number leaves them that is not between 0 and 2000, and times ascend. */
#include <string.h>

#include "common/xalloc.h"
#include "scheduler/carbon.h"
#include "scheduler/provider.h"
#include "scheduler/trace.h"
#include "tests/fuzz/fuzz.h"

static bool is_intensity(double value)
{
	return value >= 0 && value <= CARBON_MAX_INTENSITY;
}

/* Whatever they were asked. */
static void reply(const char *text, size_t size)
{
	static const char *const names[] = {"electricity-maps", "energy-charts", "uk-neso", "watttime",
					    "carbon-aware-sdk"};
	const double now_s = 1714069800; /* 2024-04-25T18:30:00Z */

	for (size_t i = 0; i < 3 * sizeof(names) / sizeof(*names); i++) {
		const struct provider *provider = provider_find(names[i / 3]);
		struct provider_request request = {.zone = "DE", .factors = "lifecycle", .now_s = now_s};
		struct carbon_source source = {.asked = provider};
		struct reading reading = {.known = true};
		struct series series;

		provider_read(provider, (enum want)(i % 3), &request, text, size, &series);
		PROMISE(series.count > 0 || series.reason[0]);
		for (size_t j = 0; j < series.count; j++)
			PROMISE(is_intensity(series.points[j].gco2_per_kwh) &&
				(j == 0 || series.points[j].start_s > series.points[j - 1].start_s));
		carbon_series_reading(&source, &series, now_s, &reading);
		PROMISE(reading.known || reading.reason[0]);
		PROMISE(!reading.known ||
			(is_intensity(reading.gco2_per_kwh) && reading.age_s >= 0 && reading.age_s <= CARBON_STALE_S));
		series_release(&series);
	}
}

static void points(char *text, bool is_list)
{
	struct carbon_point *point = NULL;
	size_t count = 0;
	double end_s = 0;
	struct fail fail = {0};
	bool good = is_list ? trace_parse_list(text, &point, &count, &end_s, &fail)
			    : trace_parse_csv("fuzz.csv", text, &point, &count, &end_s, &fail);

	PROMISE(good == (fail.code == 0));
	for (size_t i = 0; good && i < count; i++)
		PROMISE(is_intensity(point[i].gco2_per_kwh) &&
			point[i].start_s < (i + 1 < count ? point[i + 1].start_s : end_s));
	free(point);
}

static void forecast(char *text)
{
	struct forecast_point *point = NULL;
	struct outlook outlook;
	size_t count = 0;
	struct fail fail = {0};
	bool good = trace_parse_forecast("fuzz.csv", text, &point, &count, &fail);

	PROMISE(good == (fail.code == 0));
	outlook_init(&outlook, 3600, 0);
	for (size_t i = 0; good && i < count; i++)
		PROMISE(is_intensity(point[i].gco2_per_kwh));
	if (good && count < 1000) {
		outlook_forecasts(&outlook, point, count);
		outlook_at(&outlook, point[0].issued_s, 48);
	}
	outlook_release(&outlook);
	free(point);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] == 'E')
		reply((const char *)data + 1, size - 1);
	else if (data[0] == 'F')
		forecast(text);
	else
		points(text, data[0] == 'L');
	free(text);
	return 0;
}
