#include "model-api/request.h"

#include <stdio.h>
#include <string.h>

#include "model-api/body.h"

enum { SHORT_NAME = 64 };

static const char *kind_of(const json_t *json)
{
	struct value value = value_of_json(json);

	return value_kind(&value);
}

/* ------------------------------------------------------------------ before parsing */

bool request_within_bounds(const char *body, size_t size, const struct request_limits *limits, struct fail *fail)
{
	size_t values = 1, most = limits->max_rows * (limits->max_columns + 1) + limits->max_others;
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		char c = body[i];

		if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			i += c == '\\';
		} else if (c == '[' || c == '{') {
			if (++depth > limits->max_depth)
				return fail_set(fail, EXIT_BAD_DATA, "the JSON is nested deeper than %d levels",
						limits->max_depth);
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
	memset(request, 0, sizeof(*request));
	if (size == 0)
		return fail_set(fail, EXIT_BAD_DATA, "the body is empty: send {\"row\": [...]}");
	if (!request_within_bounds(body, size, limits, fail))
		return false;
	request->root = body_json(body, size, fail);
	if (!request->root)
		return false;
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

/* ------------------------------------------------------------------ rows */

static bool unknown_column(const struct model *model, const struct encode_place *place, const json_t *row,
			   struct fail *fail)
{
	const char *key;
	char text[ENCODE_PLACE_SIZE];
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
	{
		if (model_feature(model, key) < 0)
			return fail_set(fail, EXIT_BAD_DATA, "%s: the model has no column \"%.*s\"",
					encode_place_text(place, text), (int)SHORT_NAME, key);
	}
	return true;
}

static bool encode_row(const struct model *model, const json_t *row, const struct encode_place *place,
		       struct encoded *encoded, struct fail *fail)
{
	int count = model->forest->feature_count;
	char text[ENCODE_PLACE_SIZE];

	if (!json_is_array(row) && !json_is_object(row))
		return fail_set(fail, EXIT_BAD_DATA, "%s must be an array or an object, found %s",
				encode_place_text(place, text), kind_of(row));
	if (json_is_array(row) && json_array_size(row) != (size_t)count)
		return fail_set(fail, EXIT_BAD_DATA, "%s has %zu values, the model of pipeline \"%s\" takes %d",
				encode_place_text(place, text), json_array_size(row), model->pipeline, count);
	for (int i = 0; i < count; i++) {
		const char *name = model->features[i].column.name;
		const json_t *json = json_is_array(row) ? json_array_get(row, (size_t)i) : json_object_get(row, name);
		struct value value;

		if (!json)
			return fail_set(fail, EXIT_BAD_DATA, "%s: column \"%s\" is missing",
					encode_place_text(place, text), name);
		value = value_of_json(json);
		if (!encode_value(model, i, place, &value, encoded, fail))
			return false;
	}
	/* Every column was found: what is more than that is unknown. */
	return json_is_array(row) || json_object_size(row) == (size_t)count || unknown_column(model, place, row, fail);
}

bool request_encode(const struct request *request, const struct model *model, struct encoded *encoded,
		    struct fail *fail)
{
	struct encode_place place = {.numbered = request->rows != NULL};
	bool good = true;

	encoded_make_room(encoded, request->row_count, model);
	if (request->row)
		good = encode_row(model, request->row, &place, encoded, fail);
	for (; request->rows && good && place.row < request->row_count; place.row++)
		good = encode_row(model, json_array_get(request->rows, place.row), &place, encoded, fail);
	return good;
}
