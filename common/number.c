#include "common/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 64 }; /* longer texts are no number that anybody measured */

bool number_int64(const char *text, size_t size, int64_t *value)
{
	size_t at = size && (*text == '-' || *text == '+');
	bool negative = at && *text == '-';
	uint64_t number = 0, limit = negative ? (uint64_t)1 << 63 : INT64_MAX;

	if (at == size)
		return false;
	for (; at < size; at++) {
		unsigned digit = (unsigned)(unsigned char)text[at] - '0';

		if (digit > 9 || number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = negative ? (int64_t)(0 - number) : (int64_t)number;
	return true;
}

bool number_int32(const char *text, size_t size, int32_t *value)
{
	int64_t number;

	if (!number_int64(text, size, &number) || number < INT32_MIN || number > INT32_MAX)
		return false;
	*value = (int32_t)number;
	return true;
}

/* [+-]?(digits[.digits]|.digits)([eE][+-]?digits)? and nothing else; *zero: every digit before the exponent is 0. */
static bool is_decimal(const char *text, bool *zero)
{
	int digits = 0;

	*zero = true;
	if (*text == '-' || *text == '+')
		text++;
	for (; *text >= '0' && *text <= '9'; text++, digits++)
		*zero = *zero && *text == '0';
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, digits++)
			*zero = *zero && *text == '0';
	if (!digits)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		if (*text == '-' || *text == '+')
			text++;
		if (*text < '0' || *text > '9')
			return false;
		while (*text >= '0' && *text <= '9')
			text++;
	}
	return *text == '\0';
}

bool number_float32(const char *text, size_t size, float *value)
{
	char copy[MAX_NUMBER];
	bool zero;

	if (size >= sizeof(copy) || memchr(text, '\0', size))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (!is_decimal(copy, &zero))
		return false;
	*value = strtof(copy, NULL);
	return isfinite(*value) && (*value != 0 || zero);
}

bool number_double(const char *text, double *value)
{
	bool zero;

	if (strlen(text) >= MAX_NUMBER || !is_decimal(text, &zero))
		return false;
	*value = strtod(text, NULL);
	return isfinite(*value);
}
