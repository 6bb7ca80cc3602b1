/* Stored feature rows as a forest's keys, and how many of them it predicts right (registry.h). */

#include <stdlib.h>
#include <string.h>

#include "common/cell_store.h"
#include "common/forest_walk.h"
#include "common/registry.h"
#include "common/xalloc.h"

/* How the stored values of one feature set become the keys of one forest. */
struct binding {
	const struct forest *forest;
	const struct feature_set *set;
	int *column;	     /* per forest feature: its index in the set */
	int32_t **code_keys; /* per forest feature, of a category: key by dictionary code */
	int32_t *classes;    /* class by label code; -1: unknown to the forest */
	struct feature_rows *rows;
	int64_t capacity;
};

static void bind_codes(struct binding *binding, int feature)
{
	const struct feature_column *column = &binding->set->features[binding->column[feature]];

	binding->code_keys[feature] = xcalloc((size_t)column->text_count, sizeof(int32_t));
	for (int code = 0; code < column->text_count; code++)
		if (column->texts[code])
			(void)forest_encode(binding->forest, feature, column->texts[code], strlen(column->texts[code]),
					    &binding->code_keys[feature][code]);
}

static bool bind_features(struct binding *binding, struct fail *fail)
{
	const struct forest *forest = binding->forest;

	for (int i = 0; i < forest->feature_count; i++) {
		int at = 0;

		while (at < binding->set->feature_count &&
		       strcmp(binding->set->features[at].name, forest->features[i].name) != 0)
			at++;
		if (at == binding->set->feature_count || binding->set->features[at].type != forest->features[i].type)
			return fail_set(
			    fail, EXIT_FAILED, "feature set %d has no %s column \"%s\" that the model was trained on",
			    binding->set->id, column_type_name(forest->features[i].type), forest->features[i].name);
		binding->column[i] = at;
		if (forest->features[i].type == COLUMN_CATEGORY)
			bind_codes(binding, i);
	}
	for (int code = 0; code < binding->set->label_count; code++) {
		const char *label = binding->set->labels[code];

		binding->classes[code] = label ? forest_label(forest, label, strlen(label)) : -1;
	}
	return true;
}

static void release_binding(struct binding *binding)
{
	for (int i = 0; i < binding->forest->feature_count; i++)
		free(binding->code_keys[i]);
	free(binding->code_keys);
	free(binding->column);
	free(binding->classes);
}

static void grow_rows(struct binding *binding)
{
	struct feature_rows *rows = binding->rows;
	size_t capacity = binding->capacity ? (size_t)binding->capacity * 2 : 4096;

	rows->keys = xreallocarray(rows->keys, capacity * (size_t)binding->forest->feature_count, sizeof(*rows->keys));
	rows->label = xreallocarray(rows->label, capacity, sizeof(*rows->label));
	rows->load_id = xreallocarray(rows->load_id, capacity, sizeof(*rows->load_id));
	rows->holdout = xreallocarray(rows->holdout, capacity, sizeof(*rows->holdout));
	binding->capacity = (int64_t)capacity;
}

static int32_t key_of(const struct binding *binding, int feature, int32_t value)
{
	const struct feature_column *column = &binding->set->features[binding->column[feature]];

	if (column->type != COLUMN_CATEGORY)
		return value;
	return value >= 0 && value < column->text_count ? binding->code_keys[feature][value]
							: binding->forest->features[feature].frequent;
}

/* A cell stands for as many equal rows as it counts. */
static bool add_cells(void *context, int load_id, bool holdout, const struct cells *cells, struct fail *fail UNUSED)
{
	struct binding *binding = context;
	struct feature_rows *rows = binding->rows;
	int features = binding->forest->feature_count;

	for (int64_t i = 0; i < cells->count; i++) {
		const int32_t *values = cells->values + i * cells->columns;
		int32_t label =
		    values[0] >= 0 && values[0] < binding->set->label_count ? binding->classes[values[0]] : -1;

		for (int32_t n = 0; n < cells->counts[i]; n++) {
			if (rows->count == binding->capacity)
				grow_rows(binding);
			for (int f = 0; f < features; f++)
				rows->keys[rows->count * features + f] =
				    key_of(binding, f, values[1 + binding->column[f]]);
			rows->label[rows->count] = label;
			rows->load_id[rows->count] = load_id;
			rows->holdout[rows->count++] = holdout;
		}
	}
	return true;
}

bool feature_rows_read(PGconn *db, const struct feature_set *set, const struct forest *forest, const char *loads,
		       const char *which, struct feature_rows *rows, struct fail *fail)
{
	struct cell_source source = {
	    .table = set->cell_table, .columns = 1 + set->feature_count, .loads = loads, .which = which};
	struct binding binding = {.forest = forest, .set = set, .rows = rows};
	bool good;

	memset(rows, 0, sizeof(*rows));
	binding.column = xcalloc((size_t)forest->feature_count, sizeof(*binding.column));
	binding.code_keys = xcalloc((size_t)forest->feature_count, sizeof(*binding.code_keys));
	binding.classes = xcalloc((size_t)set->label_count, sizeof(*binding.classes));
	good = bind_features(&binding, fail) && cell_store_read(db, &source, add_cells, &binding, fail);
	release_binding(&binding);
	if (!good)
		feature_rows_release(rows);
	return good;
}

void feature_rows_pick(const struct feature_rows *all, int feature_count, const uint8_t *known,
		       struct feature_rows *rows)
{
	size_t width = (size_t)feature_count * sizeof(*rows->keys), count = 0;

	for (int64_t row = 0; row < all->count; row++)
		count += !known[row];
	*rows = (struct feature_rows){.keys = xcalloc(count, width), .label = xcalloc(count, sizeof(*rows->label))};
	for (int64_t row = 0; row < all->count; row++)
		if (!known[row]) {
			memcpy(rows->keys + rows->count * feature_count, all->keys + row * feature_count, width);
			rows->label[rows->count++] = all->label[row];
		}
}

void feature_rows_release(struct feature_rows *rows)
{
	free(rows->keys);
	free(rows->label);
	free(rows->load_id);
	free(rows->holdout);
	memset(rows, 0, sizeof(*rows));
}

/* ------------------------------------------------------------------ scoring */

static uint64_t hash_keys(const int32_t *keys, int count)
{
	uint64_t hash = 0x9e3779b97f4a7c15u;

	for (int i = 0; i < count; i++) {
		hash = (hash ^ (uint32_t)keys[i]) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	return hash;
}

/* Numbers the distinct key rows: distinct_of[row] = number; returns how many, their rows copied to distinct. */
static size_t find_distinct(const struct feature_rows *rows, int features, uint32_t *distinct_of, int32_t *distinct)
{
	size_t slots = 16, count = 0, width = (size_t)features * sizeof(int32_t);
	uint32_t *table; /* number + 1; 0: free */

	while (slots < (size_t)rows->count * 2)
		slots *= 2;
	table = xcalloc(slots, sizeof(*table));
	for (int64_t row = 0; row < rows->count; row++) {
		const int32_t *keys = rows->keys + row * features;
		size_t slot = hash_keys(keys, features) & (slots - 1);

		while (table[slot] && memcmp(distinct + (size_t)(table[slot] - 1) * (size_t)features, keys, width) != 0)
			slot = (slot + 1) & (slots - 1);
		if (!table[slot]) {
			memcpy(distinct + count * (size_t)features, keys, width);
			table[slot] = (uint32_t)++count;
		}
		distinct_of[row] = table[slot] - 1;
	}
	free(table);
	return count;
}

struct row_order {
	const int32_t *keys;
	int features;
};

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct row_order *order = context;
	const int32_t *first = order->keys + (size_t) * (const uint32_t *)a * (size_t)order->features;
	const int32_t *second = order->keys + (size_t) * (const uint32_t *)b * (size_t)order->features;

	for (int i = 0; i < order->features; i++)
		if (first[i] != second[i])
			return first[i] < second[i] ? -1 : 1;
	return 0;
}

/* Neighbours in key order go almost the same way down a tree, so its nodes are in the first cache when they come. The
 * numbers in distinct_of are changed along. */
static void sort_distinct(int32_t *distinct, size_t count, int features, uint32_t *distinct_of, size_t rows)
{
	size_t width = (size_t)features * sizeof(int32_t);
	uint32_t *order = xcalloc(count, sizeof(*order)), *place = xcalloc(count, sizeof(*place));
	int32_t *copy = xcalloc(count, width);
	struct row_order by_keys = {copy, features};

	memcpy(copy, distinct, count * width);
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, count, sizeof(*order), compare_rows, &by_keys);
	for (size_t i = 0; i < count; i++) {
		memcpy(distinct + i * (size_t)features, copy + (size_t)order[i] * (size_t)features, width);
		place[order[i]] = (uint32_t)i;
	}
	for (size_t row = 0; row < rows; row++)
		distinct_of[row] = place[distinct_of[row]];
	free(order);
	free(place);
	free(copy);
}

void feature_rows_predict(const struct feature_rows *rows, const struct forest *forest, uint16_t *classes,
			  uint64_t *scores)
{
	size_t row_count = (size_t)rows->count, class_count = (size_t)forest->class_count;
	uint32_t *distinct_of = xcalloc(row_count, sizeof(*distinct_of));
	int32_t *distinct = xcalloc(row_count * (size_t)forest->feature_count, sizeof(*distinct));
	size_t count = find_distinct(rows, forest->feature_count, distinct_of, distinct);
	uint16_t *found = xcalloc(count, sizeof(*found));
	uint64_t *found_scores = scores ? xcalloc(count * class_count, sizeof(*scores)) : NULL;

	if (!forest_walk_sorts(forest))
		sort_distinct(distinct, count, forest->feature_count, distinct_of, row_count);
	forest_predict_rows(forest, distinct, count, found, found_scores);
	for (size_t row = 0; row < row_count; row++) {
		classes[row] = found[distinct_of[row]];
		if (scores)
			memcpy(scores + row * class_count, found_scores + distinct_of[row] * class_count,
			       class_count * sizeof(*scores));
	}
	free(found_scores);
	free(found);
	free(distinct);
	free(distinct_of);
}

void feature_rows_score(const struct feature_rows *rows, const struct forest *forest, uint8_t *right)
{
	uint16_t *classes = xcalloc((size_t)rows->count, sizeof(*classes));

	feature_rows_predict(rows, forest, classes, NULL);
	for (int64_t row = 0; row < rows->count; row++)
		right[row] = rows->label[row] == classes[row];
	free(classes);
}
