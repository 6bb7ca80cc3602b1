#ifndef MODEL_TRAINING_BYTES_H
#define MODEL_TRAINING_BYTES_H

/*
 * Little-endian numbers and strings of the two formats this program writes (docs/MODEL_FORMAT.md, dataset.h). Writing
 * appends to a struct text, whose maximum bounds it; reading never goes past the end: the first impossible read sets
 * `bad`, later ones answer zero, and checking once at the end is enough.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

void bytes_u8(struct text *out, uint8_t value);
void bytes_u16(struct text *out, uint16_t value);
void bytes_u32(struct text *out, uint32_t value);
void bytes_u64(struct text *out, uint64_t value);
void bytes_string(struct text *out, const char *string); /* u16 length, then the bytes; at most 65,535 */

struct bytes_reader {
	const unsigned char *at;
	size_t left;
	bool bad;
};

uint8_t bytes_take_u8(struct bytes_reader *reader);
uint16_t bytes_take_u16(struct bytes_reader *reader);
uint32_t bytes_take_u32(struct bytes_reader *reader);
uint64_t bytes_take_u64(struct bytes_reader *reader);
char *bytes_take_string(struct bytes_reader *reader); /* free(); "" when bad or when it holds a NUL (then bad) */
/* A count of things that need at least `each` bytes: never more than the bytes left could hold. */
uint32_t bytes_take_count(struct bytes_reader *reader, size_t each);

#endif
