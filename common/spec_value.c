/* Single values of a spec: each leaves its target alone when the key is absent. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/spec_internal.h"

bool spec_wrong(const struct spec_place *place, const char *key, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (!place->path[0] && !key[0])
		return fail_set(place->fail, EXIT_WRONG_USE, "spec \"%s\": %s", place->file, text);
	return fail_set(place->fail, EXIT_WRONG_USE, "spec \"%s\": %s%s%.80s: %s", place->file, place->path,
			place->path[0] && key[0] ? "." : "", key, text);
}

struct spec_place spec_inside(const struct spec_place *place, const char *key)
{
	struct spec_place inner = *place;

	snprintf(inner.path, sizeof(inner.path), "%.120s%s%.60s", place->path,
		 place->path[0] && key[0] != '[' ? "." : "", key);
	return inner;
}

const char *spec_kind_of(const json_t *value)
{
	static const char *const names[] = {"an object",     "an array", "a string", "an integer",
					    "a real number", "true",	 "false",    "null"};

	return value ? names[json_typeof(value)] : "nothing";
}

bool spec_known_keys(const struct spec_place *place, const json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return spec_wrong(place, "", "expected an object, found %s", spec_kind_of(object));
	json_object_foreach((json_t *)object, key, value)
	{
		const char *const *known = keys;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known)
			return spec_wrong(place, key, "unknown key");
	}
	return true;
}

bool spec_get_string(const struct spec_place *place, const json_t *object, const char *key, const char **string)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_string(value))
		return spec_wrong(place, key, "expected a string, found %s", spec_kind_of(value));
	if (strlen(json_string_value(value)) != json_string_length(value))
		return spec_wrong(place, key, "the string holds a NUL byte");
	*string = json_string_value(value);
	return true;
}

bool spec_need_string(const struct spec_place *place, const json_t *object, const char *key, const char **string)
{
	*string = NULL;
	if (!spec_get_string(place, object, key, string))
		return false;
	return *string || spec_wrong(place, key, "this key is mandatory");
}

bool spec_get_real(const struct spec_place *place, const json_t *object, const char *key, double low, double high,
		   double *number)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_number(value) || json_number_value(value) < low || json_number_value(value) > high)
		return spec_wrong(place, key, "expected a number from %g to %g", low, high);
	*number = json_number_value(value);
	return true;
}

bool spec_get_int(const struct spec_place *place, const json_t *object, const char *key, int64_t low, int64_t high,
		  int64_t *number)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < low || json_integer_value(value) > high)
		return spec_wrong(place, key, "expected a whole number from %lld to %lld", (long long)low,
				  (long long)high);
	*number = json_integer_value(value);
	return true;
}

bool spec_get_bool(const struct spec_place *place, const json_t *object, const char *key, bool *value)
{
	const json_t *given = json_object_get(object, key);

	if (given && !json_is_boolean(given))
		return spec_wrong(place, key, "expected true or false, found %s", spec_kind_of(given));
	if (given)
		*value = json_is_true(given);
	return true;
}

bool spec_get_int_or_word(const struct spec_place *place, const json_t *object, const char *key,
			  const char *const *words, int64_t high, int64_t *number)
{
	const json_t *value = json_object_get(object, key);

	for (int i = 0; json_is_string(value) && words[i]; i++)
		if (strcmp(json_string_value(value), words[i]) == 0) {
			*number = -i;
			return true;
		}
	if (value && (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > high))
		return spec_wrong(place, key, "expected \"%s\"%s%s%s or a whole number from 1 to %lld", words[0],
				  words[1] ? ", \"" : "", words[1] ? words[1] : "", words[1] ? "\"" : "",
				  (long long)high);
	if (value)
		*number = json_integer_value(value);
	return true;
}

bool spec_is_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > SPEC_MAX_NAME || name[0] < 'a' || name[0] > 'z' || name[size - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

bool spec_check_name(const struct spec_place *place, const char *key, const char *name)
{
	return spec_is_name(name) ||
	       spec_wrong(place, key,
			  "\"%s\" is no name: expected at most %d of a-z, 0-9 and -, a letter first, no - "
			  "at the end",
			  name, (int)SPEC_MAX_NAME);
}

/* Names that are ours or PostgreSQL's in the tables that hold the column. */
bool spec_check_column_name(const struct spec_place *place, const char *key, const char *name)
{
	static const char *const taken[] = {"_load_id", "_row", "_id",	"_label", "_holdout", "_count",
					    "tableoid", "xmin", "cmin", "xmax",	  "cmax",     "ctid"};
	size_t size = strlen(name);

	if (size == 0 || size > SPEC_MAX_COLUMN_NAME)
		return spec_wrong(place, key, "a column name has 1 to %d bytes, this one %zu",
				  (int)SPEC_MAX_COLUMN_NAME, size);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return spec_wrong(place, key, "the column name holds a control character");
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return spec_wrong(place, key, "column name \"%s\" is reserved: rename the column in the source",
					  name);
	return true;
}
