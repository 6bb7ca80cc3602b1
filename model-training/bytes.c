#include "model-training/bytes.h"

#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

void bytes_u8(struct text *out, uint8_t value)
{
	text_add(out, &value, 1);
}

static void put(struct text *out, uint64_t value, int size)
{
	unsigned char bytes[8];

	for (int i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
	text_add(out, bytes, (size_t)size);
}

void bytes_u16(struct text *out, uint16_t value)
{
	put(out, value, 2);
}

void bytes_u32(struct text *out, uint32_t value)
{
	put(out, value, 4);
}

void bytes_u64(struct text *out, uint64_t value)
{
	put(out, value, 8);
}

void bytes_string(struct text *out, const char *string)
{
	size_t size = strlen(string);

	if (size > UINT16_MAX) {
		out->overflow = true;
		return;
	}
	bytes_u16(out, (uint16_t)size);
	text_add(out, string, size);
}

static uint64_t take(struct bytes_reader *reader, size_t size)
{
	uint64_t value = 0;

	if (reader->left < size) {
		reader->bad = true;
		reader->left = 0;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)reader->at[i] << 8 * i;
	reader->at += size;
	reader->left -= size;
	return value;
}

uint8_t bytes_take_u8(struct bytes_reader *reader)
{
	return (uint8_t)take(reader, 1);
}

uint16_t bytes_take_u16(struct bytes_reader *reader)
{
	return (uint16_t)take(reader, 2);
}

uint32_t bytes_take_u32(struct bytes_reader *reader)
{
	return (uint32_t)take(reader, 4);
}

uint64_t bytes_take_u64(struct bytes_reader *reader)
{
	return take(reader, 8);
}

char *bytes_take_string(struct bytes_reader *reader)
{
	size_t size = bytes_take_u16(reader);
	char *string;

	if (reader->left < size || memchr(reader->at, '\0', size)) {
		reader->bad = true;
		reader->left = size = 0;
	}
	string = xmalloc(size + 1);
	memcpy(string, reader->at, size);
	string[size] = '\0';
	reader->at += size;
	reader->left -= size;
	return string;
}

uint32_t bytes_take_count(struct bytes_reader *reader, size_t each)
{
	uint32_t count = bytes_take_u32(reader);

	if (each && count > reader->left / each) {
		reader->bad = true;
		reader->left = 0;
		return 0;
	}
	return count;
}
