#include "model-training/protobuf.h"

#include <string.h>

enum { NUMBER = 0, BYTES = 2 }; /* wire types */

void protobuf_varint(struct text *out, uint64_t number)
{
	unsigned char bytes[10];
	size_t size = 0;

	do
		bytes[size++] = (unsigned char)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
	while (number >>= 7);
	text_add(out, bytes, size);
}

static void tag(struct text *out, int field, int wire_type)
{
	protobuf_varint(out, (uint64_t)field << 3 | (uint64_t)wire_type);
}

void protobuf_int(struct text *out, int field, int64_t number)
{
	tag(out, field, NUMBER);
	protobuf_varint(out, (uint64_t)number);
}

void protobuf_bytes(struct text *out, int field, const void *bytes, size_t size)
{
	tag(out, field, BYTES);
	protobuf_varint(out, size);
	text_add(out, bytes, size);
}

void protobuf_string(struct text *out, int field, const char *string)
{
	protobuf_bytes(out, field, string, strlen(string));
}

void protobuf_take(struct text *out, int field, struct text *message)
{
	protobuf_bytes(out, field, message->data, message->size);
	out->overflow = out->overflow || message->overflow;
	text_release(message);
}
