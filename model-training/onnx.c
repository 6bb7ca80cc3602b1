#include "model-training/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/version.h"
#include "common/xalloc.h"
#include "model-training/onnx_message.h"
#include "model-training/protobuf.h"

enum { IR_VERSION = 8, OPSET = 17, ML_OPSET = 3 };
static const char ml_domain[] = "ai.onnx.ml";

/* ------------------------------------------------------------------ the features */

/* Texts to keys. */
static void add_label_encoder(struct onnx_writer *writer, const struct forest_feature *feature, const char *output)
{
	struct text node = onnx_node(writer, "LabelEncoder", ml_domain), keys = onnx_message(writer);

	protobuf_string(&node, NODE_INPUT, feature->name);
	protobuf_string(&node, NODE_OUTPUT, output);
	onnx_strings(writer, &node, "keys_strings", feature->categories, feature->category_count);
	for (int i = 0; i < feature->category_count; i++)
		protobuf_varint(&keys, (uint64_t)i);
	onnx_ints(writer, &node, "values_int64s", &keys);
	onnx_int(writer, &node, "default_int64", feature->frequent);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

static void add_cast(struct onnx_writer *writer, const char *input, const char *output)
{
	struct text node = onnx_node(writer, "Cast", "");

	protobuf_string(&node, NODE_INPUT, input);
	protobuf_string(&node, NODE_OUTPUT, output);
	onnx_int(writer, &node, "to", DOUBLE);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

/* One matrix of doubles, "green-ml/rows". */
static void add_features(struct onnx_writer *writer)
{
	static const enum element elements[] = {
	    [COLUMN_INTEGER] = INT64, [COLUMN_REAL] = FLOAT, [COLUMN_CATEGORY] = STRING};
	const struct forest *forest = writer->forest;
	struct text concat = onnx_node(writer, "Concat", "");

	for (int f = 0; f < forest->feature_count; f++) {
		const struct forest_feature *feature = &forest->features[f];
		char *key = xasprintf("green-ml/key/%d", f), *column = xasprintf("green-ml/column/%d", f);
		bool category = feature->type == COLUMN_CATEGORY;

		onnx_value(writer, GRAPH_INPUT, feature->name, elements[feature->type], 1);
		if (category)
			add_label_encoder(writer, feature, key);
		add_cast(writer, category ? key : feature->name, column);
		protobuf_string(&concat, NODE_INPUT, column);
		free(key);
		free(column);
	}
	protobuf_string(&concat, NODE_OUTPUT, "green-ml/rows");
	onnx_int(writer, &concat, "axis", 1);
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
	onnx_double(&ensemble->weight, weight);
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
		onnx_double(&ensemble->value, leaf ? 0 : threshold_of(forest, node));
		if (leaf)
			add_leaf(ensemble, forest, tree, i, node->other);
	}
}

static void take_ensemble(struct onnx_writer *writer, struct text *node, struct ensemble *ensemble)
{
	struct text modes = onnx_attribute(writer, "nodes_modes", TYPE_STRINGS);

	text_add(&modes, ensemble->mode.data, ensemble->mode.size);
	modes.overflow = modes.overflow || ensemble->mode.overflow;
	text_release(&ensemble->mode);
	protobuf_take(node, NODE_ATTRIBUTE, &modes);
	onnx_ints(writer, node, "nodes_treeids", &ensemble->tree);
	onnx_ints(writer, node, "nodes_nodeids", &ensemble->node);
	onnx_ints(writer, node, "nodes_featureids", &ensemble->feature);
	onnx_ints(writer, node, "nodes_truenodeids", &ensemble->yes);
	onnx_ints(writer, node, "nodes_falsenodeids", &ensemble->no);
	onnx_doubles(writer, node, "nodes_values_as_tensor", &ensemble->value);
	onnx_ints(writer, node, "class_treeids", &ensemble->leaf_tree);
	onnx_ints(writer, node, "class_nodeids", &ensemble->leaf_node);
	onnx_ints(writer, node, "class_ids", &ensemble->leaf_class);
	onnx_doubles(writer, node, "class_weights_as_tensor", &ensemble->weight);
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

static void add_labels(struct onnx_writer *writer, struct text *node)
{
	const struct forest *forest = writer->forest;
	struct text ints;
	int64_t number;

	if (!labels_are_integers(forest)) {
		onnx_strings(writer, node, "classlabels_strings", forest->labels, forest->class_count);
		return;
	}
	ints = onnx_message(writer);
	for (int i = 0; i < forest->class_count; i++)
		if (number_int64(forest->labels[i], strlen(forest->labels[i]), &number))
			protobuf_varint(&ints, (uint64_t)number);
	onnx_ints(writer, node, "classlabels_int64s", &ints);
}

static void add_classifier(struct onnx_writer *writer, const char *label, const char *scores)
{
	struct text node = onnx_node(writer, "TreeEnsembleClassifier", ml_domain);
	struct ensemble ensemble;
	struct text *parts = (struct text *)&ensemble;

	for (size_t i = 0; i < sizeof(ensemble) / sizeof(struct text); i++)
		parts[i] = onnx_message(writer);
	for (int tree = 0; tree < writer->forest->tree_count; tree++)
		add_tree(&ensemble, writer->forest, tree);
	protobuf_string(&node, NODE_INPUT, "green-ml/rows");
	protobuf_string(&node, NODE_OUTPUT, label);
	protobuf_string(&node, NODE_OUTPUT, scores);
	onnx_string(writer, &node, "post_transform", "NONE");
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

static void add_float(struct onnx_writer *writer, const char *name, float number)
{
	struct text raw = onnx_message(writer), value;
	uint32_t bits;

	memcpy(&bits, &number, sizeof(bits));
	onnx_little_endian(&raw, bits, sizeof(bits));
	value = onnx_tensor(writer, name, FLOAT, 0, &raw);
	protobuf_take(writer->graph, GRAPH_INITIALIZER, &value);
}

/* A node with two inputs, one output and at most one attribute, "axis". */
static void add_operation(struct onnx_writer *writer, const char *name, const char *const inputs[2], const char *output,
			  const int *axis)
{
	struct text node = onnx_node(writer, name, "");

	protobuf_string(&node, NODE_INPUT, inputs[0]);
	protobuf_string(&node, NODE_INPUT, inputs[1]);
	protobuf_string(&node, NODE_OUTPUT, output);
	if (axis)
		onnx_int(writer, &node, "axis", *axis);
	protobuf_take(writer->graph, GRAPH_NODE, &node);
}

/* Sums over the trees to means. */
static void add_division(struct onnx_writer *writer, const char *probabilities)
{
	add_float(writer, "green-ml/trees", (float)writer->forest->tree_count);
	add_operation(writer, "Div", (const char *const[]){"green-ml/scores", "green-ml/trees"}, probabilities, NULL);
}

/* Of two classes only the second has scores; what runtimes put into the first's column differs. */
static void add_complement(struct onnx_writer *writer, const char *probabilities)
{
	static const int axis = 1;
	struct text raw = onnx_message(writer), second;

	onnx_little_endian(&raw, 1, sizeof(int64_t));
	second = onnx_tensor(writer, "green-ml/second", INT64, 1, &raw);
	protobuf_take(writer->graph, GRAPH_INITIALIZER, &second);
	add_float(writer, "green-ml/one", 1);
	add_operation(writer, "Gather", (const char *const[]){"green-ml/scores", "green-ml/second"}, "green-ml/yes",
		      &axis);
	add_operation(writer, "Sub", (const char *const[]){"green-ml/one", "green-ml/yes"}, "green-ml/no", NULL);
	add_operation(writer, "Concat", (const char *const[]){"green-ml/no", "green-ml/yes"}, probabilities, &axis);
}

static void add_opset(struct onnx_writer *writer, struct text *model, const char *domain, int version)
{
	struct text opset = onnx_message(writer);

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
	struct onnx_writer writer = {.forest = forest, .max_size = out->max_size, .graph = &graph};
	char *label = value_name(forest, "label"), *probabilities = value_name(forest, "probabilities");

	if (!check_names(forest, fail)) {
		free(label);
		free(probabilities);
		return false;
	}
	graph = onnx_message(&writer);
	protobuf_string(&graph, GRAPH_NAME, "green-ml");
	add_features(&writer);
	add_classifier(&writer, label, "green-ml/scores");
	if (forest->class_count == 2)
		add_complement(&writer, probabilities);
	else
		add_division(&writer, probabilities);
	onnx_value(&writer, GRAPH_OUTPUT, label, labels_are_integers(forest) ? INT64 : STRING, 0);
	onnx_value(&writer, GRAPH_OUTPUT, probabilities, FLOAT, forest->class_count);
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
