#ifndef MODEL_TRAINING_ONNX_MESSAGE_H
#define MODEL_TRAINING_ONNX_MESSAGE_H

/*
 * The messages of onnx.proto that onnx.c writes: nodes with their attributes, tensors, inputs and outputs of the graph.
 * Texts that are returned are the caller's; a text that is given as the content of a message is released.
 *
 *	struct text node = onnx_node(&writer, "Cast", "");
 *	protobuf_string(&node, NODE_INPUT, "x");
 *	protobuf_string(&node, NODE_OUTPUT, "y");
 *	onnx_int(&writer, &node, "to", DOUBLE);
 *	protobuf_take(writer.graph, GRAPH_NODE, &node);
 */

#include <stdint.h>

#include "common/forest.h"
#include "common/text.h"

/* Numbers of fields and of element types, from onnx.proto. */
enum model_field { MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum opset_field { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum graph_field { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum node_field {
	NODE_INPUT = 1,
	NODE_OUTPUT = 2,
	NODE_NAME = 3,
	NODE_OPERATOR = 4,
	NODE_ATTRIBUTE = 5,
	NODE_DOMAIN = 7
};
enum attribute_field {
	ATTRIBUTE_NAME = 1,
	ATTRIBUTE_INT = 3,
	ATTRIBUTE_STRING = 4,
	ATTRIBUTE_TENSOR = 5,
	ATTRIBUTE_INTS = 8,
	ATTRIBUTE_STRINGS = 9,
	ATTRIBUTE_TYPE = 20,
};
enum attribute_type { TYPE_INT = 2, TYPE_STRING = 3, TYPE_TENSOR = 4, TYPE_INTS = 7, TYPE_STRINGS = 8 };
enum tensor_field { TENSOR_DIM = 1, TENSOR_ELEMENT = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum element { FLOAT = 1, INT64 = 7, STRING = 8, DOUBLE = 11 };

struct onnx_writer {
	const struct forest *forest;
	size_t max_size; /* of a message */
	struct text *graph;
};

/* Empty, of the writer's maximum. */
struct text onnx_message(const struct onnx_writer *writer);

/* Its inputs and outputs are for the caller to add. */
struct text onnx_node(const struct onnx_writer *writer, const char *name, const char *domain);

/* An attribute without its value, for protobuf_take(node, NODE_ATTRIBUTE, ...). */
struct text onnx_attribute(const struct onnx_writer *writer, const char *name, enum attribute_type type);

/* Attributes of a node. ints: packed numbers; doubles: little-endian ones (onnx_double()); both are released. */
void onnx_int(const struct onnx_writer *writer, struct text *node, const char *name, int64_t value);
void onnx_string(const struct onnx_writer *writer, struct text *node, const char *name, const char *value);
void onnx_strings(const struct onnx_writer *writer, struct text *node, const char *name, char *const *values,
		  int count);
void onnx_ints(const struct onnx_writer *writer, struct text *node, const char *name, struct text *ints);
void onnx_doubles(const struct onnx_writer *writer, struct text *node, const char *name, struct text *doubles);
void onnx_double(struct text *out, double number);

/* count 0: a scalar. raw is released. */
struct text onnx_tensor(const struct onnx_writer *writer, const char *name, enum element element, int64_t count,
			struct text *raw);
void onnx_little_endian(struct text *out, uint64_t bits, size_t size);

/* An input or output of the graph, of shape [rows, columns], or [rows] with columns 0. */
void onnx_value(const struct onnx_writer *writer, enum graph_field field, const char *name, enum element element,
		int64_t columns);

#endif
