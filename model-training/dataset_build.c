#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "model-training/dataset.h"
#include "model-training/distinct.h"
#include "model-training/order.h"

/* The rows' codes, row-major and big-endian: the features, then the class; so that memcmp() orders rows. */
struct coding {
	const struct dataset_rows *rows;
	const struct dataset_names *names;
	struct dataset *dataset;
	size_t width; /* bytes of a row */
	unsigned char *codes;
};

static void set_code(struct coding *coding, int64_t row, int column, uint16_t code)
{
	unsigned char *at = coding->codes + (size_t)row * coding->width + 2 * (size_t)column;

	at[0] = (unsigned char)(code >> 8);
	at[1] = (unsigned char)code;
}

static uint16_t get_code(const struct coding *coding, int64_t row, int column)
{
	const unsigned char *at = coding->codes + (size_t)row * coding->width + 2 * (size_t)column;

	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Column 0 is the label. */
static int32_t value_of(const struct coding *coding, int64_t row, int column)
{
	return coding->rows->values[(size_t)row * ((size_t)coding->rows->feature_count + 1) + (size_t)column];
}

/* Rows of every distinct value. */
static int64_t *distinct_rows(const struct coding *coding, int column, const struct distinct *distinct)
{
	int64_t *rows = xcalloc((size_t)distinct->count, sizeof(*rows));

	for (int64_t row = 0; row < coding->rows->count; row++)
		rows[distinct_index(distinct, value_of(coding, row, column))] += coding->rows->counts[row];
	return rows;
}

/* The code of every distinct value: its own place, or that of its quantile bin. */
static void assign_codes(const struct distinct *distinct, const int64_t *rows, int64_t all_rows,
			 struct dataset_feature *feature, uint16_t *codes)
{
	int64_t before = 0, last_bin = -1;

	feature->binned = distinct->count > DATASET_MAX_VALUES;
	for (int64_t i = 0; i < distinct->count; i++) {
		int64_t bin = feature->binned ? before * DATASET_MAX_VALUES / all_rows : i;
		int v = feature->value_count - (bin == last_bin);

		if (v == feature->value_count)
			feature->low[feature->value_count++] = distinct->keys[i];
		feature->high[v] = distinct->keys[i];
		feature->rows[v] += rows[i];
		codes[i] = (uint16_t)v;
		last_bin = bin;
		before += rows[i];
	}
}

static void allocate_values(struct dataset_feature *feature, int64_t count)
{
	size_t size = (size_t)(count > DATASET_MAX_VALUES ? DATASET_MAX_VALUES : count);

	feature->rows = xcalloc(size, sizeof(*feature->rows));
	feature->low = xcalloc(size, sizeof(*feature->low));
	feature->high = xcalloc(size, sizeof(*feature->high));
}

static void code_numbers(struct coding *coding, int f)
{
	struct dataset_feature *feature = &coding->dataset->features[f];
	int64_t row_count = coding->rows->count;
	int32_t *values = xcalloc((size_t)row_count, sizeof(*values));
	struct distinct distinct;
	int64_t *rows;
	uint16_t *codes;

	for (int64_t row = 0; row < row_count; row++)
		values[row] = value_of(coding, row, f + 1);
	distinct_find(values, row_count, &distinct);
	free(values);
	rows = distinct_rows(coding, f + 1, &distinct);
	codes = xcalloc((size_t)distinct.count, sizeof(*codes));
	allocate_values(feature, distinct.count);
	assign_codes(&distinct, rows, coding->dataset->row_count, feature, codes);
	for (int64_t row = 0; row < coding->rows->count; row++)
		set_code(coding, row, f, codes[distinct_index(&distinct, value_of(coding, row, f + 1))]);
	free(codes);
	free(rows);
	distinct_release(&distinct);
}

/* A text column's values that occur, in an order of their texts. */
struct used {
	int *codes; /* database code by index */
	int count;
	int *index; /* by database code */
};

struct text_compare {
	char *const *texts;
	bool as_numbers;
};

static int compare_texts(const void *left, const void *right, void *context)
{
	const struct text_compare *compare = context;
	const char *a = compare->texts[*(const int *)left], *b = compare->texts[*(const int *)right];
	int64_t x = 0, y = 0;

	if (compare->as_numbers && number_int64(a, strlen(a), &x) && number_int64(b, strlen(b), &y) && x != y)
		return x < y ? -1 : 1;
	return strcmp(a, b);
}

static bool used_find(const struct coding *coding, int column, char *const *texts, int text_count, bool numbers_first,
		      struct used *used, struct fail *fail)
{
	struct text_compare compare = {.texts = texts, .as_numbers = numbers_first};

	*used = (struct used){.codes = xcalloc((size_t)text_count, sizeof(int)),
			      .index = xcalloc((size_t)text_count, sizeof(int))};
	for (int64_t row = 0; row < coding->rows->count; row++) {
		int32_t code = value_of(coding, row, column);

		if (code < 0 || code >= text_count)
			return fail_set(fail, EXIT_FAILED,
					"a feature row holds code %d, which the dictionary of %d texts "
					"does not know: run preprocessing again",
					code, text_count);
		used->index[code] = 1;
	}
	for (int code = 0; code < text_count; code++)
		if (used->index[code]) {
			int64_t number;

			used->codes[used->count++] = code;
			compare.as_numbers =
			    compare.as_numbers && number_int64(texts[code], strlen(texts[code]), &number);
		}
	qsort_r(used->codes, (size_t)used->count, sizeof(int), compare_texts, &compare);
	for (int i = 0; i < used->count; i++)
		used->index[used->codes[i]] = i;
	return true;
}

static void used_release(struct used *used)
{
	free(used->codes);
	free(used->index);
}

static int by_value_then_class(const void *left, const void *right)
{
	const struct order_cell *a = left, *b = right;

	return a->value != b->value ? (a->value < b->value ? -1 : 1) : (a->class > b->class) - (a->class < b->class);
}

static void find_places(const struct coding *coding, int f, const struct used *used, char **texts, int *places)
{
	int64_t rows = coding->rows->count, count = 0;
	struct order_cell *cells = xcalloc((size_t)rows, sizeof(*cells));

	for (int64_t row = 0; row < rows; row++)
		cells[row] = (struct order_cell){.value = used->index[value_of(coding, row, f + 1)],
						 .class = get_code(coding, row, coding->dataset->feature_count),
						 .rows = coding->rows->counts[row]};
	qsort(cells, (size_t)rows, sizeof(*cells), by_value_then_class);
	for (int64_t i = 0; i < rows; i++)
		if (count > 0 && by_value_then_class(&cells[count - 1], &cells[i]) == 0)
			cells[count - 1].rows += cells[i].rows;
		else
			cells[count++] = cells[i];
	order_values(cells, count, texts, used->count, coding->dataset->class_count, places);
	free(cells);
}

static bool code_texts(struct coding *coding, int f, struct fail *fail)
{
	const struct dataset_column *column = &coding->names->features[f];
	struct dataset_feature *feature = &coding->dataset->features[f];
	char **texts = NULL;
	int *places = NULL;
	struct used used;
	bool done = false;

	if (!used_find(coding, f + 1, column->texts, column->text_count, false, &used, fail))
		goto out;
	if (used.count > DATASET_MAX_VALUES) {
		fail_set(fail, EXIT_BAD_DATA,
			 "category column \"%s\" has %d distinct texts, at most %d are possible: give "
			 "the spec a coarser column",
			 column->name, used.count, DATASET_MAX_VALUES);
		goto out;
	}
	texts = xcalloc((size_t)used.count, sizeof(*texts));
	places = xcalloc((size_t)used.count, sizeof(*places));
	for (int v = 0; v < used.count; v++)
		texts[v] = column->texts[used.codes[v]];
	find_places(coding, f, &used, texts, places);
	allocate_values(feature, used.count);
	feature->texts = xcalloc((size_t)used.count, sizeof(*feature->texts));
	feature->value_count = used.count;
	for (int v = 0; v < used.count; v++) {
		feature->texts[places[v]] = xstrdup(texts[v]);
		feature->low[v] = feature->high[v] = v;
	}
	for (int64_t row = 0; row < coding->rows->count; row++) {
		int place = places[used.index[value_of(coding, row, f + 1)]];

		feature->rows[place] += coding->rows->counts[row];
		set_code(coding, row, f, (uint16_t)place);
	}
	done = true;
out:
	free(texts);
	free(places);
	used_release(&used);
	return done;
}

static bool code_labels(struct coding *coding, struct fail *fail)
{
	const struct dataset_names *names = coding->names;
	struct dataset *dataset = coding->dataset;
	struct used used;
	bool done = false;

	if (!used_find(coding, 0, names->labels, names->label_count, true, &used, fail))
		goto out;
	if (used.count < 2)
		fail_set(fail, EXIT_BAD_DATA,
			 "all %lld training rows have the label \"%s\" in column \"%s\": a classifier needs "
			 "rows of at least two labels",
			 (long long)dataset->row_count, names->labels[used.codes[0]], names->label_name);
	else if (used.count > FOREST_MAX_CLASSES)
		fail_set(fail, EXIT_BAD_DATA, "label column \"%s\" has %d distinct labels, at most %d are possible",
			 names->label_name, used.count, FOREST_MAX_CLASSES);
	if (fail->code != EXIT_DONE)
		goto out;
	dataset->labels = xcalloc((size_t)used.count, sizeof(*dataset->labels));
	dataset->class_count = used.count;
	for (int k = 0; k < used.count; k++)
		dataset->labels[k] = xstrdup(names->labels[used.codes[k]]);
	for (int64_t row = 0; row < coding->rows->count; row++)
		set_code(coding, row, dataset->feature_count, (uint16_t)used.index[value_of(coding, row, 0)]);
	done = true;
out:
	used_release(&used);
	return done;
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct coding *coding = context;

	return memcmp(coding->codes + (size_t) * (const uint32_t *)left * coding->width,
		      coding->codes + (size_t) * (const uint32_t *)right * coding->width, coding->width);
}

/* Sorts the rows and merges equal ones. */
static void make_slots(struct coding *coding)
{
	struct dataset *dataset = coding->dataset;
	size_t rows = (size_t)coding->rows->count;
	uint32_t *sorted = xcalloc(rows, sizeof(*sorted));

	for (uint32_t i = 0; i < rows; i++)
		sorted[i] = i;
	qsort_r(sorted, rows, sizeof(*sorted), compare_rows, coding);
	dataset->counts = xcalloc(rows, sizeof(*dataset->counts));
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t *last = dataset->slot_count ? &sorted[dataset->slot_count - 1] : NULL;

		if (!last || compare_rows(last, &sorted[i], coding) != 0)
			sorted[dataset->slot_count++] = sorted[i];
		dataset->counts[dataset->slot_count - 1] += (uint32_t)coding->rows->counts[sorted[i]];
	}
	dataset->classes = xcalloc(dataset->slot_count, sizeof(*dataset->classes));
	for (uint32_t s = 0; s < dataset->slot_count; s++)
		dataset->classes[s] = get_code(coding, sorted[s], dataset->feature_count);
	for (int f = 0; f < dataset->feature_count; f++) {
		dataset->features[f].codes = xcalloc(dataset->slot_count, sizeof(uint16_t));
		for (uint32_t s = 0; s < dataset->slot_count; s++)
			dataset->features[f].codes[s] = get_code(coding, sorted[s], f);
	}
	free(sorted);
}

static bool code_features(struct coding *coding, struct fail *fail)
{
	struct dataset *dataset = coding->dataset;

	for (int f = 0; f < dataset->feature_count; f++) {
		dataset->features[f].name = xstrdup(coding->names->features[f].name);
		dataset->features[f].type = coding->names->features[f].type;
		if (dataset->features[f].type != COLUMN_CATEGORY)
			code_numbers(coding, f);
		else if (!code_texts(coding, f, fail))
			return false;
	}
	return true;
}

struct dataset *dataset_build(const struct dataset_rows *rows, const struct dataset_names *names, struct fail *fail)
{
	struct dataset *dataset = xcalloc(1, sizeof(*dataset));
	struct coding coding = {
	    .rows = rows, .names = names, .dataset = dataset, .width = 2 * ((size_t)rows->feature_count + 1)};
	bool done = false;

	dataset->feature_count = rows->feature_count;
	dataset->features = xcalloc((size_t)rows->feature_count, sizeof(*dataset->features));
	dataset->label_name = xstrdup(names->label_name);
	for (int64_t row = 0; row < rows->count; row++)
		dataset->row_count += rows->counts[row];
	if (dataset->row_count == 0)
		fail_set(fail, EXIT_BAD_DATA, "there is no row to train on: load data and run preprocessing first");
	else if (dataset->row_count > INT32_MAX)
		fail_set(fail, EXIT_BAD_DATA,
			 "%lld rows are too many to train on, at most %d are possible: let the spec's "
			 "\"train_on\" take fewer rows",
			 (long long)dataset->row_count, INT32_MAX);
	if (fail->code != EXIT_DONE)
		goto out;
	coding.codes = xcalloc((size_t)rows->count, coding.width);
	if (!code_labels(&coding, fail) || !code_features(&coding, fail))
		goto out;
	make_slots(&coding);
	done = true;
out:
	free(coding.codes);
	if (done)
		return dataset;
	dataset_free(dataset);
	return NULL;
}
