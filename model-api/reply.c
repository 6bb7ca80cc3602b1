#include "model-api/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_SIZE = 16384 };

void reply_init(struct reply *reply, size_t max_size)
{
	memset(reply, 0, sizeof(*reply));
	text_init(&reply->body, max_size);
	reply_clear(reply);
}

void reply_release(struct reply *reply)
{
	text_release(&reply->body);
}

void reply_clear(struct reply *reply)
{
	size_t max_size = reply->body.max_size;

	if (reply->body.capacity > KEPT_SIZE) {
		text_release(&reply->body);
		text_init(&reply->body, max_size);
	}
	text_clear(&reply->body);
	reply->status = 200;
	reply->type = "application/json";
	reply->allow = NULL;
	reply->asks_token = false;
	reply->ticket = (struct ticket){0};
}

/* Length of the UTF-8 sequence that starts here, 0 when there is none. */
static size_t utf8_length(const unsigned char *c)
{
	size_t length = c[0] < 0x80		      ? 1
			: c[0] >= 0xc2 && c[0] < 0xe0 ? 2
			: (c[0] & 0xf0) == 0xe0	      ? 3
			: c[0] >= 0xf0 && c[0] < 0xf5 ? 4
						      : 0;

	for (size_t i = 1; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than needed, a surrogate, above U+10FFFF. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] >= 0x90))
		return 0;
	return length;
}

void reply_clean_utf8(char *text)
{
	while (*text) {
		size_t length = utf8_length((const unsigned char *)text);

		if (length == 0) {
			*text = '?';
			length = 1;
		}
		text += length;
	}
}

void reply_error(struct reply *reply, int status, const char *format, ...)
{
	char message[1100];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	reply_clean_utf8(message);
	reply_clear(reply);
	reply->status = status;
	text_puts(&reply->body, "{\"error\":\"");
	text_json_escape(&reply->body, message);
	text_puts(&reply->body, "\"}\n");
}

void reply_json(struct reply *reply, int status, json_t *value)
{
	char *dump = json_dumps(value, JSON_COMPACT);

	reply_clear(reply);
	reply->status = status;
	if (!dump || !text_puts(&reply->body, dump) || !text_puts(&reply->body, "\n"))
		reply_error(reply, 500, "could not write the answer");
	free(dump);
	json_decref(value);
}
