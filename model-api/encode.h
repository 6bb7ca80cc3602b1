#ifndef MODEL_API_ENCODE_H
#define MODEL_API_ENCODE_H

/*
 * Values as a client sends them, whatever the protocol, into the keys of a model: the rules of docs/API.md, "values
 * must be what the feature's type says".
 *
 *	struct encoded encoded = {0};
 *	encoded_make_room(&encoded, rows, model);
 *	for each row and feature:
 *		encode_value(model, feature, &place, &value, &encoded, &fail)
 *	encoded_release(&encoded);
 *
 * Pure: no network, no database, no clock. Errors are EXIT_BAD_DATA and meant for the client.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "model-api/model.h"

enum value_kind { VALUE_NULL, VALUE_TRUTH, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT, VALUE_ARRAY, VALUE_OBJECT };

struct value {
	enum value_kind kind;
	int64_t integer;
	double real;
	const char *text; /* not NUL-terminated */
	size_t size;
};

const char *value_kind(const struct value *value); /* for messages: "a number" */
struct value value_of_json(const json_t *json);	   /* texts stay the JSON value's */

/* A text that the model's training did not know. */
struct unseen {
	size_t row;
	int feature;
};

enum { ENCODED_FEW = 64 };

struct encoded {
	int32_t *keys;	       /* row-major */
	struct unseen *unseen; /* by row, then feature, in the order of encoding */
	size_t unseen_count;
	size_t unseen_room;
	bool missing; /* refused because a value is missing */
	int32_t few[ENCODED_FEW];
};

void encoded_make_room(struct encoded *encoded, size_t rows, const struct model *model);
void encoded_release(struct encoded *encoded); /* zeroed storage is fine */

struct encode_place {
	size_t row;
	bool numbered; /* "rows[3]" in messages, else "row" */
};

enum { ENCODE_PLACE_SIZE = 48 };
const char *encode_place_text(const struct encode_place *place, char text[ENCODE_PLACE_SIZE]);

bool encode_value(const struct model *model, int feature, const struct encode_place *place, const struct value *value,
		  struct encoded *encoded, struct fail *fail) MUST_USE;

#endif
