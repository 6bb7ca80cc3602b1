#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

/*
 * A growing byte string with a mandatory maximum: input from outside must never grow a buffer without bound.
 *
 *	struct text text;
 *	text_init(&text, 1 << 20);
 *	text_printf(&text, "{\"rows\":%ld}", rows);
 *	use(text.data, text.size);		always NUL-terminated, the NUL not counted in size
 *	text_release(&text);
 *
 * An append beyond max_size adds nothing, sets `overflow` and returns false; checking once at the end is enough.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

struct text {
	char *data; /* never NULL after text_init */
	size_t size;
	size_t capacity;
	size_t max_size;
	bool overflow;
};

void text_init(struct text *text, size_t max_size);
void text_release(struct text *text);
void text_clear(struct text *text); /* empty again, memory kept */
bool text_add(struct text *text, const void *data, size_t size);
bool text_puts(struct text *text, const char *string);
bool text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* Appends the string with JSON escapes, without the quotes around it; what does not fit any more is left out. Its bytes
 * are taken for UTF-8 as they are. */
bool text_json_escape(struct text *text, const char *string);
/* Bytes that are no UTF-8 become '?': a cut message must still be storable. */
void text_make_utf8(char *string);
/* The caller owns the returned memory (free()); text is empty afterwards, its `overflow` too: look at it before. */
char *text_take(struct text *text);

#endif
