#include "model-api/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum { SAFE_DIGITS = 18, MOST_DIGITS = 19, FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY };

/* A number of digits alone that does not fit into 64 bits. */
static bool is_too_long(const char *number, size_t size)
{
	size_t sign = *number == '-';
	char text[MOST_DIGITS + 2];

	if (size - sign <= SAFE_DIGITS)
		return false;
	for (size_t i = sign; i < size; i++)
		if (number[i] < '0' || number[i] > '9')
			return false;
	if (size - sign > MOST_DIGITS)
		return true;
	memcpy(text, number, size);
	text[size] = '\0';
	errno = 0;
	(void)strtoll(text, NULL, 10);
	return errno == ERANGE;
}

static size_t number_size(const char *at, const char *end)
{
	size_t size = 0;

	while (at + size < end && at[size] && strchr("+-.0123456789Ee", at[size]))
		size++;
	return size;
}

/* Copies the body with an exponent behind each integer that is too long, which makes it a real number and leaves all
 * others what they are: a category may be a number, too. */
static void widen(const char *body, size_t size, struct text *wide)
{
	const char *at = body, *end = body + size;
	bool in_string = false;

	while (at < end) {
		size_t step = in_string ? 0 : number_size(at, end);

		if (step == 0)
			step = in_string && *at == '\\' && at + 1 < end ? 2 : 1;
		if (*at == '"')
			in_string = !in_string;
		text_add(wide, at, step);
		if (!in_string && step > SAFE_DIGITS && is_too_long(at, step))
			text_puts(wide, "e0");
		at += step;
	}
}

json_t *body_json(const char *body, size_t size, struct fail *fail)
{
	json_error_t error;
	json_t *root = json_loadb(body, size, FLAGS, &error);

	if (!root && json_error_code(&error) == json_error_numeric_overflow) {
		struct text wide;

		text_init(&wide, size + size / SAFE_DIGITS * 2);
		widen(body, size, &wide);
		root = json_loadb(wide.data, wide.size, FLAGS, &error);
		text_release(&wide);
	}
	if (!root)
		fail_set(fail, EXIT_BAD_DATA, "the body is no JSON: line %d, column %d: %s", error.line, error.column,
			 error.text);
	return root;
}
