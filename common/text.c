#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { FIRST_CAPACITY = 64 };

void text_init(struct text *text, size_t max_size)
{
	text->capacity = FIRST_CAPACITY;
	text->data = xmalloc(text->capacity);
	text->data[0] = '\0';
	text->size = 0;
	text->max_size = max_size;
	text->overflow = false;
}

void text_release(struct text *text)
{
	free(text->data);
	text->data = NULL;
	text->size = text->capacity = 0;
}

void text_clear(struct text *text)
{
	text->size = 0;
	text->data[0] = '\0';
	text->overflow = false;
}

static bool make_room(struct text *text, size_t size)
{
	size_t needed;

	if (size > text->max_size || text->size > text->max_size - size) {
		text->overflow = true;
		return false;
	}
	needed = text->size + size + 1;
	if (needed > text->capacity) {
		size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;

		while (capacity < needed)
			capacity *= 2;
		text->data = xreallocarray(text->data, capacity, 1);
		text->capacity = capacity;
	}
	return true;
}

bool text_add(struct text *text, const void *data, size_t size)
{
	if (!make_room(text, size))
		return false;
	if (size)
		memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
	return true;
}

bool text_puts(struct text *text, const char *string)
{
	return text_add(text, string, strlen(string));
}

bool text_printf(struct text *text, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (size < 0)
		text->overflow = true;
	if (size < 0 || !make_room(text, (size_t)size))
		return false;
	va_start(arguments, format);
	vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
	va_end(arguments);
	text->size += (size_t)size;
	return true;
}

bool text_json_escape(struct text *text, const char *string)
{
	bool fits = true;

	/* It ends at the first character that does not fit: a later, shorter one would leave a hole. */
	for (const char *c = string; fits && *c; c++) {
		if (*c == '"' || *c == '\\')
			fits = text_printf(text, "\\%c", *c);
		else if (*c == '\n')
			fits = text_puts(text, "\\n");
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			fits = text_printf(text, "\\u%04x", (unsigned char)*c);
		else
			fits = text_add(text, c, 1);
	}
	return fits;
}

/* Bytes of the character at c, 0 when it is none. */
static int utf8_size(const unsigned char *c)
{
	int size = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;

	for (int i = 1; i < size; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Longer forms than needed, surrogates, above U+10FFFF. */
	if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
	    (*c == 0xf4 && c[1] > 0x8f))
		return 0;
	return size;
}

void text_make_utf8(char *string)
{
	while (*string) {
		int size = utf8_size((unsigned char *)string);

		if (!size)
			*string = '?';
		string += size ? size : 1;
	}
}

char *text_take(struct text *text)
{
	char *data = text->data;

	text_init(text, text->max_size);
	return data;
}
