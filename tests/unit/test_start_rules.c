/*
 * Start rules on traces that can be worked out by hand, tests/cases/rule/by_hand.json: the values of "day" again and
 * again for "days" days from slot 0 on, then those of "after" up to the slot `due`, which is now; issues of hourly
 * values, each "repeat" times; and for each rule the slot it starts at, null where it waits for a better one. Slots are
 * hours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/xalloc.h"
#include "scheduler/rule.h"

static const char cases[] = "tests/cases/rule/by_hand.json";

static double number(const json_t *object, const char *key, double otherwise)
{
	const json_t *value = json_object_get(object, key);

	return value ? json_number_value(value) : otherwise;
}

static double value_at(const json_t *list, size_t index)
{
	return json_number_value(json_array_get(list, index));
}

static void read_readings(const json_t *json, struct outlook *outlook)
{
	const json_t *day = json_object_get(json, "day"), *after = json_object_get(json, "after");
	size_t before = 24 * (size_t)number(json, "days", 0), count = before + json_array_size(after);
	struct carbon_point *points = xcalloc(count, sizeof(*points));

	for (size_t i = 0; i < count; i++)
		points[i] =
		    (struct carbon_point){3600.0 * (double)i, i < before ? value_at(day, i % json_array_size(day))
									 : value_at(after, i - before)};
	assert_int_equal(count, (size_t)number(json, "due", 0) + 1);
	outlook_readings(outlook, points, count, 3600.0 * (double)count, 1);
	free(points);
}

static void read_issues(const json_t *json, struct outlook *outlook)
{
	struct forecast_point *points = NULL;
	size_t count = 0, index;
	const json_t *issue;

	json_array_foreach(json_object_get(json, "forecast"), index, issue)
	{
		const json_t *values = json_object_get(issue, "values");
		size_t once = json_array_size(values), more = once * (size_t)number(issue, "repeat", 1);

		points = xreallocarray(points, count + more, sizeof(*points));
		for (size_t i = 0; i < more; i++)
			points[count++] = (struct forecast_point){3600 * number(issue, "issued", 0),
								  3600 * (number(issue, "from", 0) + (double)i),
								  value_at(values, i % once)};
	}
	outlook_forecasts(outlook, points, count);
	free(points);
}

static void one_rule(const char *name, const json_t *want, const json_t *json, struct outlook *outlook)
{
	struct job job = {.due = (long)number(json, "due", 0), .latest = (long)number(json, "latest", 0)};
	double slots = number(json, "slots", 1);
	struct prospect prospect = {.rule = NULL};
	struct rule rule;
	struct choice choice;

	if (!rule_parse(name, &rule))
		fail_msg("there is no rule %s", name);
	outlook_at(outlook, 3600.0 * (double)job.due, job.latest - job.due + (long)ceil(slots));
	prospect_prepare(&prospect, &rule, outlook, slots);
	rule_begin(&rule, outlook, &job);
	choice = rule_choose(&prospect, &job);
	if (json_is_null(want) ? choice.is_dated : !choice.is_dated || choice.start != json_integer_value(want))
		fail_msg("%s starts at %ld%s", name, choice.start, choice.is_dated ? "" : " at the latest");
	if (json_object_get(json, "expected") &&
	    fabs(choice.expected_gco2_per_kwh - number(json, "expected", 0)) > 1e-5)
		fail_msg("%s expects %.6f", name, choice.expected_gco2_per_kwh);
	prospect_release(&prospect);
}

static void by_hand(void **state UNUSED)
{
	json_error_t error;
	json_t *json = json_load_file(cases, JSON_REJECT_DUPLICATES, &error), *one, *want;
	const char *name;
	size_t index;

	if (!json)
		fail_msg("%s:%d: %s", cases, error.line, error.text);
	assert_true(json_array_size(json) > 0);
	json_array_foreach(json, index, one)
	{
		struct outlook outlook;

		print_message("# %s\n", json_string_value(json_object_get(one, "about")));
		outlook_init(&outlook, 3600, (long)number(one, "lag", 0));
		read_readings(one, &outlook);
		read_issues(one, &outlook);
		json_object_foreach(json_object_get(one, "starts"), name, want) one_rule(name, want, one, &outlook);
		outlook_release(&outlook);
	}
	json_decref(json);
}

/* Nothing is known but two readings, then not even them: nothing is made up, and now is no better than the deadline. */
static void nothing_known(void **state UNUSED)
{
	struct carbon_point points[] = {{0, 100}, {3600, 200}};
	struct job job = {.due = 30, .latest = 60};
	struct prospect prospect = {.rule = NULL};
	struct rule rule;
	struct outlook outlook;

	assert_true(rule_parse("forecast", &rule));
	outlook_init(&outlook, 3600, 0);
	outlook_readings(&outlook, points, 2, 7200, 1);
	for (int again = 0; again < 2; again++) {
		struct choice choice;

		outlook_at(&outlook, 30 * 3600, 31);
		prospect_prepare(&prospect, &rule, &outlook, 1);
		rule_begin(&rule, &outlook, &job);
		choice = rule_choose(&prospect, &job);
		if (again) {
			assert_false(choice.is_dated);
			assert_int_equal(choice.start, 60);
			assert_true(isnan(choice.expected_gco2_per_kwh));
		} else { /* hours 0 and 1, again a day later and two */
			assert_true(choice.is_dated);
			assert_int_equal(choice.start, 48);
		}
		outlook_readings(&outlook, NULL, 0, 0, 1);
	}
	prospect_release(&prospect);
	outlook_release(&outlook);
}

/* A point holds until the next one, but not over a gap; slots follow the shortest distance. */
static void slots_of_points(void **state UNUSED)
{
	struct carbon_point points[] = {{0, 10}, {1800, 20}, {3600, 30}, {9000, 40}};
	struct forecast_point issue[] = {{0, 9000, 50}, {0, 9900, 60}, {0, 10800, 70}};
	struct outlook outlook;
	static const double once[] = {10, 20, 30, NAN, NAN, 40}, twice[] = {10, 20, 30, 30, NAN, 40};

	assert_true(outlook_slot_s(points, 4, NULL, 0) == 1800);
	assert_true(outlook_slot_s(points, 4, issue, 3) == 900);
	assert_true(outlook_slot_s(points, 1, NULL, 0) == 3600);
	outlook_init(&outlook, 1800, 0);
	for (int times = 1; times <= 2; times++) {
		outlook_readings(&outlook, points, 4, 10800, times);
		outlook_at(&outlook, 9000, 1);
		for (long i = 0; i < 6; i++) {
			double want = (times == 1 ? once : twice)[i], got = outlook_reading(&outlook, i);

			assert_true(isnan(want) ? isnan(got) : got == want);
		}
		assert_true(isnan(outlook_reading(&outlook, 6)));
	}
	outlook_release(&outlook);
}

/* value(1) = mean, value(n) = mean(min(offer, value(n - 1))), between them linear; too few offers: waiting is worth
 * nothing. */
static void value_of_waiting(void **state UNUSED)
{
	struct experience experience = {.day = -1};
	struct carbon_point points[24 * 12];
	struct outlook outlook;

	for (int i = 0; i < 24 * 12; i++)
		points[i] = (struct carbon_point){3600.0 * i, i % 24 == 5 ? (i / 24 % 2 ? 200 : 100) : 300};
	outlook_init(&outlook, 3600, 0);
	outlook_readings(&outlook, points, 24 * 12, 24 * 12 * 3600.0, 1);
	outlook_at(&outlook, 24 * 11 * 3600.0, 24);
	experience_learn(&experience, &outlook, 1);
	/* The days 1 to 10, each seen as the day before it: five offers of 200 and five of 100. */
	assert_true(isinf(experience_value(&experience, 0.9)));
	assert_true(fabs(experience_value(&experience, 1) - 150) < 1e-9);
	assert_true(fabs(experience_value(&experience, 2) - 125) < 1e-9);
	assert_true(fabs(experience_value(&experience, 2.5) - (125 + 112.5) / 2) < 1e-9);
	assert_true(fabs(experience_value(&experience, 1000) - 100) < 1e-6);
	outlook_at(&outlook, 24 * 7 * 3600.0, 24);
	experience_learn(&experience, &outlook, 1);
	assert_true(isinf(experience_value(&experience, 2)));
	experience_release(&experience);
	outlook_release(&outlook);
}

/* Published 60 too low at night, always: the bias is learnt. */
static void bias_of_the_night(void **state UNUSED)
{
	enum { HOURS = 24 * 31 };
	struct experience experience = {.day = -1};
	struct carbon_point points[HOURS];
	struct forecast_point issue[HOURS + 24];
	double expected[24];
	struct outlook outlook;

	for (int i = 0; i < HOURS + 24; i++) {
		if (i < HOURS)
			points[i] = (struct carbon_point){3600.0 * i, i % 24 < 6 ? 360 : 200};
		issue[i] = (struct forecast_point){-3600, 3600.0 * i, i % 24 < 6 ? 300 : 200};
	}
	outlook_init(&outlook, 3600, 1);
	outlook_readings(&outlook, points, HOURS, HOURS * 3600.0, 1);
	outlook_forecasts(&outlook, issue, HOURS + 24);
	outlook_at(&outlook, HOURS * 3600.0, 24);
	experience_learn(&experience, &outlook, 1);
	for (int i = 0; i < 24; i++)
		expected[i] = outlook.view[i];
	experience_correct(&experience, &outlook, expected);
	for (int i = 0; i < 24; i++)
		assert_true(fabs(expected[i] - (i < 6 ? 360 : 200)) < 12); /* the doubt left after 30 nights */
	experience_release(&experience);
	outlook_release(&outlook);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_hand),		cmocka_unit_test(nothing_known),     cmocka_unit_test(slots_of_points),
	    cmocka_unit_test(value_of_waiting), cmocka_unit_test(bias_of_the_night),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
