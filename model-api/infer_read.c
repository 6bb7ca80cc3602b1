#include "model-api/infer_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "model-api/body.h"
#include "model-api/request.h"

enum { SHORT_NAME = 64, MAX_DEPTH = 3 + TENSOR_MAX_DIMENSIONS, VALUES_PER_TENSOR = 16, MAX_OUTPUTS = 8 };

/* ------------------------------------------------------------------ the outer object */

/* The protocol's parameters are scalars; what they mean is up to the server, and here they mean nothing. */
static bool check_parameters(const json_t *object, struct fail *fail)
{
	json_t *parameters = json_object_get(object, "parameters"), *value;
	const char *key;

	if (parameters && !json_is_object(parameters))
		return fail_set(fail, EXIT_BAD_DATA, "\"parameters\" must be an object");
	json_object_foreach(parameters, key, value)
	{
		if (json_is_array(value) || json_is_object(value) || json_is_null(value))
			return fail_set(fail, EXIT_BAD_DATA,
					"parameter \"%.*s\" must be a text, a number or a truth value", (int)SHORT_NAME,
					key);
	}
	return true;
}

static bool take_output(struct inference *inference, const json_t *output, struct fail *fail)
{
	const char *name = json_string_value(json_object_get(output, "name"));

	if (!name)
		return fail_set(fail, EXIT_BAD_DATA, "every output must be an object with a \"name\"");
	if (strcmp(name, "prediction") == 0)
		inference->prediction = true;
	else if (strcmp(name, "probabilities") == 0)
		inference->probabilities = true;
	else
		return fail_set(fail, EXIT_BAD_DATA, "there is no output \"%.*s\": known are prediction, probabilities",
				(int)SHORT_NAME, name);
	return check_parameters(output, fail);
}

static bool take_outputs(struct inference *inference, const json_t *outputs, struct fail *fail)
{
	bool good = true;

	inference->prediction = inference->probabilities = !outputs || json_array_size(outputs) == 0;
	if (outputs && (!json_is_array(outputs) || json_array_size(outputs) > MAX_OUTPUTS))
		return fail_set(fail, EXIT_BAD_DATA, "\"outputs\" must be an array of outputs");
	for (size_t i = 0; good && i < json_array_size(outputs); i++)
		good = take_output(inference, json_array_get(outputs, i), fail);
	return good;
}

static bool take_inputs(struct inference *inference, const json_t *inputs, struct binary *binary, size_t max_elements,
			size_t max_tensors, struct fail *fail)
{
	size_t count = json_array_size(inputs);

	if (!json_is_array(inputs) || count == 0)
		return fail_set(fail, EXIT_BAD_DATA, "\"inputs\" must be an array of at least one tensor");
	if (count > max_tensors)
		return fail_set(fail, EXIT_BAD_DATA, "there are %zu inputs, the model has %zu columns", count,
				max_tensors);
	inference->tensors = xcalloc(count, sizeof(*inference->tensors));
	for (; inference->tensor_count < count; inference->tensor_count++) {
		const json_t *input = json_array_get(inputs, inference->tensor_count);

		if (!check_parameters(input, fail) ||
		    !tensor_take(&inference->tensors[inference->tensor_count], input, binary, max_elements, fail)) {
			inference->tensor_count++; /* it may hold something */
			return false;
		}
	}
	return binary->size == 0 ||
	       fail_set(fail, EXIT_BAD_DATA, "%zu bytes behind the JSON belong to no input", binary->size);
}

static bool take_members(struct inference *inference, struct fail *fail)
{
	if (!json_is_object(inference->root))
		return fail_set(fail, EXIT_BAD_DATA, "the body must be a JSON object with \"inputs\"");
	inference->id = json_object_get(inference->root, "id");
	if (inference->id && !json_is_string(inference->id))
		return fail_set(fail, EXIT_BAD_DATA, "\"id\" must be a text");
	return check_parameters(inference->root, fail) &&
	       take_outputs(inference, json_object_get(inference->root, "outputs"), fail);
}

/* ------------------------------------------------------------------ rows */

static bool check_rows(struct inference *inference, size_t rows, size_t max_rows, struct fail *fail)
{
	inference->rows = rows;
	return rows <= max_rows ||
	       fail_set(fail, EXIT_BAD_DATA, "there are %zu rows, at most %zu are answered at once", rows, max_rows);
}

static bool encode_element(struct inference *inference, const struct model *model, const struct tensor *tensor,
			   size_t element, size_t row, int feature, struct fail *fail)
{
	struct encode_place place = {.row = row, .numbered = true};
	struct value value;

	return tensor_value(tensor, element, &value, fail) &&
	       encode_value(model, feature, &place, &value, &inference->encoded, fail);
}

/* One tensor of rows times columns. */
static bool encode_matrix(struct inference *inference, const struct model *model, size_t max_rows, struct fail *fail)
{
	const struct tensor *tensor = &inference->tensors[0];
	size_t columns = (size_t)model->forest->feature_count;
	bool good = true;

	if (tensor->dimensions != 2 || tensor->shape[1] != columns)
		return fail_set(fail, EXIT_BAD_DATA,
				"input \"%.*s\" is no column of the model, so its shape must be [rows, %zu]",
				(int)SHORT_NAME, tensor->name, columns);
	if (!check_rows(inference, tensor->shape[0], max_rows, fail))
		return false;
	encoded_make_room(&inference->encoded, inference->rows, model);
	for (size_t i = 0; good && i < tensor->count; i++)
		good = encode_element(inference, model, tensor, i, i / columns, (int)(i % columns), fail);
	return good;
}

/* by_feature[i] = the tensor of column i. */
static bool order_tensors(struct inference *inference, const struct model *model, const struct tensor **by_feature,
			  struct fail *fail)
{
	for (size_t i = 0; i < inference->tensor_count; i++) {
		const struct tensor *tensor = &inference->tensors[i];
		int feature = model_feature(model, tensor->name);

		if (feature < 0)
			return fail_set(fail, EXIT_BAD_DATA, "the model has no column \"%.*s\"", (int)SHORT_NAME,
					tensor->name);
		if (by_feature[feature])
			return fail_set(fail, EXIT_BAD_DATA, "input \"%s\" stands twice", tensor->name);
		if (tensor->shape[0] != inference->tensors[0].shape[0] || tensor->count != tensor->shape[0])
			return fail_set(fail, EXIT_BAD_DATA,
					"input \"%s\": the shape of a column must be [rows] or [rows, 1], with as many "
					"rows as the other columns",
					tensor->name);
		by_feature[feature] = tensor;
	}
	for (int i = 0; i < model->forest->feature_count; i++)
		if (!by_feature[i])
			return fail_set(fail, EXIT_BAD_DATA, "column \"%s\" is missing among the inputs",
					model->features[i].column.name);
	return true;
}

static bool encode_columns(struct inference *inference, const struct model *model, size_t max_rows, struct fail *fail)
{
	int columns = model->forest->feature_count;
	const struct tensor **by_feature = xcalloc((size_t)columns, sizeof(const struct tensor *));
	bool good = check_rows(inference, inference->tensors[0].shape[0], max_rows, fail) &&
		    order_tensors(inference, model, by_feature, fail);

	if (good)
		encoded_make_room(&inference->encoded, inference->rows, model);
	for (size_t row = 0; good && row < inference->rows; row++)
		for (int i = 0; good && i < columns; i++)
			good = encode_element(inference, model, by_feature[i], row, row, i, fail);
	free(by_feature);
	return good;
}

bool inference_read(struct inference *inference, const struct model *model, const char *body, size_t size,
		    size_t json_size, size_t max_rows, struct fail *fail)
{
	size_t columns = (size_t)model->forest->feature_count;
	struct request_limits limits = {.max_rows = max_rows,
					.max_columns = columns,
					.max_others = VALUES_PER_TENSOR * (columns + MAX_OUTPUTS + 1),
					.max_depth = MAX_DEPTH};
	struct binary binary = {body + json_size, size - json_size};

	if (json_size == 0)
		return fail_set(fail, EXIT_BAD_DATA, "the body is empty: send {\"inputs\": [...]}");
	if (!request_within_bounds(body, json_size, &limits, fail))
		return false;
	inference->root = body_json(body, json_size, fail);
	if (!inference->root)
		return false;
	if (!take_members(inference, fail) || !take_inputs(inference, json_object_get(inference->root, "inputs"),
							   &binary, max_rows * columns, columns, fail))
		return false;
	if (inference->tensor_count == 1 && model_feature(model, inference->tensors[0].name) < 0)
		return encode_matrix(inference, model, max_rows, fail);
	return encode_columns(inference, model, max_rows, fail);
}

void inference_release(struct inference *inference)
{
	for (size_t i = 0; i < inference->tensor_count; i++)
		tensor_release(&inference->tensors[i]);
	free(inference->tensors);
	encoded_release(&inference->encoded);
	json_decref(inference->root);
	inference->root = NULL;
	inference->tensors = NULL;
	inference->tensor_count = 0;
}
