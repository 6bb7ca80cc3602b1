#include "model-api/encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

/* Where a value stands, for messages. */
struct cell {
	const struct model *model;
	int feature;
	const struct encode_place *place;
};

/* ------------------------------------------------------------------ messages */

const char *value_kind(const struct value *value)
{
	static const char *const names[] = {
	    [VALUE_NULL] = "null",	 [VALUE_TRUTH] = "a truth value", [VALUE_INTEGER] = "a number",
	    [VALUE_REAL] = "a number",	 [VALUE_TEXT] = "a string",	  [VALUE_ARRAY] = "an array",
	    [VALUE_OBJECT] = "an object"};

	return names[value->kind];
}

static const char *name_of(const struct cell *cell)
{
	return cell->model->features[cell->feature].column.name;
}

const char *encode_place_text(const struct encode_place *place, char text[ENCODE_PLACE_SIZE])
{
	if (place->numbered)
		snprintf(text, ENCODE_PLACE_SIZE, "rows[%zu]", place->row);
	else
		snprintf(text, ENCODE_PLACE_SIZE, "row");
	return text;
}

static bool wrong(const struct cell *cell, struct fail *fail, const char *expected, const struct value *found)
{
	bool is_number = found->kind == VALUE_INTEGER || found->kind == VALUE_REAL;
	char number[32], place[ENCODE_PLACE_SIZE];

	snprintf(number, sizeof(number), "%.12g", found->kind == VALUE_INTEGER ? (double)found->integer : found->real);
	return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" must be %s, found %s",
			encode_place_text(cell->place, place), name_of(cell), expected,
			is_number ? number : value_kind(found));
}

static bool no_value(const struct cell *cell, struct encoded *encoded, struct fail *fail, const char *why)
{
	char place[ENCODE_PLACE_SIZE];

	encoded->missing = true;
	return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" has no value: %s, and the model needs one",
			encode_place_text(cell->place, place), name_of(cell), why);
}

/* ------------------------------------------------------------------ values */

static bool check_missing_key(const struct cell *cell, struct encoded *encoded, int32_t key, struct fail *fail)
{
	const struct model_feature *feature = &cell->model->features[cell->feature];

	for (int i = 0; i < feature->missing_key_count; i++)
		if (feature->missing_keys[i] == key)
			return no_value(cell, encoded, fail, "the number stands for a missing one");
	return true;
}

static bool encode_integer(const struct cell *cell, const struct value *value, struct encoded *encoded, int32_t *key,
			   struct fail *fail)
{
	double number = value->kind == VALUE_INTEGER ? (double)value->integer : value->real;

	if ((value->kind != VALUE_INTEGER && value->kind != VALUE_REAL) || number != floor(number))
		return wrong(cell, fail, "an integer", value);
	if (number < INT32_MIN || number > INT32_MAX)
		return wrong(cell, fail, "an integer of 32 bits", value);
	*key = (int32_t)number;
	return check_missing_key(cell, encoded, *key, fail);
}

static bool encode_real(const struct cell *cell, const struct value *value, struct encoded *encoded, int32_t *key,
			struct fail *fail)
{
	float real = value->kind == VALUE_INTEGER ? (float)value->integer : (float)value->real;
	bool is_zero = value->kind == VALUE_INTEGER ? value->integer == 0 : value->real == 0;

	if (value->kind != VALUE_INTEGER && value->kind != VALUE_REAL)
		return wrong(cell, fail, "a number", value);
	if (!isfinite(real) || (real == 0 && !is_zero))
		return wrong(cell, fail, "a number that fits into a float of 32 bits", value);
	*key = forest_real_key(real);
	return check_missing_key(cell, encoded, *key, fail);
}

static void note_unseen(struct encoded *encoded, size_t row, int feature)
{
	if (encoded->unseen_count == encoded->unseen_room) {
		encoded->unseen_room = encoded->unseen_room ? encoded->unseen_room * 2 : 8;
		encoded->unseen = xreallocarray(encoded->unseen, encoded->unseen_room, sizeof(*encoded->unseen));
	}
	encoded->unseen[encoded->unseen_count++] = (struct unseen){row, feature};
}

/* Texts; an integer stands for its decimal text, as it would in a file. */
static bool encode_category(const struct cell *cell, const struct value *value, struct encoded *encoded, int32_t *key,
			    struct fail *fail)
{
	const char *text = value->text;
	size_t size = value->size;
	char digits[24];

	if (value->kind == VALUE_INTEGER) {
		size = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)value->integer);
		text = digits;
	} else if (value->kind != VALUE_TEXT) {
		return wrong(cell, fail, "a text", value);
	}
	if (spec_is_missing(&cell->model->features[cell->feature].column, text, size))
		return no_value(cell, encoded, fail, size ? "the text stands for a missing one" : "the text is empty");
	if (forest_encode(cell->model->forest, cell->feature, text, size, key) == FOREST_UNSEEN)
		note_unseen(encoded, cell->place->row, cell->feature);
	return true;
}

bool encode_value(const struct model *model, int feature, const struct encode_place *place, const struct value *value,
		  struct encoded *encoded, struct fail *fail)
{
	struct cell cell = {.model = model, .feature = feature, .place = place};
	int32_t *key = encoded->keys + place->row * (size_t)model->forest->feature_count + feature;

	if (value->kind == VALUE_NULL)
		return no_value(&cell, encoded, fail, "it is null");
	switch (model->features[feature].column.type) {
	case COLUMN_INTEGER:
		return encode_integer(&cell, value, encoded, key, fail);
	case COLUMN_REAL:
		return encode_real(&cell, value, encoded, key, fail);
	case COLUMN_CATEGORY:
		break;
	}
	return encode_category(&cell, value, encoded, key, fail);
}

/* ------------------------------------------------------------------ of JSON */

struct value value_of_json(const json_t *json)
{
	struct value value = {.kind = VALUE_NULL};

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		value.kind = VALUE_OBJECT;
		break;
	case JSON_ARRAY:
		value.kind = VALUE_ARRAY;
		break;
	case JSON_STRING:
		value = (struct value){VALUE_TEXT, 0, 0, json_string_value(json), json_string_length(json)};
		break;
	case JSON_INTEGER:
		value = (struct value){VALUE_INTEGER, json_integer_value(json), 0, NULL, 0};
		break;
	case JSON_REAL:
		value = (struct value){VALUE_REAL, 0, json_real_value(json), NULL, 0};
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		value = (struct value){VALUE_TRUTH, json_is_true(json), 0, NULL, 0};
		break;
	case JSON_NULL:
		break;
	}
	return value;
}

/* ------------------------------------------------------------------ storage */

void encoded_make_room(struct encoded *encoded, size_t rows, const struct model *model)
{
	size_t needed = rows * (size_t)model->forest->feature_count;

	encoded->keys = needed <= ENCODED_FEW ? encoded->few : xreallocarray(NULL, needed, sizeof(*encoded->keys));
	encoded->unseen = NULL;
	encoded->unseen_count = encoded->unseen_room = 0;
	encoded->missing = false;
}

void encoded_release(struct encoded *encoded)
{
	if (encoded->keys != encoded->few)
		free(encoded->keys);
	free(encoded->unseen);
	encoded->keys = NULL;
	encoded->unseen = NULL;
	encoded->unseen_count = encoded->unseen_room = 0;
}
