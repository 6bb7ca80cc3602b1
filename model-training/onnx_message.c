#include "model-training/onnx_message.h"

#include <string.h>

#include "model-training/protobuf.h"

enum value_field { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_OF_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE = 2 };
enum shape_field { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_NAME = 2 };

struct text onnx_message(const struct onnx_writer *writer)
{
	struct text text;

	text_init(&text, writer->max_size);
	return text;
}

struct text onnx_attribute(const struct onnx_writer *writer, const char *name, enum attribute_type type)
{
	struct text text = onnx_message(writer);

	protobuf_string(&text, ATTRIBUTE_NAME, name);
	protobuf_int(&text, ATTRIBUTE_TYPE, type);
	return text;
}

void onnx_int(const struct onnx_writer *writer, struct text *node, const char *name, int64_t value)
{
	struct text text = onnx_attribute(writer, name, TYPE_INT);

	protobuf_int(&text, ATTRIBUTE_INT, value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

void onnx_string(const struct onnx_writer *writer, struct text *node, const char *name, const char *value)
{
	struct text text = onnx_attribute(writer, name, TYPE_STRING);

	protobuf_string(&text, ATTRIBUTE_STRING, value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

void onnx_strings(const struct onnx_writer *writer, struct text *node, const char *name, char *const *values, int count)
{
	struct text text = onnx_attribute(writer, name, TYPE_STRINGS);

	for (int i = 0; i < count; i++)
		protobuf_string(&text, ATTRIBUTE_STRINGS, values[i]);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

void onnx_ints(const struct onnx_writer *writer, struct text *node, const char *name, struct text *ints)
{
	struct text text = onnx_attribute(writer, name, TYPE_INTS);

	protobuf_take(&text, ATTRIBUTE_INTS, ints);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

struct text onnx_tensor(const struct onnx_writer *writer, const char *name, enum element element, int64_t count,
			struct text *raw)
{
	struct text text = onnx_message(writer);

	if (count > 0)
		protobuf_int(&text, TENSOR_DIM, count);
	protobuf_int(&text, TENSOR_ELEMENT, element);
	protobuf_string(&text, TENSOR_NAME, name);
	protobuf_take(&text, TENSOR_RAW, raw);
	return text;
}

void onnx_doubles(const struct onnx_writer *writer, struct text *node, const char *name, struct text *doubles)
{
	struct text text = onnx_attribute(writer, name, TYPE_TENSOR), value;

	value = onnx_tensor(writer, name, DOUBLE, (int64_t)(doubles->size / sizeof(double)), doubles);
	protobuf_take(&text, ATTRIBUTE_TENSOR, &value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

void onnx_little_endian(struct text *out, uint64_t bits, size_t size)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(bits >> 8 * i);
	text_add(out, bytes, size);
}

void onnx_double(struct text *out, double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	onnx_little_endian(out, bits, sizeof(bits));
}

struct text onnx_node(const struct onnx_writer *writer, const char *name, const char *domain)
{
	struct text node = onnx_message(writer);

	protobuf_string(&node, NODE_OPERATOR, name);
	protobuf_string(&node, NODE_DOMAIN, domain);
	return node;
}

void onnx_value(const struct onnx_writer *writer, enum graph_field field, const char *name, enum element element,
		int64_t columns)
{
	struct text value = onnx_message(writer), type = onnx_message(writer), of_tensor = onnx_message(writer),
		    shape = onnx_message(writer);
	struct text rows = onnx_message(writer), width = onnx_message(writer);

	protobuf_string(&rows, DIM_NAME, "rows");
	protobuf_take(&shape, SHAPE_DIM, &rows);
	if (columns > 0) {
		protobuf_int(&width, DIM_VALUE, columns);
		protobuf_bytes(&shape, SHAPE_DIM, width.data, width.size);
	}
	text_release(&width);
	protobuf_int(&of_tensor, TENSOR_TYPE_ELEMENT, element);
	protobuf_take(&of_tensor, TENSOR_TYPE_SHAPE, &shape);
	protobuf_take(&type, TYPE_OF_TENSOR, &of_tensor);
	protobuf_string(&value, VALUE_NAME, name);
	protobuf_take(&value, VALUE_TYPE, &type);
	protobuf_take(writer->graph, (int)field, &value);
}
