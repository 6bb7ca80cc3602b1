/* What says how clean the grid is: first byte E = a reply of Electricity Maps, T = a trace, L = a list, then the text.
 * No number leaves them that is not between 0 and 2000, and times ascend. */
#include <string.h>

#include "common/xalloc.h"
#include "scheduler/carbon.h"
#include "scheduler/electricity_maps.h"
#include "scheduler/trace.h"
#include "tests/fuzz/fuzz.h"

static bool is_intensity(double value)
{
	return value >= 0 && value <= CARBON_MAX_INTENSITY;
}

static void reply(const char *text, size_t size)
{
	const double now_s = 1714069800; /* 2024-04-25T18:30:00Z */
	struct reading reading = {.known = true};

	electricity_maps_parse(text, size, "DE", "lifecycle", now_s, &reading);
	PROMISE(reading.known || reading.reason[0]);
	PROMISE(!reading.known ||
		(is_intensity(reading.gco2_per_kwh) && reading.age_s >= 0 && reading.age_s <= CARBON_STALE_S));
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] == 'E')
		reply((const char *)data + 1, size - 1);
	else
		points(text, data[0] == 'L');
	free(text);
	return 0;
}
