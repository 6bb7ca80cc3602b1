#include "model-api/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { SHORT_NAME = 64 };

enum tensor_kind { KIND_BOOL, KIND_UNSIGNED, KIND_SIGNED, KIND_FLOAT, KIND_BYTES };

struct datatype {
	const char *name;
	enum tensor_kind kind;
	size_t size; /* in bytes; 0: each element says so */
};

static const struct datatype datatypes[] = {
    {"BOOL", KIND_BOOL, 1},	  {"UINT8", KIND_UNSIGNED, 1},	{"UINT16", KIND_UNSIGNED, 2},
    {"UINT32", KIND_UNSIGNED, 4}, {"UINT64", KIND_UNSIGNED, 8}, {"INT8", KIND_SIGNED, 1},
    {"INT16", KIND_SIGNED, 2},	  {"INT32", KIND_SIGNED, 4},	{"INT64", KIND_SIGNED, 8},
    {"FP16", KIND_FLOAT, 2},	  {"FP32", KIND_FLOAT, 4},	{"FP64", KIND_FLOAT, 8},
    {"BYTES", KIND_BYTES, 0},
};

/* ------------------------------------------------------------------ shape and datatype */

static bool wrong(const struct tensor *tensor, struct fail *fail, const char *what)
{
	return fail_set(fail, EXIT_BAD_DATA, "input \"%.*s\": %s", (int)SHORT_NAME, tensor->name, what);
}

static bool take_datatype(struct tensor *tensor, const char *name, struct fail *fail)
{
	for (size_t i = 0; name && i < sizeof(datatypes) / sizeof(*datatypes); i++)
		if (strcmp(datatypes[i].name, name) == 0)
			tensor->datatype = &datatypes[i];
	return tensor->datatype || wrong(tensor, fail,
					 "\"datatype\" must be one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, "
					 "INT16, INT32, INT64, FP16, FP32, FP64, BYTES");
}

static bool take_shape(struct tensor *tensor, const json_t *shape, size_t max_elements, struct fail *fail)
{
	size_t count = json_array_size(shape);

	if (!json_is_array(shape) || count == 0 || count > TENSOR_MAX_DIMENSIONS)
		return wrong(tensor, fail, "\"shape\" must be an array of one to four sizes");
	tensor->dimensions = (int)count;
	tensor->count = 1;
	for (size_t i = 0; i < count; i++) {
		const json_t *size = json_array_get(shape, i);

		if (!json_is_integer(size) || json_integer_value(size) < 0)
			return wrong(tensor, fail, "\"shape\" must hold integers that are not negative");
		tensor->shape[i] = (size_t)json_integer_value(size);
		if (tensor->shape[i] && tensor->count > max_elements / tensor->shape[i])
			return fail_set(fail, EXIT_BAD_DATA, "input \"%.*s\": its shape has more than %zu elements",
					(int)SHORT_NAME, tensor->name, max_elements);
		tensor->count *= tensor->shape[i];
	}
	return true;
}

/* ------------------------------------------------------------------ data in JSON */

static bool wrong_count(const struct tensor *tensor, size_t found, struct fail *fail)
{
	return fail_set(fail, EXIT_BAD_DATA, "input \"%.*s\": its shape has %zu elements, its data %zu",
			(int)SHORT_NAME, tensor->name, tensor->count, found);
}

/* Nested arrays of the shape's dimensions from `dimension` on; *at counts the elements. */
static bool take_nested(struct tensor *tensor, const json_t *data, int dimension, size_t *at, struct fail *fail)
{
	bool good = true;

	if (json_array_size(data) != tensor->shape[dimension] || !json_is_array(data))
		return wrong(tensor, fail, "its data are not nested as its shape says");
	for (size_t i = 0; good && i < tensor->shape[dimension]; i++) {
		const json_t *value = json_array_get(data, i);

		if (dimension + 1 < tensor->dimensions)
			good = take_nested(tensor, value, dimension + 1, at, fail);
		else
			tensor->values[(*at)++] = value;
	}
	return good;
}

static bool take_json(struct tensor *tensor, const json_t *data, struct fail *fail)
{
	size_t at = 0;

	if (!json_is_array(data))
		return wrong(tensor, fail, "\"data\" must be an array");
	tensor->values = xcalloc(tensor->count + 1, sizeof(*tensor->values));
	if (tensor->dimensions > 1 && json_is_array(json_array_get(data, 0)))
		return take_nested(tensor, data, 0, &at, fail);
	if (json_array_size(data) != tensor->count)
		return wrong_count(tensor, json_array_size(data), fail);
	for (size_t i = 0; i < tensor->count; i++)
		tensor->values[i] = json_array_get(data, i);
	return true;
}

/* ------------------------------------------------------------------ data in bytes */

static uint64_t little_endian(const char *bytes, size_t size)
{
	uint64_t value = 0;

	for (size_t i = size; i-- > 0;)
		value = value << 8 | (unsigned char)bytes[i];
	return value;
}

static bool take_texts(struct tensor *tensor, size_t size, struct fail *fail)
{
	size_t at = 0;

	tensor->texts = xcalloc(tensor->count + 1, sizeof(*tensor->texts));
	for (size_t i = 0; i < tensor->count; i++) {
		size_t length;

		if (size - at < 4)
			return wrong(tensor, fail, "its binary data end too early");
		length = little_endian(tensor->bytes + at, 4);
		at += 4;
		if (length > size - at)
			return wrong(tensor, fail, "its binary data end too early");
		tensor->texts[i] = (struct value){VALUE_TEXT, 0, 0, tensor->bytes + at, length};
		at += length;
	}
	return at == size || wrong(tensor, fail, "its binary data are longer than its shape says");
}

static bool take_binary(struct tensor *tensor, const json_t *size, struct binary *binary, struct fail *fail)
{
	size_t bytes = json_is_integer(size) && json_integer_value(size) >= 0 ? (size_t)json_integer_value(size) : 0;

	if (!json_is_integer(size) || json_integer_value(size) < 0 || bytes > binary->size)
		return wrong(tensor, fail, "\"binary_data_size\" is not what the body holds");
	tensor->bytes = binary->data;
	binary->data += bytes;
	binary->size -= bytes;
	if (tensor->datatype->size == 0)
		return take_texts(tensor, bytes, fail);
	return bytes == tensor->count * tensor->datatype->size ||
	       wrong_count(tensor, bytes / tensor->datatype->size, fail);
}

/* ------------------------------------------------------------------ the whole */

bool tensor_take(struct tensor *tensor, const json_t *json, struct binary *binary, size_t max_elements,
		 struct fail *fail)
{
	const json_t *size = json_object_get(json_object_get(json, "parameters"), "binary_data_size");
	const json_t *data = json_object_get(json, "data");

	memset(tensor, 0, sizeof(*tensor));
	tensor->name = json_string_value(json_object_get(json, "name"));
	if (!tensor->name)
		return fail_set(fail, EXIT_BAD_DATA, "every input must be an object with a \"name\"");
	if (!take_datatype(tensor, json_string_value(json_object_get(json, "datatype")), fail) ||
	    !take_shape(tensor, json_object_get(json, "shape"), max_elements, fail))
		return false;
	if (size && data)
		return wrong(tensor, fail, "\"data\" and \"binary_data_size\" exclude each other");
	return size ? take_binary(tensor, size, binary, fail) : take_json(tensor, data, fail);
}

void tensor_release(struct tensor *tensor)
{
	free(tensor->values);
	free(tensor->texts);
	memset(tensor, 0, sizeof(*tensor));
}

/* ------------------------------------------------------------------ values */

static bool is_in_range(const struct datatype *datatype, const struct value *value)
{
	int bits = (int)datatype->size * 8;

	if (value->kind != VALUE_INTEGER)
		return false;
	if (datatype->kind == KIND_UNSIGNED)
		return value->integer >= 0 && (bits == 64 || value->integer < INT64_C(1) << bits);
	return bits == 64 ||
	       (value->integer >= -(INT64_C(1) << (bits - 1)) && value->integer < INT64_C(1) << (bits - 1));
}

static bool fits(const struct datatype *datatype, const struct value *value)
{
	switch (datatype->kind) {
	case KIND_BOOL:
		return value->kind == VALUE_TRUTH;
	case KIND_UNSIGNED:
	case KIND_SIGNED:
		return is_in_range(datatype, value);
	case KIND_FLOAT:
		return value->kind == VALUE_INTEGER || value->kind == VALUE_REAL;
	case KIND_BYTES:
		break;
	}
	return value->kind == VALUE_TEXT;
}

static double float_of(const char *bytes, size_t size)
{
	uint64_t bits = little_endian(bytes, size);
	uint32_t low = (uint32_t)bits;
	double real;
	float single;

	if (size == 8) {
		memcpy(&real, &bits, sizeof(real));
		return real;
	}
	if (size == 4) {
		memcpy(&single, &low, sizeof(single));
		return (double)single;
	}
	/* FP16: sign, 5 bits of exponent, 10 of fraction. */
	real = (low >> 10 & 31) == 0	? ldexp(low & 1023, -24)
	       : (low >> 10 & 31) == 31 ? ((low & 1023) ? (double)NAN : (double)INFINITY)
					: ldexp((low & 1023) + 1024, (int)(low >> 10 & 31) - 25);
	return low >> 15 ? -real : real;
}

static bool binary_value(const struct tensor *tensor, size_t index, struct value *value, struct fail *fail)
{
	size_t size = tensor->datatype->size;
	const char *bytes = tensor->bytes + index * size;
	uint64_t bits = little_endian(bytes, size);
	int unused = 64 - 8 * (int)size;

	*value = (struct value){.kind = VALUE_INTEGER};
	switch (tensor->datatype->kind) {
	case KIND_BOOL:
		value->integer = bits != 0;
		return true;
	case KIND_UNSIGNED:
		if (bits > INT64_MAX)
			return wrong(tensor, fail, "a number is too large");
		value->integer = (int64_t)bits;
		return true;
	case KIND_SIGNED:
		value->integer = (int64_t)(bits << unused) >> unused;
		return true;
	case KIND_FLOAT:
	case KIND_BYTES:
		break;
	}
	value->kind = VALUE_REAL;
	value->real = float_of(bytes, size);
	return isfinite(value->real) || wrong(tensor, fail, "a number is not finite");
}

bool tensor_value(const struct tensor *tensor, size_t index, struct value *value, struct fail *fail)
{
	if (tensor->texts) {
		*value = tensor->texts[index];
		return true;
	}
	if (!tensor->values)
		return binary_value(tensor, index, value, fail);
	*value = value_of_json(tensor->values[index]);
	if (value->kind == VALUE_NULL || fits(tensor->datatype, value)) {
		/* A truth value counts as 0 or 1. */
		if (value->kind == VALUE_TRUTH)
			value->kind = VALUE_INTEGER;
		return true;
	}
	return fail_set(fail, EXIT_BAD_DATA, "input \"%.*s\": element %zu is no %s: %s", (int)SHORT_NAME, tensor->name,
			index, tensor->datatype->name, value_kind(value));
}
