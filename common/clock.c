#include "common/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool simulated;
static double simulated_s;

void clock_simulate(double unix_s)
{
	simulated = true;
	simulated_s = unix_s;
}

bool clock_is_simulated(void)
{
	return simulated;
}

static double read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double clock_now_s(void)
{
	return simulated ? simulated_s : read_clock(CLOCK_REALTIME);
}

double clock_monotonic_s(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Takes exactly `digits` digits. */
static bool take_number(const char **text, int digits, int low, int high, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return *number >= low && *number <= high;
}

static bool take_char(const char **text, const char *allowed)
{
	if (**text == '\0' || !strchr(allowed, **text))
		return false;
	(*text)++;
	return true;
}

static bool take_fraction(const char **text, double *fraction)
{
	double scale = 0.1;

	*fraction = 0;
	if (!take_char(text, "."))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, scale /= 10)
		*fraction += (**text - '0') * scale;
	return true;
}

static bool take_zone(const char **text, int *offset_s)
{
	int sign, hours, minutes;

	*offset_s = 0;
	if (take_char(text, "Zz"))
		return true;
	if (**text != '+' && **text != '-')
		return false;
	sign = *(*text)++ == '-' ? -1 : 1;
	if (!take_number(text, 2, 0, 23, &hours))
		return false;
	take_char(text, ":");
	if (!take_number(text, 2, 0, 59, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool clock_parse(const char *text, double *unix_s)
{
	struct tm parts = {0}, check;
	int year, month, second = 0, offset_s = 0;
	double fraction = 0;
	time_t seconds;

	if (!take_number(&text, 4, 1970, 9999, &year) || !take_char(&text, "-") ||
	    !take_number(&text, 2, 1, 12, &month) || !take_char(&text, "-") ||
	    !take_number(&text, 2, 1, 31, &parts.tm_mday))
		return false;
	if (*text) {
		if (!take_char(&text, "T ") || !take_number(&text, 2, 0, 23, &parts.tm_hour) ||
		    !take_char(&text, ":") || !take_number(&text, 2, 0, 59, &parts.tm_min))
			return false;
		/* A leap second (:60) counts as the first second of the next minute. */
		if (take_char(&text, ":") &&
		    (!take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &fraction)))
			return false;
		if (!take_zone(&text, &offset_s) || *text)
			return false;
	}
	parts.tm_year = year - 1900;
	parts.tm_mon = month - 1;
	check = parts; /* timegm() makes 1 March of 30 February, in its argument too */
	seconds = timegm(&check);
	if (check.tm_mday != parts.tm_mday)
		return false;
	*unix_s = (double)(seconds + second - offset_s) + fraction;
	return true;
}

const char *clock_format(double unix_s, char text[CLOCK_TEXT_SIZE])
{
	double whole = floor(unix_s);
	long milliseconds = lround((unix_s - whole) * 1000);
	time_t seconds = (time_t)whole + milliseconds / 1000;
	struct tm parts;
	size_t used;

	milliseconds %= 1000;
	gmtime_r(&seconds, &parts);
	used = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	if (milliseconds)
		snprintf(text + used, CLOCK_TEXT_SIZE - used, ".%03ldZ", milliseconds);
	else
		snprintf(text + used, CLOCK_TEXT_SIZE - used, "Z");
	return text;
}
