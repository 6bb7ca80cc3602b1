#include "model-training/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/bytes.h"

static const char magic[] = "GMLDATA1";

enum { MAGIC_SIZE = sizeof(magic) - 1 };

void dataset_rows_init(struct dataset_rows *rows, int feature_count)
{
	*rows = (struct dataset_rows){.feature_count = feature_count};
}

void dataset_rows_add(struct dataset_rows *rows, int32_t label, const int32_t *values, int64_t count)
{
	size_t width = (size_t)rows->feature_count + 1;
	int32_t *row;

	if (rows->count == rows->capacity) {
		rows->capacity = rows->capacity ? rows->capacity * 2 : 1024;
		rows->values = xreallocarray(rows->values, (size_t)rows->capacity, width * sizeof(*rows->values));
		rows->counts = xreallocarray(rows->counts, (size_t)rows->capacity, sizeof(*rows->counts));
	}
	row = rows->values + (size_t)rows->count * width;
	row[0] = label;
	memcpy(row + 1, values, (width - 1) * sizeof(*row));
	rows->counts[rows->count++] = count;
}

void dataset_rows_release(struct dataset_rows *rows)
{
	free(rows->values);
	free(rows->counts);
	*rows = (struct dataset_rows){0};
}

static void free_texts(char **texts, int count)
{
	for (int i = 0; texts && i < count; i++)
		free(texts[i]);
	free(texts);
}

int dataset_last_up_to(const struct dataset_feature *feature, int32_t key)
{
	int low = 0, high = feature->value_count; /* the first value beyond the key */

	while (low < high) {
		int middle = (low + high) / 2;

		if (feature->low[middle] <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

void dataset_free(struct dataset *dataset)
{
	if (!dataset)
		return;
	for (int f = 0; dataset->features && f < dataset->feature_count; f++) {
		struct dataset_feature *feature = &dataset->features[f];

		free_texts(feature->texts, feature->value_count);
		free(feature->name);
		free(feature->rows);
		free(feature->low);
		free(feature->high);
		free(feature->codes);
	}
	free_texts(dataset->labels, dataset->class_count);
	free(dataset->features);
	free(dataset->label_name);
	free(dataset->classes);
	free(dataset->counts);
	free(dataset);
}

static void write_feature(const struct dataset_feature *feature, uint32_t slot_count, struct text *out)
{
	bytes_string(out, feature->name);
	bytes_u8(out, (uint8_t)feature->type);
	bytes_u8(out, feature->binned);
	bytes_u32(out, (uint32_t)feature->value_count);
	for (int v = 0; v < feature->value_count; v++) {
		bytes_u64(out, (uint64_t)feature->rows[v]);
		if (feature->texts) {
			bytes_string(out, feature->texts[v]);
			continue;
		}
		bytes_u32(out, (uint32_t)feature->low[v]);
		bytes_u32(out, (uint32_t)feature->high[v]);
	}
	for (uint32_t s = 0; s < slot_count; s++)
		if (feature->value_count <= 256)
			bytes_u8(out, (uint8_t)feature->codes[s]);
		else
			bytes_u16(out, feature->codes[s]);
}

bool dataset_write(const struct dataset *dataset, struct text *out, struct fail *fail)
{
	text_add(out, magic, MAGIC_SIZE);
	bytes_u32(out, (uint32_t)dataset->feature_count);
	bytes_u32(out, (uint32_t)dataset->class_count);
	bytes_u64(out, (uint64_t)dataset->row_count);
	bytes_u32(out, dataset->slot_count);
	bytes_string(out, dataset->label_name);
	for (int k = 0; k < dataset->class_count; k++)
		bytes_string(out, dataset->labels[k]);
	for (int f = 0; f < dataset->feature_count; f++)
		write_feature(&dataset->features[f], dataset->slot_count, out);
	for (uint32_t s = 0; s < dataset->slot_count; s++)
		bytes_u16(out, dataset->classes[s]);
	for (uint32_t s = 0; s < dataset->slot_count; s++)
		bytes_u32(out, dataset->counts[s]);
	if (out->overflow)
		return fail_set(
		    fail, EXIT_BAD_DATA,
		    "the training set of %lld rows and %d features does not fit into a plan (at most %d bytes): "
		    "let the spec's \"train_on\" take fewer rows",
		    (long long)dataset->row_count, dataset->feature_count, DATASET_MAX_SIZE);
	return true;
}

static void read_values(struct bytes_reader *reader, struct dataset_feature *feature)
{
	bool category = feature->type == COLUMN_CATEGORY;
	size_t count = bytes_take_count(reader, category ? 10 : 16);

	if (count > DATASET_MAX_VALUES || count == 0) {
		reader->bad = true;
		return;
	}
	feature->rows = xcalloc(count, sizeof(*feature->rows));
	feature->low = xcalloc(count, sizeof(*feature->low));
	feature->high = xcalloc(count, sizeof(*feature->high));
	feature->texts = category ? xcalloc(count, sizeof(*feature->texts)) : NULL;
	feature->value_count = (int)count;
	for (int v = 0; v < feature->value_count; v++) {
		feature->rows[v] = (int64_t)bytes_take_u64(reader);
		if (category) {
			feature->texts[v] = bytes_take_string(reader);
			feature->low[v] = feature->high[v] = v;
			continue;
		}
		feature->low[v] = (int32_t)bytes_take_u32(reader);
		feature->high[v] = (int32_t)bytes_take_u32(reader);
		if (feature->low[v] > feature->high[v] || (v > 0 && feature->low[v] <= feature->high[v - 1]))
			reader->bad = true;
	}
}

static void read_feature(struct bytes_reader *reader, struct dataset_feature *feature, uint32_t slot_count)
{
	uint8_t type;
	bool wide;

	feature->name = bytes_take_string(reader);
	type = bytes_take_u8(reader);
	feature->type = (enum column_type)type;
	feature->binned = bytes_take_u8(reader) != 0;
	if (type > COLUMN_CATEGORY) {
		reader->bad = true;
		return;
	}
	read_values(reader, feature);
	wide = feature->value_count > 256;
	if (reader->bad || reader->left / (wide ? 2 : 1) < slot_count) {
		reader->bad = true;
		return;
	}
	feature->codes = xcalloc(slot_count, sizeof(*feature->codes));
	for (uint32_t s = 0; s < slot_count; s++) {
		feature->codes[s] = wide ? bytes_take_u16(reader) : bytes_take_u8(reader);
		if (feature->codes[s] >= feature->value_count)
			reader->bad = true;
	}
}

static void read_slots(struct bytes_reader *reader, struct dataset *dataset)
{
	int64_t rows = 0;

	if (reader->bad || reader->left / 6 < dataset->slot_count) {
		reader->bad = true;
		return;
	}
	dataset->classes = xcalloc(dataset->slot_count, sizeof(*dataset->classes));
	dataset->counts = xcalloc(dataset->slot_count, sizeof(*dataset->counts));
	for (uint32_t s = 0; s < dataset->slot_count; s++) {
		dataset->classes[s] = bytes_take_u16(reader);
		if (dataset->classes[s] >= dataset->class_count)
			reader->bad = true;
	}
	for (uint32_t s = 0; s < dataset->slot_count; s++) {
		dataset->counts[s] = bytes_take_u32(reader);
		rows += dataset->counts[s];
		if (dataset->counts[s] == 0)
			reader->bad = true;
	}
	if (rows != dataset->row_count || reader->left > 0)
		reader->bad = true;
}

static void read_header(struct bytes_reader *reader, struct dataset *dataset)
{
	uint32_t features = bytes_take_count(reader, 8), classes = bytes_take_count(reader, 2);

	if (features == 0 || features > SPEC_MAX_FEATURES || classes == 0 || classes > FOREST_MAX_CLASSES) {
		reader->bad = true;
		return;
	}
	dataset->row_count = (int64_t)bytes_take_u64(reader);
	dataset->slot_count = bytes_take_u32(reader);
	dataset->label_name = bytes_take_string(reader);
	dataset->labels = xcalloc(classes, sizeof(*dataset->labels));
	dataset->class_count = (int)classes;
	for (int k = 0; k < dataset->class_count; k++)
		dataset->labels[k] = bytes_take_string(reader);
	dataset->features = xcalloc(features, sizeof(*dataset->features));
	dataset->feature_count = (int)features;
}

struct dataset *dataset_read(const void *bytes, size_t size, struct fail *fail)
{
	struct bytes_reader reader = {.at = bytes, .left = size};
	struct dataset *dataset = xcalloc(1, sizeof(*dataset));

	if (size < MAGIC_SIZE || memcmp(bytes, magic, MAGIC_SIZE) != 0) {
		reader.bad = true;
	} else {
		reader.at += MAGIC_SIZE;
		reader.left -= MAGIC_SIZE;
		read_header(&reader, dataset);
	}
	for (int f = 0; !reader.bad && f < dataset->feature_count; f++)
		read_feature(&reader, &dataset->features[f], dataset->slot_count);
	read_slots(&reader, dataset);
	if (!reader.bad)
		return dataset;
	dataset_free(dataset);
	fail_set(fail, EXIT_FAILED, "the plan's training set is damaged: take a new plan");
	return NULL;
}
