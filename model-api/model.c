#include "model-api/model.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/number.h"
#include "common/registry.h"
#include "common/xalloc.h"

/* Classes that get a series of their own in the metrics; the others share one, so that a model with thousands of
 * classes does not flood the monitoring. */
enum { SERIES_MAX_CLASSES = 50, SAMPLES = 3 };

/* Tables up to this size are made even where the trees are smaller: they answer many times faster. */
static const size_t small_table_bytes = 4 << 20;

/* ------------------------------------------------------------------ the feature set's columns */

static void add_missing(struct model_feature *feature, const char *marker)
{
	struct spec_column *column = &feature->column;
	int32_t key;
	float real;
	bool is_number = false;

	column->missing = xreallocarray(column->missing, (size_t)column->missing_count + 1, sizeof(*column->missing));
	column->missing[column->missing_count++] = xstrdup(marker);
	if (column->type == COLUMN_INTEGER)
		is_number = number_int32(marker, strlen(marker), &key);
	if (column->type == COLUMN_REAL) {
		is_number = number_float32(marker, strlen(marker), &real);
		key = is_number ? forest_real_key(real) : 0;
	}
	if (is_number) {
		feature->missing_keys = xreallocarray(feature->missing_keys, (size_t)feature->missing_key_count + 1,
						      sizeof(*feature->missing_keys));
		feature->missing_keys[feature->missing_key_count++] = key;
	}
}

static bool take_column(struct model_feature *feature, const struct forest_feature *known, const json_t *column,
			struct fail *fail)
{
	const char *name = json_string_value(json_object_get(column, "name"));
	const char *type = json_string_value(json_object_get(column, "type"));
	const json_t *missing = json_object_get(column, "missing");

	if (!name || !type)
		return fail_set(fail, EXIT_FAILED, "the feature set holds a column without name or type");
	if (strcmp(name, known->name) != 0 || strcmp(type, column_type_name(known->type)) != 0)
		return fail_set(
		    fail, EXIT_FAILED,
		    "the model's feature \"%s\" (%s) stands where its feature set has \"%s\" (%s): train it again",
		    known->name, column_type_name(known->type), name, type);
	feature->column.name = xstrdup(name);
	feature->column.type = known->type;
	for (size_t i = 0; i < json_array_size(missing); i++)
		if (json_is_string(json_array_get(missing, i)))
			add_missing(feature, json_string_value(json_array_get(missing, i)));
	return true;
}

bool model_take_columns(struct model *model, const char *columns, struct fail *fail)
{
	const struct forest *forest = model->forest;
	json_t *list = json_loads(columns, 0, NULL);
	const char *label = json_string_value(json_object_get(json_array_get(list, 0), "name"));
	bool good = true;

	if (json_array_size(list) != (size_t)forest->feature_count + 1)
		good = fail_set(fail, EXIT_FAILED, "the model has %d features, its feature set %zu: train it again",
				forest->feature_count, json_array_size(list) ? json_array_size(list) - 1 : 0);
	else if (!label || strcmp(label, forest->label_name) != 0)
		good = fail_set(fail, EXIT_FAILED,
				"the model predicts \"%s\", its feature set is labelled \"%s\": train it again",
				forest->label_name, label ? label : "");
	if (good)
		model->features = xcalloc((size_t)forest->feature_count, sizeof(*model->features));
	for (int i = 0; good && i < forest->feature_count; i++)
		good =
		    take_column(&model->features[i], &forest->features[i], json_array_get(list, (size_t)i + 1), fail);
	json_decref(list);
	return good;
}

/* ------------------------------------------------------------------ self-test */

/* A key in the feature's range: part 0 the lowest, 1 the middle, 2 the highest. */
static int32_t sample_key(const struct forest_feature *feature, int part)
{
	if (feature->type == COLUMN_CATEGORY)
		return part == 0 ? 0 : part == 1 ? feature->frequent : feature->category_count - 1;
	if (feature->threshold_count == 0)
		return 0;
	if (part == 2 && feature->thresholds[feature->threshold_count - 1] < INT32_MAX)
		return feature->thresholds[feature->threshold_count - 1] + 1;
	return feature->thresholds[part == 0 ? 0 : feature->threshold_count / 2];
}

static void sample_row(const struct forest *forest, int part, int32_t *keys)
{
	for (int i = 0; i < forest->feature_count; i++)
		keys[i] = sample_key(&forest->features[i], part);
}

bool model_self_test(const struct forest *forest, struct fail *fail)
{
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *scores = xcalloc((size_t)forest->class_count, sizeof(*scores));
	bool good = true;

	for (int part = 0; good && part < SAMPLES; part++) {
		uint64_t total = 0;
		int class;

		sample_row(forest, part, keys);
		class = forest_predict(forest, keys, scores);
		for (int i = 0; i < forest->class_count; i++)
			total += scores[i];
		if (class < 0 || class >= forest->class_count ||
		    total != (uint64_t)forest->tree_count * FOREST_SHARE_ONE)
			good = fail_set(fail, EXIT_FAILED,
					"the model fails its self-test: the probabilities of a row do not sum to 1");
	}
	free(keys);
	free(scores);
	return good;
}

/* ------------------------------------------------------------------ the table */

void model_predict(const struct model *model, const int32_t *keys, size_t rows, uint16_t *classes, uint64_t *scores)
{
	size_t columns = (size_t)model->forest->feature_count, count = (size_t)model->forest->class_count;

	if (!model->table) {
		forest_predict_rows(model->forest, keys, rows, classes, scores);
		return;
	}
	for (size_t row = 0; row < rows; row++) {
		const uint32_t *found = forest_table_scores(model->table, keys + row * columns);
		size_t best = 0;

		for (size_t i = 0; i < count; i++) {
			if (found[i] > found[best])
				best = i;
			if (scores)
				scores[row * count + i] = found[i];
		}
		classes[row] = (uint16_t)best;
	}
}

static bool agrees(const struct model *model, int part)
{
	const struct forest *forest = model->forest;
	size_t count = (size_t)forest->class_count;
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *by_trees = xcalloc(count, sizeof(*by_trees)), *by_table = xcalloc(count, sizeof(*by_table));
	uint16_t found;
	bool same;

	sample_row(forest, part, keys);
	same = forest_predict(forest, keys, by_trees) >= 0;
	model_predict(model, keys, 1, &found, by_table);
	same = same && memcmp(by_trees, by_table, count * sizeof(*by_trees)) == 0;
	free(keys);
	free(by_trees);
	free(by_table);
	return same;
}

bool model_make_table(struct model *model, struct fail *fail)
{
	struct forest *forest = model->forest;
	size_t trees_bytes = forest->node_count * sizeof(*forest->nodes);

	model->table = forest_table_new(forest, trees_bytes > small_table_bytes ? trees_bytes : small_table_bytes);
	for (int part = 0; model->table && part < SAMPLES; part++)
		if (!agrees(model, part))
			return fail_set(fail, EXIT_FAILED,
					"the model fails its self-test: its table and its trees do not agree");
	if (model->table) {
		/* The table needs the thresholds only. */
		free(forest->nodes);
		free(forest->distributions);
		forest->nodes = NULL;
		forest->distributions = NULL;
	}
	return true;
}

/* ------------------------------------------------------------------ one model */

static void name_series(struct model *model, struct metrics *metrics)
{
	struct text labels;

	model->prediction_series = xcalloc((size_t)model->forest->class_count, sizeof(*model->prediction_series));
	text_init(&labels, 1 << 16);
	metrics_label(&labels, "pipeline", model->pipeline);
	model->unseen_series = metrics_series(metrics, METRIC_UNSEEN, labels.data);
	for (int i = 0; i < model->forest->class_count; i++) {
		text_clear(&labels);
		metrics_label(&labels, "pipeline", model->pipeline);
		metrics_label(&labels, "class", i < SERIES_MAX_CLASSES ? model->forest->labels[i] : "(other)");
		model->prediction_series[i] = metrics_series(metrics, METRIC_PREDICTIONS, labels.data);
	}
	text_release(&labels);
}

static bool load_columns(PGconn *db, struct model *model, int feature_set_id, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d", "SELECT columns FROM green_ml.feature_set WHERE feature_set_id = $1",
				  feature_set_id);
	bool good = row != NULL;

	if (good && PQntuples(row) != 1)
		good = fail_set(fail, EXIT_FAILED, "its feature set %d is not registered", feature_set_id);
	good = good && model_take_columns(model, db_text(row, 0, 0), fail);
	db_free(row);
	return good;
}

struct model *model_load(PGconn *db, const struct model_address *address, struct metrics *metrics, struct fail *fail)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->references = 1;
	model->pipeline = xstrdup(address->pipeline);
	model->promotion_id = address->promotion_id;
	model->model_id = address->model_id;
	snprintf(model->sha256, sizeof(model->sha256), "%s", address->sha256);
	model->promoted_at_s = address->promoted_at_s;
	model->loaded_at_s = clock_now_s();
	model->forest = registry_model(db, address->model_id, NULL, NULL, fail);
	if (!model->forest || !load_columns(db, model, address->feature_set_id, fail) ||
	    !model_self_test(model->forest, fail) || !model_make_table(model, fail)) {
		model_release(model);
		return NULL;
	}
	name_series(model, metrics);
	return model;
}

void model_release(struct model *model)
{
	if (!model || --model->references > 0)
		return;
	for (int i = 0; model->features && i < model->forest->feature_count; i++) {
		struct model_feature *feature = &model->features[i];

		for (int j = 0; j < feature->column.missing_count; j++)
			free(feature->column.missing[j]);
		free(feature->column.missing);
		free(feature->column.name);
		free(feature->missing_keys);
	}
	free(model->features);
	free(model->prediction_series);
	forest_table_free(model->table);
	forest_free(model->forest);
	free(model->pipeline);
	free(model);
}
