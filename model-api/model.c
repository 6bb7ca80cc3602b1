#include "model-api/model.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/number.h"
#include "common/registry.h"
#include "common/smoke.h"
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

/* ------------------------------------------------------------------ questions */

int model_feature(const struct model *model, const char *name)
{
	for (int i = 0; i < model->forest->feature_count; i++)
		if (strcmp(model->features[i].column.name, name) == 0)
			return i;
	return -1;
}

/* ------------------------------------------------------------------ the table */

static void predict_by_table(const struct forest_table *table, const struct forest *forest, const int32_t *keys,
			     size_t rows, uint16_t *classes, uint64_t *scores)
{
	size_t columns = (size_t)forest->feature_count, count = (size_t)forest->class_count;

	forest_table_predict(table, keys, rows, classes);
	for (size_t row = 0; scores && row < rows; row++) {
		const uint32_t *found = forest_table_scores(table, keys + row * columns);

		for (size_t i = 0; i < count; i++)
			scores[row * count + i] = found[i];
	}
}

void model_predict(const struct model *model, const int32_t *keys, size_t rows, uint16_t *classes, uint64_t *scores)
{
	const struct forest_table *table = atomic_load_explicit(&model->table, memory_order_acquire);

	if (table)
		predict_by_table(table, model->forest, keys, rows, classes, scores);
	else
		forest_predict_rows(model->forest, keys, rows, classes, scores);
}

static bool agrees(const struct forest *forest, const struct forest_table *table, int part)
{
	size_t count = (size_t)forest->class_count;
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *by_trees = xcalloc(count, sizeof(*by_trees)), *by_table = xcalloc(count, sizeof(*by_table));
	uint16_t found;
	bool same;

	sample_row(forest, part, keys);
	same = forest_predict(forest, keys, by_trees) >= 0;
	predict_by_table(table, forest, keys, 1, &found, by_table);
	same = same && memcmp(by_trees, by_table, count * sizeof(*by_trees)) == 0;
	free(keys);
	free(by_trees);
	free(by_table);
	return same;
}

struct forest_table *model_make_table(struct model *model, struct fail *fail)
{
	const struct forest *forest = model->forest;
	size_t trees_bytes = forest->node_count * sizeof(*forest->nodes);
	struct forest_table *table;

	if (model->tried_table)
		return NULL;
	model->tried_table = true;
	table = forest_table_new(forest, trees_bytes > small_table_bytes ? trees_bytes : small_table_bytes);
	for (int part = 0; table && part < SAMPLES; part++)
		if (!agrees(forest, table, part)) {
			fail_set(fail, EXIT_FAILED, "the table and the trees of model %d do not agree",
				 model->model_id);
			forest_table_free(table);
			return NULL;
		}
	return table;
}

void model_take_table(struct model *model, struct forest_table *table)
{
	atomic_store_explicit(&model->table, table, memory_order_release);
}

void model_drop_trees(struct model *model)
{
	/* The table needs the thresholds only. */
	free(model->forest->nodes);
	free(model->forest->distributions);
	model->forest->nodes = NULL;
	model->forest->distributions = NULL;
}

/* ------------------------------------------------------------------ one model */

/* "7", "-12"; neither "07" nor "+7". */
static bool is_integer(const char *label)
{
	char again[32];
	int64_t value;

	if (!number_int64(label, strlen(label), &value))
		return false;
	snprintf(again, sizeof(again), "%lld", (long long)value);
	return strcmp(again, label) == 0;
}

void model_make_words(struct model *model)
{
	/* A pipeline's name needs no escapes. */
	model->tail = xasprintf(",\"pipeline\":\"%s\",\"model\":%d,\"promotion\":%d}\n", model->pipeline,
				model->model_id, model->promotion_id);
	model->tail_size = strlen(model->tail);
	model->labels = xcalloc((size_t)model->forest->class_count, sizeof(*model->labels));
	model->integer_labels = true;
	for (int i = 0; i < model->forest->class_count; i++) {
		const char *label = model->forest->labels[i];
		struct text quoted;

		text_init(&quoted, 6 * strlen(label) + 2);
		text_add(&quoted, "\"", 1);
		text_json_escape(&quoted, label);
		text_add(&quoted, "\"", 1);
		model->labels[i].quoted_size = quoted.size;
		model->labels[i].quoted = xstrndup(quoted.data, quoted.size);
		text_release(&quoted);
		model->labels[i].series = -1;
		model->integer_labels = model->integer_labels && is_integer(label);
	}
}

static void name_series(struct model *model, struct metrics *metrics)
{
	struct text labels;

	text_init(&labels, 1 << 16);
	metrics_label(&labels, "pipeline", model->pipeline);
	model->unseen_series = metrics_series(metrics, METRIC_UNSEEN, labels.data);
	model->missing_series = metrics_series(metrics, METRIC_MISSING, labels.data);
	for (int i = 0; i < model->forest->class_count; i++) {
		text_clear(&labels);
		metrics_label(&labels, "pipeline", model->pipeline);
		metrics_label(&labels, "class", i < SERIES_MAX_CLASSES ? model->forest->labels[i] : "(other)");
		model->labels[i].series = metrics_series(metrics, METRIC_PREDICTIONS, labels.data);
	}
	text_release(&labels);
}

bool model_is_counted(const struct model *model)
{
	bool counted = model->unseen_series >= 0 && model->missing_series >= 0;

	for (int i = 0; counted && i < model->forest->class_count; i++)
		counted = model->labels[i].series >= 0;
	return counted;
}

static char *copy_or_null(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* Did the last statement fail? Not where the server finds the stored bytes damaged: that is the model's. */
static bool is_databases_fault(void)
{
	static const char data_corrupted[] = "XX001";

	return *db_sqlstate() && strcmp(db_sqlstate(), data_corrupted) != 0;
}

bool model_fetch(PGconn *db, const struct model_address *address, bool keep_bytes, struct model_parts *parts,
		 struct fail *fail)
{
	PGresult *row = NULL;
	bool good;

	parts->forest = registry_model(db, address->model_id, keep_bytes ? &parts->bytes : NULL, &parts->size, fail);
	if (parts->forest)
		row = db_queryf(db, fail, "dd",
				"SELECT f.columns, m.smoke FROM green_ml.feature_set f, green_ml.model m "
				"WHERE f.feature_set_id = $1 AND m.model_id = $2",
				address->feature_set_id, address->model_id);
	good = row != NULL;
	if (!good && is_databases_fault())
		fail->code = EXIT_TRY_AGAIN; /* whatever it was, it says nothing about the model */
	if (good && PQntuples(row) != 1)
		good = fail_set(fail, EXIT_FAILED, "its feature set %d is not registered", address->feature_set_id);
	if (good) {
		parts->columns = xstrdup(db_text(row, 0, 0));
		parts->smoke = copy_or_null(db_text(row, 0, 1));
	}
	db_free(row);
	return good;
}

void model_parts_release(struct model_parts *parts)
{
	forest_free(parts->forest);
	free(parts->bytes);
	free(parts->columns);
	free(parts->smoke);
	memset(parts, 0, sizeof(*parts));
}

static void take_address(struct model *model, const struct model_address *address)
{
	model->pipeline = xstrdup(address->pipeline);
	model->pipeline_id = address->pipeline_id;
	model->promotion_id = address->promotion_id;
	model->model_id = address->model_id;
	snprintf(model->sha256, sizeof(model->sha256), "%s", address->sha256);
	model->promoted_at_s = address->promoted_at_s;
	model->trained_at_s = address->trained_at_s;
	model->holdout_n = address->holdout_n;
	model->holdout_k = address->holdout_k;
	model->loaded_at_s = clock_now_s();
}

struct model *model_build(struct model_parts *parts, const struct model_address *address, struct metrics *metrics,
			  struct fail *fail)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->references = 1;
	take_address(model, address);
	model->forest = parts->forest;
	parts->forest = NULL;
	if (!model_take_columns(model, parts->columns, fail) ||
	    (parts->smoke && !smoke_check(model->forest, parts->smoke, fail)) ||
	    !model_self_test(model->forest, fail)) {
		model_release(model);
		return NULL;
	}
	model_make_words(model);
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
	for (int i = 0; model->labels && i < model->forest->class_count; i++)
		free(model->labels[i].quoted);
	free(model->labels);
	free(model->tail);
	forest_table_free(model->table);
	forest_free(model->forest);
	free(model->pipeline);
	free(model);
}
