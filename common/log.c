#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

static const char *program_name = "green-ml";
static enum log_level threshold = LOG_LEVEL_INFO;
static const char *const level_names[] = {"error", "warning", "info", "debug"};

enum { MAX_VALUE = 2048, MAX_LINE = 16384 };

void log_init(const char *program)
{
	const char *wanted = getenv("LOG_LEVEL");

	program_name = program;
	if (!wanted || !*wanted)
		return;
	for (int level = 0; level <= LOG_LEVEL_DEBUG; level++)
		if (strcmp(wanted, level_names[level]) == 0) {
			threshold = (enum log_level)level;
			return;
		}
	log_warning("environment variable LOG_LEVEL is none of error, warning, info, debug: info is used", "LOG_LEVEL",
		    "%s", wanted, NULL);
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

const char *log_program(void)
{
	return program_name;
}

static void add_value(struct text *line, const char *value)
{
	bool plain = *value != '\0';

	for (const char *c = value; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 0x7f)
			plain = false;
	if (plain) {
		text_puts(line, value);
		return;
	}
	text_puts(line, "\"");
	text_json_escape(line, value);
	text_puts(line, "\"");
}

/* A pair that does not fit any more is left out as a whole: a line is never cut within quotes. */
static void add_pair(struct text *line, const char *key, const char *value)
{
	size_t before = line->size;

	if (line->overflow)
		return;
	text_printf(line, " %s=", key);
	add_value(line, value);
	if (line->overflow) {
		line->size = before;
		line->data[before] = '\0';
	}
}

/* One conversion of a triple; the format decides which type was passed. */
static void format_value(char *value, size_t size, const char *format, va_list *arguments)
{
	size_t length = strlen(format);
	char conversion = length ? format[length - 1] : '\0';
	bool is_size = length > 1 && format[length - 2] == 'z';
	int longs = 0;

	for (const char *c = format; *c; c++)
		longs += *c == 'l';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (conversion == 's')
		snprintf(value, size, format, va_arg(*arguments, const char *));
	else if (strchr("fge", conversion))
		snprintf(value, size, format, va_arg(*arguments, double));
	else if (is_size)
		snprintf(value, size, format, va_arg(*arguments, size_t));
	else if (longs == 2)
		snprintf(value, size, format, va_arg(*arguments, long long));
	else if (longs == 1)
		snprintf(value, size, format, va_arg(*arguments, long));
	else
		snprintf(value, size, format, va_arg(*arguments, int));
#pragma GCC diagnostic pop
}

void log_event(enum log_level level, const char *msg, ...)
{
	char now[CLOCK_TEXT_SIZE], value[MAX_VALUE];
	struct text line;
	va_list arguments;
	const char *key;

	if (level > threshold)
		return;
	text_init(&line, MAX_LINE);
	text_printf(&line, "time=%s level=%s program=%s", clock_format(clock_now_s(), now), level_names[level],
		    program_name);
	snprintf(value, sizeof(value), "%s", msg);
	add_pair(&line, "msg", value);
	va_start(arguments, msg);
	while ((key = va_arg(arguments, const char *)) != NULL) {
		const char *format = va_arg(arguments, const char *);

		format_value(value, sizeof(value), format, &arguments);
		add_pair(&line, key, value);
	}
	va_end(arguments);
	line.max_size++; /* the end of the line always fits */
	text_puts(&line, "\n");
	/* A full pipe or closed stderr must not change what the program does. */
	ssize_t ignored = write(STDERR_FILENO, line.data, line.size);

	(void)ignored;
	text_release(&line);
}
