#include "model-training/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/csv.h"
#include "common/forest.h"
#include "common/number.h"
#include "common/split.h"
#include "common/xalloc.h"

enum { READ_SIZE = 1 << 16 };

/* ------------------------------------------------------------------ texts and their codes */

static uint64_t hash(const char *text, size_t size)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < size; i++)
		value = (value ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return value ^ value >> 29;
}

static uint32_t *texts_place(const struct texts *texts, const char *text, size_t size)
{
	uint64_t at = hash(text, size);

	for (;; at++) {
		uint32_t *place = &texts->places[at & (texts->place_count - 1)];
		const char *known = *place ? texts->texts[*place - 1] : NULL;

		if (!known || (strncmp(known, text, size) == 0 && known[size] == '\0'))
			return place;
	}
}

static int texts_code(struct texts *texts, const char *text, size_t size)
{
	uint32_t *place;

	if ((uint32_t)texts->count * 2 >= texts->place_count) {
		free(texts->places);
		texts->place_count = texts->place_count ? texts->place_count * 4 : 64;
		texts->places = xcalloc(texts->place_count, sizeof(*texts->places));
		for (int i = 0; i < texts->count; i++)
			*texts_place(texts, texts->texts[i], strlen(texts->texts[i])) = (uint32_t)i + 1;
	}
	place = texts_place(texts, text, size);
	if (*place)
		return (int)*place - 1;
	if (texts->count == texts->capacity) {
		texts->capacity = texts->capacity ? texts->capacity * 2 : 16;
		texts->texts = xreallocarray(texts->texts, (size_t)texts->capacity, sizeof(*texts->texts));
	}
	texts->texts[texts->count] = xstrndup(text, size);
	*place = (uint32_t)++texts->count;
	return texts->count - 1;
}

static void texts_release(struct texts *texts)
{
	for (int i = 0; i < texts->count; i++)
		free(texts->texts[i]);
	free(texts->texts);
	free(texts->places);
}

/* ------------------------------------------------------------------ reading a file */

struct reading {
	struct table *table;
	const char *file, *id;
	int kinds; /* 0: infer the types */
	int64_t row;
	int label_at, id_at, *feature_at; /* fields; -1: none */
	int field_count;
	int32_t *values;
	struct split *split;
};

static bool is_missing(const struct csv_field *field)
{
	static const char *const missing[] = {"", "NA", "NaN", "nan", "null"};

	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		if (field->size == strlen(missing[i]) && memcmp(field->data, missing[i], field->size) == 0)
			return true;
	return false;
}

static int find_field(const struct csv_row *row, const char *name)
{
	for (int i = 0; i < row->count; i++)
		if (row->fields[i].size == strlen(name) && memcmp(row->fields[i].data, name, strlen(name)) == 0)
			return i;
	return -1;
}

static bool take_header(struct reading *reading, const struct csv_row *row, struct fail *fail)
{
	struct table *table = reading->table;
	const char *lacking = NULL;

	reading->label_at = find_field(row, table->label_name);
	if (reading->label_at < 0)
		lacking = table->label_name;
	reading->id_at = reading->id ? find_field(row, reading->id) : -1;
	if (reading->id && reading->id_at < 0)
		lacking = reading->id;
	for (int f = 0; f < table->feature_count; f++) {
		reading->feature_at[f] = find_field(row, table->features[f].name);
		if (reading->feature_at[f] < 0)
			lacking = table->features[f].name;
	}
	reading->field_count = row->count;
	return !lacking || fail_set(fail, EXIT_BAD_DATA, "file \"%s\" has no column \"%s\" in its first line",
				    reading->file, lacking);
}

/* The strictest type that all values so far have. */
static void infer(struct table_column *column, const struct csv_field *field)
{
	int32_t integer;
	float real;

	if (is_missing(field)) {
		column->missing++;
		return;
	}
	if (column->type == COLUMN_INTEGER &&
	    (!number_int32(field->data, field->size, &integer) || integer == INT32_MIN))
		column->type = COLUMN_REAL;
	if (column->type == COLUMN_REAL && !number_float32(field->data, field->size, &real))
		column->type = COLUMN_CATEGORY;
}

static bool take_value(struct reading *reading, int f, const struct csv_row *row, int32_t *value, struct fail *fail)
{
	struct table_column *column = &reading->table->features[f];
	const struct csv_field *field = &row->fields[reading->feature_at[f]];
	bool missing = is_missing(field);
	float real = 0;

	if (column->type == COLUMN_CATEGORY) {
		*value = texts_code(&column->texts, field->data, field->size);
		return true;
	}
	if (column->type == COLUMN_INTEGER) {
		*value = INT32_MIN; /* missing: below all others */
		if (missing || number_int32(field->data, field->size, value))
			return true;
	} else if (missing || number_float32(field->data, field->size, &real)) {
		*value = forest_real_key(missing ? -__builtin_inff() : real);
		return true;
	}
	return fail_set(fail, EXIT_BAD_DATA,
			"could not read file \"%s\": line %lld: column \"%s\" holds \"%.*s\", which is no %s as in the "
			"training file",
			reading->file, (long long)row->line, column->name, (int)(field->size < 40 ? field->size : 40),
			field->data, column->type == COLUMN_INTEGER ? "integer" : "number");
}

static bool is_test_row(const struct reading *reading, const struct csv_row *row)
{
	char number[24];

	if (reading->kinds != (TABLE_TEST | TABLE_TRAIN))
		return reading->kinds == TABLE_TEST;
	if (reading->id_at >= 0)
		return split_has(reading->split, row->fields[reading->id_at].data, row->fields[reading->id_at].size);
	return split_has(reading->split, number,
			 (size_t)snprintf(number, sizeof(number), "%lld", (long long)reading->row));
}

static bool take_row(void *context, const struct csv_row *row, struct fail *fail)
{
	struct reading *reading = context;
	struct table *table = reading->table;
	const struct csv_field *label;
	int32_t code;

	if (row->problem)
		return fail_set(fail, EXIT_BAD_DATA, "could not read file \"%s\": line %lld: %s", reading->file,
				(long long)row->line, row->problem);
	if (reading->field_count == 0)
		return take_header(reading, row, fail);
	if (row->count != reading->field_count)
		return fail_set(fail, EXIT_BAD_DATA,
				"could not read file \"%s\": line %lld: expected %d fields, found %d", reading->file,
				(long long)row->line, reading->field_count, row->count);
	reading->row++;
	if (reading->kinds == 0) {
		for (int f = 0; f < table->feature_count; f++)
			infer(&table->features[f], &row->fields[reading->feature_at[f]]);
		return true;
	}
	label = &row->fields[reading->label_at];
	if (is_missing(label)) {
		table->unlabelled++;
		return true;
	}
	code = texts_code(&table->labels, label->data, label->size);
	for (int f = 0; f < table->feature_count; f++)
		if (!take_value(reading, f, row, &reading->values[f], fail))
			return false;
	dataset_rows_add(is_test_row(reading, row) ? &table->test : &table->train, code, reading->values, 1);
	return true;
}

static bool read_file(struct reading *reading, struct fail *fail)
{
	struct csv *csv = csv_new(reading->file, take_row, reading);
	FILE *file = fopen(reading->file, "re");
	char *buffer = xmalloc(READ_SIZE);
	size_t size;
	bool done = file != NULL;

	reading->feature_at = xcalloc((size_t)reading->table->feature_count, sizeof(*reading->feature_at));
	reading->values = xcalloc((size_t)reading->table->feature_count, sizeof(*reading->values));
	while (done && (size = fread(buffer, 1, READ_SIZE, file)) > 0)
		done = csv_feed(csv, buffer, size, fail);
	if (!file || ferror(file))
		done = fail_set(fail, EXIT_FAILED, "could not read file \"%s\": %s", reading->file, strerror(errno));
	done = done && csv_finish(csv, fail);
	if (done && reading->row == 0)
		done = fail_set(fail, EXIT_BAD_DATA, "file \"%s\" holds no data row", reading->file);
	if (file)
		fclose(file);
	free(buffer);
	free(reading->feature_at);
	free(reading->values);
	csv_free(csv);
	return done;
}

/* ------------------------------------------------------------------ the table */

static bool split_names(struct table *table, const char *features, struct fail *fail)
{
	table->features = xcalloc(strlen(features) + 1, sizeof(*table->features));
	for (const char *at = features;; at++) {
		size_t size = strcspn(at, ",");
		struct table_column *column = &table->features[table->feature_count++];

		column->name = xstrndup(at, size);
		if (size == 0 || table->feature_count > SPEC_MAX_FEATURES)
			return fail_set(fail, EXIT_WRONG_USE,
					"--features needs 1 to %d column names with commas between them, found \"%s\"",
					SPEC_MAX_FEATURES, features);
		for (int f = 0; f < table->feature_count - 1; f++)
			if (strcmp(table->features[f].name, column->name) == 0)
				return fail_set(fail, EXIT_WRONG_USE, "--features names column \"%s\" twice",
						column->name);
		if (strcmp(column->name, table->label_name) == 0)
			return fail_set(fail, EXIT_WRONG_USE, "column \"%s\" cannot be the label and a feature",
					column->name);
		at += size;
		if (*at == '\0')
			return true;
	}
}

bool table_open(struct table *table, const char *file, const char *label, const char *features, struct fail *fail)
{
	struct reading reading = {.table = table, .file = file};

	*table = (struct table){.label_name = xstrdup(label)};
	if (!split_names(table, features, fail))
		return false;
	for (int f = 0; f < table->feature_count; f++)
		table->features[f].type = COLUMN_INTEGER;
	dataset_rows_init(&table->train, table->feature_count);
	dataset_rows_init(&table->test, table->feature_count);
	return read_file(&reading, fail);
}

bool table_read(struct table *table, const char *file, const char *id, int kinds, struct fail *fail)
{
	struct reading reading = {.table = table, .file = file, .id = id, .kinds = kinds};
	char limit[SPLIT_LIMIT_SIZE];
	bool done;

	if (!split_limit("0.2", limit))
		return fail_set(fail, EXIT_FAILED, "the holdout's limit could not be computed");
	reading.split = split_new(table->source ? table->source : "", limit);
	done = read_file(&reading, fail);
	split_free(reading.split);
	return done;
}

void table_release(struct table *table)
{
	for (int f = 0; f < table->feature_count; f++) {
		free(table->features[f].name);
		texts_release(&table->features[f].texts);
	}
	texts_release(&table->labels);
	free(table->features);
	free(table->label_name);
	dataset_rows_release(&table->train);
	dataset_rows_release(&table->test);
}
