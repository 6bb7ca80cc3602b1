/* Ids of logged predictions: UUIDs of version 7 (RFC 9562). The time in them finds their partition, the 74 random bits
 * make them nobody's guess. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model-api/journal.h"

void journal_make_id(int64_t now_ms, const unsigned char random[10], char id[JOURNAL_ID_SIZE])
{
	unsigned char bytes[16];
	char *out = id;

	for (int i = 0; i < 6; i++)
		bytes[i] = (unsigned char)((uint64_t)now_ms >> (40 - 8 * i));
	memcpy(bytes + 6, random, 10);
	bytes[6] = (bytes[6] & 0x0f) | 0x70;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out += snprintf(out, 3, "%02x", bytes[i]);
	}
}

bool journal_is_id(const char *text)
{
	if (strlen(text) != JOURNAL_ID_SIZE - 1)
		return false;
	for (int i = 0; i < JOURNAL_ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return text[14] == '7';
}

int64_t journal_id_ms(const char *id)
{
	char digits[13];

	memcpy(digits, id, 8);
	memcpy(digits + 8, id + 9, 4);
	digits[12] = '\0';
	return (int64_t)strtoull(digits, NULL, 16);
}
