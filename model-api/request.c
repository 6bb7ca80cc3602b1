#include "model-api/request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { MAX_DEPTH = 3, OTHER_VALUES = 8, SHORT_NAME = 64 };

static const char *kind_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a truth value";
	case JSON_NULL:
		break;
	}
	return "null";
}

/* ------------------------------------------------------------------ before parsing */

/* Depth and number of values, as far as brackets and commas tell; what is no JSON at all the parser finds. */
static bool within_bounds(const char *body, size_t size, const struct request_limits *limits, struct fail *fail)
{
	size_t values = 1, most = limits->max_rows * (limits->max_columns + 1) + OTHER_VALUES;
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		char c = body[i];

		if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			i += c == '\\';
		} else if (c == '[' || c == '{') {
			if (++depth > MAX_DEPTH)
				return fail_set(fail, EXIT_BAD_DATA, "the JSON is nested deeper than %d levels",
						(int)MAX_DEPTH);
		} else if (c == ']' || c == '}') {
			depth--;
		} else if (c == ',' && ++values > most) {
			return fail_set(fail, EXIT_BAD_DATA, "the request holds more values than %zu rows can have",
					limits->max_rows);
		}
	}
	return true;
}

/* ------------------------------------------------------------------ the outer object */

static bool take_name(struct request *request, const char *key, const json_t *value, struct fail *fail)
{
	const char *name = json_string_value(value);

	if (!name)
		return fail_set(fail, EXIT_BAD_DATA, "\"%s\" must be the name of a pipeline, found %s", key,
				kind_of(value));
	if (request->pipeline && strcmp(request->pipeline, name) != 0)
		return fail_set(fail, EXIT_BAD_DATA, "\"pipeline\" and \"model\" mean the same: give one of them");
	request->pipeline = name;
	return true;
}

static bool take_member(struct request *request, const char *key, const json_t *value, struct fail *fail)
{
	if (strcmp(key, "row") == 0) {
		request->row = value;
		return json_is_array(value) || json_is_object(value) ||
		       fail_set(fail, EXIT_BAD_DATA, "\"row\" must be an array or an object, found %s", kind_of(value));
	}
	if (strcmp(key, "rows") == 0) {
		request->rows = value;
		return json_is_array(value) ||
		       fail_set(fail, EXIT_BAD_DATA, "\"rows\" must be an array of rows, found %s", kind_of(value));
	}
	if (strcmp(key, "probabilities") == 0) {
		request->probabilities = json_is_true(value);
		return json_is_boolean(value) ||
		       fail_set(fail, EXIT_BAD_DATA, "\"probabilities\" must be true or false, found %s",
				kind_of(value));
	}
	if (strcmp(key, "pipeline") == 0 || strcmp(key, "model") == 0)
		return take_name(request, key, value, fail);
	return fail_set(fail, EXIT_BAD_DATA,
			"unknown key \"%.*s\": known are row, rows, pipeline, model, probabilities", (int)SHORT_NAME,
			key);
}

static bool take_members(struct request *request, const struct request_limits *limits, struct fail *fail)
{
	const char *key;
	json_t *value;

	if (!json_is_object(request->root))
		return fail_set(fail, EXIT_BAD_DATA, "the body must be a JSON object, found %s",
				kind_of(request->root));
	json_object_foreach(request->root, key, value)
	{
		if (!take_member(request, key, value, fail))
			return false;
	}
	if (!request->row == !request->rows)
		return fail_set(fail, EXIT_BAD_DATA,
				request->row ? "\"row\" and \"rows\" exclude each other: give one of them"
					     : "there is neither \"row\" nor \"rows\": give one of them");
	request->row_count = request->row ? 1 : json_array_size(request->rows);
	if (request->row_count > limits->max_rows)
		return fail_set(fail, EXIT_BAD_DATA, "\"rows\" holds %zu rows, at most %zu are answered at once",
				request->row_count, limits->max_rows);
	return true;
}

bool request_parse(const char *body, size_t size, const struct request_limits *limits, struct request *request,
		   struct fail *fail)
{
	json_error_t error;

	memset(request, 0, sizeof(*request));
	if (size == 0)
		return fail_set(fail, EXIT_BAD_DATA, "the body is empty: send {\"row\": [...]}");
	if (!within_bounds(body, size, limits, fail))
		return false;
	request->root = json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!request->root)
		return fail_set(fail, EXIT_BAD_DATA, "the body is no JSON: line %d, column %d: %s", error.line,
				error.column, error.text);
	if (take_members(request, limits, fail))
		return true;
	request_release(request);
	return false;
}

void request_release(struct request *request)
{
	json_decref(request->root);
	memset(request, 0, sizeof(*request));
}

/* ------------------------------------------------------------------ values */

/* Where a value stands, for messages: row 3 of "rows" and its column. */
struct cell {
	const struct model *model;
	int feature;
	char place[32];
};

static bool wrong(const struct cell *cell, struct fail *fail, const char *expected, const json_t *found)
{
	char number[32];

	snprintf(number, sizeof(number), "%.12g", json_number_value(found));
	return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" must be %s, found %s", cell->place,
			cell->model->features[cell->feature].column.name, expected,
			json_is_number(found) ? number : kind_of(found));
}

static bool no_value(const struct cell *cell, struct fail *fail, const char *why)
{
	return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" has no value: %s, and the model needs one", cell->place,
			cell->model->features[cell->feature].column.name, why);
}

static bool check_missing_key(const struct cell *cell, int32_t key, struct fail *fail)
{
	const struct model_feature *feature = &cell->model->features[cell->feature];

	for (int i = 0; i < feature->missing_key_count; i++)
		if (feature->missing_keys[i] == key)
			return no_value(cell, fail, "the number stands for a missing one");
	return true;
}

static bool encode_integer(const struct cell *cell, const json_t *value, int32_t *key, struct fail *fail)
{
	double number = json_number_value(value);

	if (!json_is_number(value) || number != floor(number))
		return wrong(cell, fail, "an integer", value);
	if (number < INT32_MIN || number > INT32_MAX)
		return wrong(cell, fail, "an integer of 32 bits", value);
	*key = (int32_t)number;
	return check_missing_key(cell, *key, fail);
}

static bool encode_real(const struct cell *cell, const json_t *value, int32_t *key, struct fail *fail)
{
	double number = json_number_value(value);
	float real = json_is_integer(value) ? (float)json_integer_value(value) : (float)number;

	if (!json_is_number(value))
		return wrong(cell, fail, "a number", value);
	if (!isfinite(real) || (real == 0 && number != 0))
		return wrong(cell, fail, "a number that fits into a float of 32 bits", value);
	*key = forest_real_key(real);
	return check_missing_key(cell, *key, fail);
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
static bool encode_category(const struct cell *cell, const json_t *value, size_t row, struct encoded *encoded,
			    int32_t *key, struct fail *fail)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	char digits[24];

	if (json_is_integer(value)) {
		size = (size_t)snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		text = digits;
	}
	if (!text)
		return wrong(cell, fail, "a text", value);
	if (spec_is_missing(&cell->model->features[cell->feature].column, text, size))
		return no_value(cell, fail, size ? "the text stands for a missing one" : "the text is empty");
	if (forest_encode(cell->model->forest, cell->feature, text, size, key) == FOREST_UNSEEN)
		note_unseen(encoded, row, cell->feature);
	return true;
}

static bool encode_value(const struct cell *cell, const json_t *value, size_t row, struct encoded *encoded,
			 int32_t *key, struct fail *fail)
{
	if (json_is_null(value))
		return no_value(cell, fail, "it is null");
	switch (cell->model->features[cell->feature].column.type) {
	case COLUMN_INTEGER:
		return encode_integer(cell, value, key, fail);
	case COLUMN_REAL:
		return encode_real(cell, value, key, fail);
	case COLUMN_CATEGORY:
		break;
	}
	return encode_category(cell, value, row, encoded, key, fail);
}

/* ------------------------------------------------------------------ rows */

static bool unknown_column(const struct cell *cell, const json_t *row, struct fail *fail)
{
	const struct model *model = cell->model;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
	{
		int i = 0;

		while (i < model->forest->feature_count && strcmp(model->features[i].column.name, key) != 0)
			i++;
		if (i == model->forest->feature_count)
			return fail_set(fail, EXIT_BAD_DATA, "%s: the model has no column \"%.*s\"", cell->place,
					(int)SHORT_NAME, key);
	}
	return true;
}

static bool encode_row(struct cell *cell, const json_t *row, size_t number, struct encoded *encoded, struct fail *fail)
{
	const struct model *model = cell->model;
	int count = model->forest->feature_count;
	int32_t *keys = encoded->keys + number * (size_t)count;

	if (!json_is_array(row) && !json_is_object(row))
		return fail_set(fail, EXIT_BAD_DATA, "%s must be an array or an object, found %s", cell->place,
				kind_of(row));
	if (json_is_array(row) && json_array_size(row) != (size_t)count)
		return fail_set(fail, EXIT_BAD_DATA, "%s has %zu values, the model of pipeline \"%s\" takes %d",
				cell->place, json_array_size(row), model->pipeline, count);
	for (cell->feature = 0; cell->feature < count; cell->feature++) {
		const char *name = model->features[cell->feature].column.name;
		const json_t *value =
		    json_is_array(row) ? json_array_get(row, (size_t)cell->feature) : json_object_get(row, name);

		if (!value)
			return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" is missing", cell->place, name);
		if (!encode_value(cell, value, number, encoded, &keys[cell->feature], fail))
			return false;
	}
	/* Every column was found: what is more than that is unknown. */
	return json_is_array(row) || json_object_size(row) == (size_t)count || unknown_column(cell, row, fail);
}

bool request_encode(const struct request *request, const struct model *model, struct encoded *encoded,
		    struct fail *fail)
{
	struct cell cell = {.model = model, .place = "row"};
	bool good = true;

	memset(encoded, 0, sizeof(*encoded));
	encoded->keys = xcalloc(request->row_count * (size_t)model->forest->feature_count, sizeof(*encoded->keys));
	if (request->row)
		good = encode_row(&cell, request->row, 0, encoded, fail);
	for (size_t i = 0; request->rows && good && i < request->row_count; i++) {
		snprintf(cell.place, sizeof(cell.place), "rows[%zu]", i);
		good = encode_row(&cell, json_array_get(request->rows, i), i, encoded, fail);
	}
	if (!good)
		encoded_release(encoded);
	return good;
}

void encoded_release(struct encoded *encoded)
{
	free(encoded->keys);
	free(encoded->unseen);
	memset(encoded, 0, sizeof(*encoded));
}
