#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/memory.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "model-training/dataset.h"
#include "model-training/order.h"
#include "model-training/pairs.h"
#include "model-training/ranking.h"

enum { RANKING_BYTES = 48 }; /* for each row, to rank a column (ranking.c); as much in the end to sort the rows */

struct coding {
	const struct dataset_rows *rows;
	const struct dataset_names *names;
	struct dataset *dataset;
	uint16_t **codes; /* by column, then row: the features, then the class */
};

/* Column 0 is the label. */
static int32_t value_of(const struct coding *coding, int64_t row, int column)
{
	return coding->rows->values[(size_t)row * ((size_t)coding->rows->feature_count + 1) + (size_t)column];
}

/* The code of every distinct value: its own place, or that of its quantile bin. */
static void assign_codes(const struct ranking *ranking, int64_t all_rows, struct dataset_feature *feature,
			 uint16_t *codes)
{
	int64_t before = 0, last_bin = -1;

	feature->binned = ranking->count > DATASET_MAX_VALUES;
	for (int64_t i = 0; i < ranking->count; i++) {
		int64_t bin = feature->binned ? before * DATASET_MAX_VALUES / all_rows : i;
		int v = feature->value_count - (bin == last_bin);

		if (v == feature->value_count)
			feature->low[feature->value_count++] = ranking->keys[i];
		feature->high[v] = ranking->keys[i];
		feature->rows[v] += ranking->rows[i];
		codes[i] = (uint16_t)v;
		last_bin = bin;
		before += ranking->rows[i];
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
	struct ranking ranking;
	uint16_t *codes;

	ranking_find(&ranking, coding->rows->values + f + 1, (size_t)coding->rows->feature_count + 1,
		     coding->rows->counts, coding->rows->count);
	codes = xcalloc((size_t)ranking.count, sizeof(*codes));
	allocate_values(feature, ranking.count);
	assign_codes(&ranking, coding->dataset->row_count, feature, codes);
	for (int64_t row = 0; row < coding->rows->count; row++)
		coding->codes[f][row] = codes[ranking.ranks[row]];
	free(codes);
	ranking_release(&ranking);
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

static void find_places(const struct coding *coding, int f, const struct used *used, char **texts, int *places)
{
	const uint16_t *classes = coding->codes[coding->dataset->feature_count];
	size_t rows = (size_t)coding->rows->count;
	struct pair *pairs = xcalloc(rows, sizeof(*pairs));
	struct order_cell *cells = xcalloc(rows, sizeof(*cells));
	int64_t count = 0;

	for (size_t row = 0; row < rows; row++)
		pairs[row] = (struct pair){
		    (uint64_t)used->index[value_of(coding, (int64_t)row, f + 1)] << 16 | classes[row], (uint32_t)row};
	pairs_sort(pairs, rows);
	for (size_t i = 0; i < rows; i++) {
		if (i == 0 || pairs[i].key != pairs[i - 1].key)
			cells[count++] = (struct order_cell){.value = (int)(pairs[i].key >> 16),
							     .class = (int)(pairs[i].key & 0xffff)};
		cells[count - 1].rows += coding->rows->counts[pairs[i].thing];
	}
	order_values(cells, count, texts, used->count, coding->dataset->class_count, places);
	free(pairs);
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
		coding->codes[f][row] = (uint16_t)place;
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
		coding->codes[dataset->feature_count][row] = (uint16_t)used.index[value_of(coding, row, 0)];
	done = true;
out:
	used_release(&used);
	return done;
}

static bool same_row(const struct coding *coding, uint32_t a, uint32_t b)
{
	for (int c = 0; c <= coding->dataset->feature_count; c++)
		if (coding->codes[c][a] != coding->codes[c][b])
			return false;
	return true;
}

/* The leftmost column from which those up to `end` fit into 64 bits as the digits of one number. */
static int first_digit(const struct coding *coding, int end)
{
	const struct dataset *dataset = coding->dataset;
	uint64_t numbers = 1;

	while (end > 0) {
		int values =
		    end - 1 == dataset->feature_count ? dataset->class_count : dataset->features[end - 1].value_count;

		if (__builtin_mul_overflow(numbers, (uint64_t)values, &numbers))
			break;
		end--;
	}
	return end;
}

/* The rows' numbers in the order of their codes: by groups of columns from the last, each group one number. */
static struct pair *sort_rows(const struct coding *coding)
{
	const struct dataset *dataset = coding->dataset;
	size_t rows = (size_t)coding->rows->count;
	struct pair *pairs = xcalloc(rows, sizeof(*pairs));

	for (uint32_t row = 0; row < rows; row++)
		pairs[row].thing = row;
	for (int end = dataset->feature_count + 1; end > 0;) {
		int begin = first_digit(coding, end);

		for (size_t i = 0; i < rows; i++)
			pairs[i].key = 0;
		for (int c = begin; c < end; c++) {
			uint64_t values = (uint64_t)(c == dataset->feature_count ? dataset->class_count
										 : dataset->features[c].value_count);

			for (size_t i = 0; i < rows; i++)
				pairs[i].key = pairs[i].key * values + coding->codes[c][pairs[i].thing];
		}
		pairs_sort(pairs, rows);
		end = begin;
	}
	return pairs;
}

/* Sorts the rows and merges equal ones. */
static void make_slots(struct coding *coding)
{
	struct dataset *dataset = coding->dataset;
	size_t rows = (size_t)coding->rows->count;
	struct pair *sorted = sort_rows(coding);
	uint32_t *firsts = xcalloc(rows, sizeof(*firsts));

	dataset->counts = xcalloc(rows, sizeof(*dataset->counts));
	for (size_t i = 0; i < rows; i++) {
		if (i == 0 || !same_row(coding, sorted[i - 1].thing, sorted[i].thing))
			firsts[dataset->slot_count++] = sorted[i].thing;
		dataset->counts[dataset->slot_count - 1] += (uint32_t)coding->rows->counts[sorted[i].thing];
	}
	free(sorted);
	for (int c = 0; c <= dataset->feature_count; c++) {
		uint16_t *codes = xcalloc(dataset->slot_count, sizeof(*codes));

		for (uint32_t s = 0; s < dataset->slot_count; s++)
			codes[s] = coding->codes[c][firsts[s]];
		if (c < dataset->feature_count)
			dataset->features[c].codes = codes;
		else
			dataset->classes = codes;
		free(coding->codes[c]);
		coding->codes[c] = NULL;
	}
	free(firsts);
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
	struct coding coding = {.rows = rows,
				.names = names,
				.dataset = dataset,
				.codes = xcalloc((size_t)rows->feature_count + 1, sizeof(*coding.codes))};
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
	memory_foresee((uint64_t)rows->count *
		       (sizeof(uint16_t) * ((uint64_t)rows->feature_count + 1) + RANKING_BYTES));
	for (int c = 0; c <= rows->feature_count; c++)
		coding.codes[c] = xcalloc((size_t)rows->count, sizeof(**coding.codes));
	if (!code_labels(&coding, fail) || !code_features(&coding, fail))
		goto out;
	make_slots(&coding);
	done = true;
out:
	for (int c = 0; c <= rows->feature_count; c++)
		free(coding.codes[c]);
	free(coding.codes);
	if (done)
		return dataset;
	dataset_free(dataset);
	return NULL;
}
