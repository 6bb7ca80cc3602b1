#include "common/output.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool output_write(struct fail *fail, const char *name, const char *format, ...)
{
	const char *folder = getenv("OUTPUT_DIR");
	char path[PATH_MAX];
	va_list arguments;
	bool failed;
	FILE *file;

	if (!folder || !*folder)
		return true;
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return fail_set(fail, EXIT_WRONG_USE, "environment variable OUTPUT_DIR is too long");
	file = fopen(path, "we");
	if (!file)
		return fail_set(fail, EXIT_FAILED, "could not write output \"%s\": %s", path, strerror(errno));
	va_start(arguments, format);
	failed = vfprintf(file, format, arguments) < 0;
	va_end(arguments);
	failed = fclose(file) != 0 || failed;
	return !failed || fail_set(fail, EXIT_FAILED, "could not write output \"%s\": %s", path, strerror(errno));
}

static bool progress_shown;

void output_progress(int64_t done, int64_t total)
{
	const char *path = getenv("ARGO_PROGRESS_FILE");
	FILE *file;

	if (path && *path) {
		if ((file = fopen(path, "we")) != NULL) {
			fprintf(file, "%lld/%lld", (long long)done, (long long)total);
			fclose(file);
		}
	} else if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r%lld/%lld", (long long)done, (long long)total);
		progress_shown = true;
	}
}

void output_progress_end(void)
{
	if (progress_shown)
		fprintf(stderr, "\r\033[K");
	progress_shown = false;
}
