#include "common/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

bool fail_set(struct fail *fail, enum exit_code code, const char *format, ...)
{
	va_list arguments;

	if (fail->code != EXIT_DONE)
		return false;
	fail->code = code;
	va_start(arguments, format);
	vsnprintf(fail->text, sizeof(fail->text), format, arguments);
	va_end(arguments);
	return false;
}

bool fail_prefix(struct fail *fail, const char *format, ...)
{
	char old[sizeof(fail->text)];
	va_list arguments;
	int used;

	memcpy(old, fail->text, sizeof(old));
	va_start(arguments, format);
	used = vsnprintf(fail->text, sizeof(fail->text), format, arguments);
	va_end(arguments);
	if (used >= 0 && (size_t)used + 2 < sizeof(fail->text)) {
		size_t room = sizeof(fail->text) - (size_t)used - 3, size = strnlen(old, room);

		memcpy(fail->text + used, ": ", 2);
		memcpy(fail->text + used + 2, old, size);
		fail->text[(size_t)used + 2 + size] = '\0';
	}
	return false;
}

void fail_clear(struct fail *fail)
{
	fail->code = EXIT_DONE;
	fail->text[0] = '\0';
}

int fail_exit(const struct fail *fail)
{
	log_error(fail->text, "exit_code", "%d", (int)fail->code, NULL);
	return fail->code;
}
