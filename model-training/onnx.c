#include "model-training/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/version.h"
#include "common/xalloc.h"
#include "model-training/protobuf.h"

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
enum value_field { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_OF_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE = 2 };
enum shape_field { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_NAME = 2 };

enum { IR_VERSION = 8, OPSET = 17, ML_OPSET = 3 };
static const char ml_domain[] = "ai.onnx.ml";

struct writer {
	const struct forest *forest;
	size_t max_size;
	struct text *graph;
};

static struct text message(const struct writer *writer)
{
	struct text text;

	text_init(&text, writer->max_size);
	return text;
}

/* ------------------------------------------------------------------ attributes and nodes */

static struct text attribute(const struct writer *writer, const char *name, enum attribute_type type)
{
	struct text text = message(writer);

	protobuf_string(&text, ATTRIBUTE_NAME, name);
	protobuf_int(&text, ATTRIBUTE_TYPE, type);
	return text;
}

static void int_attribute(const struct writer *writer, struct text *node, const char *name, int64_t value)
{
	struct text text = attribute(writer, name, TYPE_INT);

	protobuf_int(&text, ATTRIBUTE_INT, value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

static void string_attribute(const struct writer *writer, struct text *node, const char *name, const char *value)
{
	struct text text = attribute(writer, name, TYPE_STRING);

	protobuf_string(&text, ATTRIBUTE_STRING, value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

static void strings_attribute(const struct writer *writer, struct text *node, const char *name, char *const *values,
			      int count)
{
	struct text text = attribute(writer, name, TYPE_STRINGS);

	for (int i = 0; i < count; i++)
		protobuf_string(&text, ATTRIBUTE_STRINGS, values[i]);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

/* ints: the packed numbers; released. */
static void ints_attribute(const struct writer *writer, struct text *node, const char *name, struct text *ints)
{
	struct text text = attribute(writer, name, TYPE_INTS);

	protobuf_take(&text, ATTRIBUTE_INTS, ints);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

static struct text tensor(const struct writer *writer, const char *name, enum element element, int64_t count,
			  struct text *raw)
{
	struct text text = message(writer);

	if (count > 0)
		protobuf_int(&text, TENSOR_DIM, count);
	protobuf_int(&text, TENSOR_ELEMENT, element);
	protobuf_string(&text, TENSOR_NAME, name);
	protobuf_take(&text, TENSOR_RAW, raw);
	return text;
}

/* doubles: little-endian numbers, released. */
static void doubles_attribute(const struct writer *writer, struct text *node, const char *name, struct text *doubles)
{
	struct text text = attribute(writer, name, TYPE_TENSOR), value;

	value = tensor(writer, name, DOUBLE, (int64_t)(doubles->size / sizeof(double)), doubles);
	protobuf_take(&text, ATTRIBUTE_TENSOR, &value);
	protobuf_take(node, NODE_ATTRIBUTE, &text);
}

static void little_endian(struct text *out, uint64_t bits, size_t size)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(bits >> 8 * i);
	text_add(out, bytes, size);
}

static void add_double(struct text *out, double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	little_endian(out, bits, sizeof(bits));
}

/* Its inputs and outputs are for the caller to add. */
static struct text new_node(const struct writer *writer, const char *name, const char *domain)
{
	struct text node = message(writer);

	protobuf_string(&node, NODE_OPERATOR, name);
	protobuf_string(&node, NODE_DOMAIN, domain);
	return node;
}

static void add_value(const struct writer *writer, enum graph_field field, const char *name, enum element element,
		      int64_t columns)
{
	struct text value = message(writer), type = message(writer), of_tensor = message(writer),
		    shape = message(writer);
	struct text rows = message(writer), width = message(writer);

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

/* ------------------------------------------------------------------ the features */

/* Texts to keys. */
static void add_label_encoder(struct writer *writer, const struct forest_feature *feature, const char *output)
{
	struct text node = new_node(writer, "LabelEncoder", ml_domain), keys = message(writer);

	protobuf_string(&node, NODE_INPUT, feature->name);
	protobuf_string(&node, NODE_OUTPUT, output);
	strings_attribute(writer, &node, "keys_strings", feature->categories, feature->category_count);
	for (int i = 0; i < feature->category_count; i++)
		protobuf_varint(&keys, (uint64_t)i);
	ints_attribute(writer, &node, "values_int64s", &keys);
	int_attribute(writer, &node, "default_int64", feature->frequent);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

static void add_cast(struct writer *writer, const char *input, const char *output)
{
	struct text node = new_node(writer, "Cast", "");

	protobuf_string(&node, NODE_INPUT, input);
	protobuf_string(&node, NODE_OUTPUT, output);
	int_attribute(writer, &node, "to", DOUBLE);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

/* One matrix of doubles, "green-ml/rows". */
static void add_features(struct writer *writer)
{
	static const enum element elements[] = {
	    [COLUMN_INTEGER] = INT64, [COLUMN_REAL] = FLOAT, [COLUMN_CATEGORY] = STRING};
	const struct forest *forest = writer->forest;
	struct text concat = new_node(writer, "Concat", "");

	for (int f = 0; f < forest->feature_count; f++) {
		const struct forest_feature *feature = &forest->features[f];
		char *key = xasprintf("green-ml/key/%d", f), *column = xasprintf("green-ml/column/%d", f);
		bool category = feature->type == COLUMN_CATEGORY;

		add_value(writer, GRAPH_INPUT, feature->name, elements[feature->type], 1);
		if (category)
			add_label_encoder(writer, feature, key);
		add_cast(writer, category ? key : feature->name, column);
		protobuf_string(&concat, NODE_INPUT, column);
		free(key);
		free(column);
	}
	protobuf_string(&concat, NODE_OUTPUT, "green-ml/rows");
	int_attribute(writer, &concat, "axis", 1);
	protobuf_take(writer->graph, GRAPH_NODE, &concat);
}

/* ------------------------------------------------------------------ the trees */

/* The attributes of TreeEnsembleClassifier, one entry per node; the last four, one per leaf and class. */
struct ensemble {
	struct text tree, node, feature, mode, value, yes, no;
	struct text leaf_tree, leaf_node, leaf_class, weight;
};

static double threshold_of(const struct forest *forest, const struct forest_node *node)
{
	return forest->features[node->feature].type == COLUMN_REAL ? (double)forest_key_real(node->threshold)
								   : (double)node->threshold;
}

static void add_weight(struct ensemble *ensemble, int tree, uint32_t node, int class, double weight)
{
	protobuf_varint(&ensemble->leaf_tree, (uint64_t)tree);
	protobuf_varint(&ensemble->leaf_node, node);
	protobuf_varint(&ensemble->leaf_class, (uint64_t) class);
	add_double(&ensemble->weight, weight);
}

static void add_leaf(struct ensemble *ensemble, const struct forest *forest, int tree, uint32_t node, uint32_t leaf)
{
	const uint32_t *shares = forest->distributions + (size_t)leaf * (size_t)forest->class_count;
	double unit = ldexp(1, -FOREST_SHARE_BITS);

	if (forest->class_count == 2) {
		unit = unit / forest->tree_count * (1 - ldexp(1, -45));
		add_weight(ensemble, tree, node, 1, shares[1] * unit);
		return;
	}
	for (int class = 0; class < forest->class_count; class ++)
		if (shares[class])
			add_weight(ensemble, tree, node, class, shares[class] * unit);
}

static void add_tree(struct ensemble *ensemble, const struct forest *forest, int tree)
{
	uint32_t root = forest->roots[tree];

	for (uint32_t i = 0; i < forest->roots[tree + 1] - root; i++) {
		const struct forest_node *node = &forest->nodes[root + i];
		bool leaf = node->feature == FOREST_LEAF;

		protobuf_varint(&ensemble->tree, (uint64_t)tree);
		protobuf_varint(&ensemble->node, i);
		protobuf_varint(&ensemble->feature, leaf ? 0 : node->feature);
		protobuf_varint(&ensemble->yes, leaf ? 0 : i + 1);
		protobuf_varint(&ensemble->no, leaf ? 0 : node->other - root);
		protobuf_string(&ensemble->mode, ATTRIBUTE_STRINGS, leaf ? "LEAF" : "BRANCH_LEQ");
		add_double(&ensemble->value, leaf ? 0 : threshold_of(forest, node));
		if (leaf)
			add_leaf(ensemble, forest, tree, i, node->other);
	}
}

static void take_ensemble(struct writer *writer, struct text *node, struct ensemble *ensemble)
{
	struct text modes = attribute(writer, "nodes_modes", TYPE_STRINGS);

	text_add(&modes, ensemble->mode.data, ensemble->mode.size);
	modes.overflow = modes.overflow || ensemble->mode.overflow;
	text_release(&ensemble->mode);
	protobuf_take(node, NODE_ATTRIBUTE, &modes);
	ints_attribute(writer, node, "nodes_treeids", &ensemble->tree);
	ints_attribute(writer, node, "nodes_nodeids", &ensemble->node);
	ints_attribute(writer, node, "nodes_featureids", &ensemble->feature);
	ints_attribute(writer, node, "nodes_truenodeids", &ensemble->yes);
	ints_attribute(writer, node, "nodes_falsenodeids", &ensemble->no);
	doubles_attribute(writer, node, "nodes_values_as_tensor", &ensemble->value);
	ints_attribute(writer, node, "class_treeids", &ensemble->leaf_tree);
	ints_attribute(writer, node, "class_nodeids", &ensemble->leaf_node);
	ints_attribute(writer, node, "class_ids", &ensemble->leaf_class);
	doubles_attribute(writer, node, "class_weights_as_tensor", &ensemble->weight);
}

/* "007" is a text: as a number it would come out changed. */
static bool labels_are_integers(const struct forest *forest)
{
	for (int i = 0; i < forest->class_count; i++) {
		char text[32];
		int64_t number;

		if (!number_int64(forest->labels[i], strlen(forest->labels[i]), &number))
			return false;
		snprintf(text, sizeof(text), "%lld", (long long)number);
		if (strcmp(text, forest->labels[i]) != 0)
			return false;
	}
	return true;
}

static void add_labels(struct writer *writer, struct text *node)
{
	const struct forest *forest = writer->forest;
	struct text ints;
	int64_t number;

	if (!labels_are_integers(forest)) {
		strings_attribute(writer, node, "classlabels_strings", forest->labels, forest->class_count);
		return;
	}
	ints = message(writer);
	for (int i = 0; i < forest->class_count; i++)
		if (number_int64(forest->labels[i], strlen(forest->labels[i]), &number))
			protobuf_varint(&ints, (uint64_t)number);
	ints_attribute(writer, node, "classlabels_int64s", &ints);
}

static void add_classifier(struct writer *writer, const char *label, const char *scores)
{
	struct text node = new_node(writer, "TreeEnsembleClassifier", ml_domain);
	struct ensemble ensemble;
	struct text *parts = (struct text *)&ensemble;

	for (size_t i = 0; i < sizeof(ensemble) / sizeof(struct text); i++)
		parts[i] = message(writer);
	for (int tree = 0; tree < writer->forest->tree_count; tree++)
		add_tree(&ensemble, writer->forest, tree);
	protobuf_string(&node, NODE_INPUT, "green-ml/rows");
	protobuf_string(&node, NODE_OUTPUT, label);
	protobuf_string(&node, NODE_OUTPUT, scores);
	string_attribute(writer, &node, "post_transform", "NONE");
	add_labels(writer, &node);
	take_ensemble(writer, &node, &ensemble);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

/* ------------------------------------------------------------------ the whole */

/* The name of an output that no column has. */
static char *value_name(const struct forest *forest, const char *wanted)
{
	char *name = xstrdup(wanted);

	for (int f = 0; f < forest->feature_count; f++)
		if (strcmp(forest->features[f].name, name) == 0) {
			char *longer = xasprintf("%s_", name);

			free(name);
			name = longer;
			f = -1;
		}
	return name;
}

static void add_float(struct writer *writer, const char *name, float number)
{
	struct text raw = message(writer), value;
	uint32_t bits;

	memcpy(&bits, &number, sizeof(bits));
	little_endian(&raw, bits, sizeof(bits));
	value = tensor(writer, name, FLOAT, 0, &raw);
	protobuf_take(writer->graph, GRAPH_INITIALIZER, &value);
}

/* A node with two inputs, one output and at most one attribute, "axis". */
static void add_operation(struct writer *writer, const char *name, const char *const inputs[2], const char *output,
			  const int *axis)
{
	struct text node = new_node(writer, name, "");

	protobuf_string(&node, NODE_INPUT, inputs[0]);
	protobuf_string(&node, NODE_INPUT, inputs[1]);
	protobuf_string(&node, NODE_OUTPUT, output);
	if (axis)
		int_attribute(writer, &node, "axis", *axis);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

/* Sums over the trees to means. */
static void add_division(struct writer *writer, const char *probabilities)
{
	add_float(writer, "green-ml/trees", (float)writer->forest->tree_count);
	add_operation(writer, "Div", (const char *const[]){"green-ml/scores", "green-ml/trees"}, probabilities, NULL);
}

/* Of two classes only the second has scores; what runtimes put into the first's column differs. */
static void add_complement(struct writer *writer, const char *probabilities)
{
	static const int axis = 1;
	struct text raw = message(writer), second;

	little_endian(&raw, 1, sizeof(int64_t));
	second = tensor(writer, "green-ml/second", INT64, 1, &raw);
	protobuf_take(writer->graph, GRAPH_INITIALIZER, &second);
	add_float(writer, "green-ml/one", 1);
	add_operation(writer, "Gather", (const char *const[]){"green-ml/scores", "green-ml/second"}, "green-ml/yes",
		      &axis);
	add_operation(writer, "Sub", (const char *const[]){"green-ml/one", "green-ml/yes"}, "green-ml/no", NULL);
	add_operation(writer, "Concat", (const char *const[]){"green-ml/no", "green-ml/yes"}, probabilities, &axis);
}

static void add_opset(struct writer *writer, struct text *model, const char *domain, int version)
{
	struct text opset = message(writer);

	protobuf_string(&opset, OPSET_DOMAIN, domain);
	protobuf_int(&opset, OPSET_VERSION, version);
	protobuf_take(model, MODEL_OPSET, &opset);
}

/* Names of ours within the graph begin with this. */
static bool check_names(const struct forest *forest, struct fail *fail)
{
	static const char own[] = "green-ml/";

	for (int f = 0; f < forest->feature_count; f++)
		if (strncmp(forest->features[f].name, own, sizeof(own) - 1) == 0)
			return fail_set(
			    fail, EXIT_FAILED,
			    "a model with a column named \"%s\" cannot be exported as ONNX: names that begin "
			    "with \"%s\" are taken",
			    forest->features[f].name, own);
	return true;
}

bool onnx_write(const struct forest *forest, struct text *out, struct fail *fail)
{
	struct text graph;
	struct writer writer = {.forest = forest, .max_size = out->max_size, .graph = &graph};
	char *label = value_name(forest, "label"), *probabilities = value_name(forest, "probabilities");

	if (!check_names(forest, fail)) {
		free(label);
		free(probabilities);
		return false;
	}
	graph = message(&writer);
	protobuf_string(&graph, GRAPH_NAME, "green-ml");
	add_features(&writer);
	add_classifier(&writer, label, "green-ml/scores");
	if (forest->class_count == 2)
		add_complement(&writer, probabilities);
	else
		add_division(&writer, probabilities);
	add_value(&writer, GRAPH_OUTPUT, label, labels_are_integers(forest) ? INT64 : STRING, 0);
	add_value(&writer, GRAPH_OUTPUT, probabilities, FLOAT, forest->class_count);
	protobuf_int(out, MODEL_IR, IR_VERSION);
	protobuf_string(out, MODEL_PRODUCER, "green-ml");
	protobuf_string(out, MODEL_PRODUCER_VERSION, green_ml_version);
	protobuf_take(out, MODEL_GRAPH, &graph);
	add_opset(&writer, out, "", OPSET);
	add_opset(&writer, out, ml_domain, ML_OPSET);
	free(label);
	free(probabilities);
	return !out->overflow ||
	       fail_set(fail, EXIT_FAILED,
			"the model has %u nodes, as ONNX it would be larger than the 2 GB of a protobuf "
			"message: export its own bytes",
			forest->node_count);
}
