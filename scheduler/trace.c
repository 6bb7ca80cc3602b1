#include "scheduler/trace.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/carbon.h"

enum { MAX_FILE_SIZE = 64 << 20 };

static bool intensity(const char *text, double *value)
{
	return number_double(text, value) && *value >= 0 && *value <= CARBON_MAX_INTENSITY;
}

/* P<n>W, P<n>D, PT<n>H, PT<n>M. */
static bool parse_period(const char *text, double *period_s)
{
	static const struct {
		const char *before;
		char unit;
		double s;
	} forms[] = {{"PT", 'M', 60}, {"PT", 'H', 3600}, {"P", 'D', 86400}, {"P", 'W', 604800}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		size_t skip = strlen(forms[i].before);
		char *end;
		long count;

		if (strncmp(text, forms[i].before, skip) != 0 || !isdigit((unsigned char)text[skip]))
			continue;
		errno = 0;
		count = strtol(text + skip, &end, 10);
		if (errno || count < 1 || count > 1000000 || end[0] != forms[i].unit || end[1])
			continue;
		*period_s = (double)count * forms[i].s;
		return true;
	}
	return false;
}

static bool parse_values(char *values, double start_s, double period_s, struct carbon_point **points, size_t *count,
			 struct fail *fail)
{
	char *rest = values, *value;
	double number;

	while ((value = strsep(&rest, ",")) != NULL) {
		if (!intensity(value, &number))
			return fail_set(fail, EXIT_WRONG_USE,
					"carbon list: value %zu is \"%s\": expected a number of gCO2/kWh from 0 to %d",
					*count + 1, value, (int)CARBON_MAX_INTENSITY);
		*points = xreallocarray(*points, *count + 1, sizeof(**points));
		(*points)[*count] = (struct carbon_point){start_s + (double)*count * period_s, number};
		(*count)++;
	}
	return true;
}

bool trace_parse_list(const char *text, struct carbon_point **points, size_t *count, double *end_s, struct fail *fail)
{
	char *copy = xstrdup(text), *slash = strchr(copy, '/'), *colon = slash ? strchr(slash, ':') : NULL;
	double start_s = 0, period_s = 0;
	bool done = false;

	*points = NULL;
	*count = 0;
	if (colon)
		*slash = *colon = '\0';
	if (!colon || !clock_parse(copy, &start_s) || !parse_period(slash + 1, &period_s))
		fail_set(fail, EXIT_WRONG_USE,
			 "carbon list \"%s\" is not understood: expected list:START/PERIOD:V1,V2,... such as "
			 "list:2023-11-14T00:00:00Z/P1D:282,445 (periods P7D, P1D, PT1H, PT15M)",
			 text);
	else
		done = parse_values(colon + 1, start_s, period_s, points, count, fail);
	*end_s = start_s + (double)*count * period_s;
	free(copy);
	return done;
}

static bool parse_line(const char *file, size_t number, char *line, struct carbon_point **points, size_t *count,
		       struct fail *fail)
{
	char *comma = strchr(line, ',');
	struct carbon_point point;

	if (comma)
		*comma = '\0';
	if (!comma || !clock_parse(line, &point.start_s))
		return fail_set(fail, EXIT_BAD_DATA,
				"carbon trace \"%s\": line %zu begins with \"%.40s\": expected a time such as "
				"2023-11-14T00:00:00Z, a comma and a number",
				file, number, line);
	if (!intensity(comma + 1, &point.gco2_per_kwh))
		return fail_set(fail, EXIT_BAD_DATA,
				"carbon trace \"%s\": line %zu says \"%.40s\": expected gCO2/kWh from 0 to %d", file,
				number, comma + 1, (int)CARBON_MAX_INTENSITY);
	if (*count > 0 && point.start_s <= (*points)[*count - 1].start_s)
		return fail_set(fail, EXIT_BAD_DATA,
				"carbon trace \"%s\": line %zu: the time %s does not come after the one before it",
				file, number, line);
	if ((*count & (*count - 1)) == 0)
		*points = xreallocarray(*points, *count ? 2 * *count : 1, sizeof(**points));
	(*points)[(*count)++] = point;
	return true;
}

bool trace_parse_csv(const char *file, char *text, struct carbon_point **points, size_t *count, double *end_s,
		     struct fail *fail)
{
	static const char header[] = "start_utc,gco2_per_kwh";
	char *rest = text, *line;
	size_t number = 0;

	*points = NULL;
	*count = 0;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		number++;
		if (number == 1 && strcmp(line, header) != 0)
			return fail_set(fail, EXIT_BAD_DATA, "carbon trace \"%s\": line 1 is \"%.60s\": expected %s",
					file, line, header);
		if (number > 1 && *line && !parse_line(file, number, line, points, count, fail))
			return false;
	}
	if (*count < 2)
		return fail_set(fail, EXIT_BAD_DATA, "carbon trace \"%s\" has %zu values: at least 2 are needed", file,
				*count);
	*end_s = 2 * (*points)[*count - 1].start_s - (*points)[*count - 2].start_s;
	return true;
}

/* The time before the next comma, which becomes a NUL. */
static bool take_time(char **rest, double *time_s)
{
	char *text = strsep(rest, ",");

	return *rest && clock_parse(text, time_s);
}

bool trace_parse_forecast(const char *file, char *text, struct forecast_point **points, size_t *count,
			  struct fail *fail)
{
	static const char header[] = "issued_utc,start_utc,gco2_per_kwh";
	struct forecast_point point;
	char *rest = text, *line;

	*points = NULL;
	*count = 0;
	for (size_t number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
		line[strcspn(line, "\r")] = '\0';
		if (number == 1 && strcmp(line, header) != 0)
			return fail_set(fail, EXIT_BAD_DATA, "carbon forecast \"%s\": line 1 is \"%.60s\": expected %s",
					file, line, header);
		if (number == 1 || !*line)
			continue;
		if (!take_time(&line, &point.issued_s) || !take_time(&line, &point.start_s) ||
		    !intensity(line, &point.gco2_per_kwh))
			return fail_set(
			    fail, EXIT_BAD_DATA,
			    "carbon forecast \"%s\": line %zu: expected the time of issue, the time it is for "
			    "and gCO2/kWh from 0 to %d, as in 2023-11-13T18:00:00Z,2023-11-14T00:00:00Z,282",
			    file, number, (int)CARBON_MAX_INTENSITY);
		if ((*count & (*count - 1)) == 0)
			*points = xreallocarray(*points, *count ? 2 * *count : 1, sizeof(**points));
		(*points)[(*count)++] = point;
	}
	return *count > 0 || fail_set(fail, EXIT_BAD_DATA, "carbon forecast \"%s\" holds no value", file);
}

/* The file's real name, when it may be read. */
static bool find_file(const char *path, bool bounded, char real[PATH_MAX], struct fail *fail)
{
	const char *root = getenv("DATA_ROOT");
	char real_root[PATH_MAX];
	size_t size;

	if (!root || !*root)
		root = !bounded ? "/" : access("/data", R_OK | X_OK) == 0 ? "/data" : ".";
	if (!realpath(root, real_root))
		return fail_set(fail, EXIT_WRONG_USE, "could not find folder \"%s\" (DATA_ROOT): %s", root,
				strerror(errno));
	if (!realpath(path, real))
		return fail_set(fail, EXIT_WRONG_USE, "could not find carbon trace \"%s\": %s", path, strerror(errno));
	size = strlen(real_root);
	if (strncmp(real, real_root, size) != 0 || (real[size] != '/' && size > 1))
		return fail_set(fail, EXIT_WRONG_USE,
				"carbon trace \"%s\" is not below DATA_ROOT (\"%s\"): files elsewhere are not read",
				path, root);
	return true;
}

char *trace_read_text(const char *path, bool bounded, struct fail *fail)
{
	char real[PATH_MAX], *text = NULL;
	FILE *file = NULL;
	struct stat status;

	if (!find_file(path, bounded, real, fail))
		return NULL;
	file = fopen(real, "re");
	if (!file || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
		fail_set(fail, EXIT_WRONG_USE, "could not read carbon trace \"%s\": %s", path,
			 file ? "not a file" : strerror(errno));
		goto out;
	}
	if (status.st_size > MAX_FILE_SIZE) {
		fail_set(fail, EXIT_BAD_DATA, "carbon trace \"%s\" is larger than %d MiB", path, MAX_FILE_SIZE >> 20);
		goto out;
	}
	text = xcalloc((size_t)status.st_size + 1, 1);
	if (fread(text, 1, (size_t)status.st_size, file) != (size_t)status.st_size) {
		fail_set(fail, EXIT_WRONG_USE, "could not read carbon trace \"%s\": it ended early", path);
		free(text);
		text = NULL;
	}
out:
	if (file)
		fclose(file);
	return text;
}

bool trace_read_file(const char *path, struct carbon_point **points, size_t *count, double *end_s, struct fail *fail)
{
	char *text = trace_read_text(path, true, fail);
	bool done = false;

	*points = NULL;
	*count = 0;
	if (text)
		done = trace_parse_csv(path, text, points, count, end_s, fail);
	free(text);
	return done;
}
