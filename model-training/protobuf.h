#ifndef MODEL_TRAINING_PROTOBUF_H
#define MODEL_TRAINING_PROTOBUF_H

/*
 * Writing protobuf messages (the encoding of protobuf.dev, "Encoding") into a text. Fields come in the order of the
 * calls. A message within another one is written to a text of its own first, then added with protobuf_take(), which
 * releases it.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

void protobuf_int(struct text *out, int field, int64_t number);
void protobuf_string(struct text *out, int field, const char *string);
void protobuf_bytes(struct text *out, int field, const void *bytes, size_t size);
void protobuf_take(struct text *out, int field, struct text *message);

/* A bare number, for the inside of a packed field. */
void protobuf_varint(struct text *out, uint64_t number);

#endif
