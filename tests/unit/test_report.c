/* How a decision is explained to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"
#include "scheduler/report.h"

static double at(const char *text)
{
	double at_s = 0;

	if (!clock_parse(text, &at_s))
		fail_msg("\"%s\" is no time", text);
	return at_s;
}

static struct spec insurance(void)
{
	static char name[] = "insurance";

	return (struct spec){.name = name};
}

static struct tick waiting_tick(const struct spec *spec)
{
	struct tick tick = {.spec = spec, .policy = {.name = "forecast"}};

	tick.signal.now_s = at("2026-03-02T20:15:00Z");
	tick.signal.has_champion = true;
	tick.signal.look = 1;
	tick.signal.reading = (struct reading){.known = true, .gco2_per_kwh = 448};
	tick.decision = (struct decision){.verdict = VERDICT_WAIT,
					  .rule = "small_drop",
					  .rung = "forecast",
					  .drop = 0.013,
					  .low = 0.003,
					  .high = 0.023,
					  .accuracy_reference = 0.789,
					  .accuracy_new = 0.776,
					  .start_at_s = at("2026-03-03T03:00:00Z"),
					  .due_at_s = at("2026-03-02T20:15:00Z"),
					  .latest_start_at_s = at("2026-03-05T14:00:00Z"),
					  .target_gco2_per_kwh = 224};
	return tick;
}

static void expect_first_line(const struct tick *tick, const char *want)
{
	struct text text;

	text_init(&text, 1 << 16);
	report_explain_text(tick, &text);
	*strchr(text.data, '\n') = '\0';
	assert_string_equal(text.data, want);
	text_release(&text);
}

static void a_wait_with_a_forecast(void **state UNUSED)
{
	struct spec spec = insurance();
	struct tick tick = waiting_tick(&spec);

	expect_first_line(
	    &tick, "insurance: WAIT until 03:00: accuracy 78.9 % -> 77.6 % (drop 1.3 points, 0.3..2.3 by look 1), "
		   "grid 448 now, 224 g/kWh expected at 03:00, saves 50 %, must start by Thu 14:00");
}

static void other_decisions(void **state UNUSED)
{
	struct spec spec = insurance();
	struct tick tick = waiting_tick(&spec);

	tick.decision.start_at_s = NAN;
	tick.decision.latest_start_at_s = INFINITY;
	expect_first_line(&tick, "insurance: WAIT: accuracy 78.9 % -> 77.6 % (drop 1.3 points, 0.3..2.3 by look 1), "
				 "grid 448 now, waits for less than 224 g/kWh, saves 50 %");
	tick.signal.reading.known = false;
	tick.decision.verdict = VERDICT_TRAIN;
	expect_first_line(&tick,
			  "insurance: TRAIN now: accuracy 78.9 % -> 77.6 % (drop 1.3 points, 0.3..2.3 by look 1), "
			  "no reading of the grid");
	tick.decision.verdict = VERDICT_SKIP;
	tick.decision.drop = NAN;
	tick.signal.rows = 17;
	tick.signal.reading = (struct reading){.known = true, .gco2_per_kwh = 0};
	expect_first_line(&tick, "insurance: SKIP: 17 rows since the training, grid 0 now");
	tick.signal.has_champion = false;
	expect_first_line(&tick, "insurance: SKIP: no model serves, 17 rows can be trained on, grid 0 now");
}

static void every_reason_has_a_line(void **state UNUSED)
{
	struct spec spec = insurance();
	struct tick tick = waiting_tick(&spec);
	struct text text;

	decision_reason(&tick.decision, "first");
	decision_reason(&tick.decision, "second");
	text_init(&text, 1 << 16);
	report_explain_text(&tick, &text);
	assert_non_null(strstr(text.data, "\n  small_drop, policy forecast, rung forecast\n  - first\n  - second\n"));
	text_release(&text);
}

static void short_times(void **state UNUSED)
{
	static const struct {
		const char *at, *want;
	} cases[] = {{"2026-03-02T20:15:00Z", "20:15"},
		     {"2026-03-03T20:14:59Z", "20:14"},
		     {"2026-03-03T20:15:00Z", "Tue 20:15"},
		     {"2026-03-08T23:59:00Z", "Sun 23:59"},
		     {"2026-03-09T20:15:00Z", "2026-03-09 20:15"},
		     {"2026-03-01T20:15:00Z", "Sun 20:15"},
		     {"2026-02-20T00:00:00Z", "2026-02-20 00:00"}};
	char text[SHORT_TIME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(short_time(at(cases[i].at), at("2026-03-02T20:15:00Z"), text), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_wait_with_a_forecast), cmocka_unit_test(other_decisions),
					   cmocka_unit_test(every_reason_has_a_line), cmocka_unit_test(short_times)};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
