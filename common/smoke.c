#include "common/smoke.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/xalloc.h"

/* On, below and above thresholds, in another order for each feature. */
static int32_t key_of(const struct forest_feature *feature, int row, int position)
{
	int step = row * 7 + position * 3;
	int32_t threshold;

	if (feature->type == COLUMN_CATEGORY)
		return feature->category_count ? step % feature->category_count : 0;
	if (feature->threshold_count == 0)
		return 0;
	threshold = feature->thresholds[step % feature->threshold_count];
	return row % 2 && threshold < INT32_MAX ? threshold + 1 : threshold;
}

static json_t *numbers(const uint64_t *scores, int count)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(array, json_integer((json_int_t)scores[i]));
	return array;
}

char *smoke_make(const struct forest *forest)
{
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *scores = xcalloc((size_t)forest->class_count, sizeof(*scores));
	json_t *rows = json_array();
	char *text;

	for (int row = 0; row < SMOKE_ROWS; row++) {
		json_t *row_keys = json_array();

		for (int i = 0; i < forest->feature_count; i++) {
			keys[i] = key_of(&forest->features[i], row, i);
			json_array_append_new(row_keys, json_integer(keys[i]));
		}
		forest_predict(forest, keys, scores);
		json_array_append_new(
		    rows, json_pack("{s:o, s:o}", "keys", row_keys, "scores", numbers(scores, forest->class_count)));
	}
	text = json_dumps(rows, JSON_COMPACT);
	json_decref(rows);
	free(keys);
	free(scores);
	return text;
}

static bool check_row(const struct forest *forest, const json_t *row, int32_t *keys, uint64_t *scores)
{
	const json_t *row_keys = json_object_get(row, "keys"), *wanted = json_object_get(row, "scores");

	if (json_array_size(row_keys) != (size_t)forest->feature_count ||
	    json_array_size(wanted) != (size_t)forest->class_count)
		return false;
	for (int i = 0; i < forest->feature_count; i++)
		keys[i] = (int32_t)json_integer_value(json_array_get(row_keys, (size_t)i));
	forest_predict(forest, keys, scores);
	for (int i = 0; i < forest->class_count; i++)
		if (scores[i] != (uint64_t)json_integer_value(json_array_get(wanted, (size_t)i)))
			return false;
	return true;
}

bool smoke_check(const struct forest *forest, const char *json, struct fail *fail)
{
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *scores = xcalloc((size_t)forest->class_count, sizeof(*scores));
	json_t *rows = json_loads(json, 0, NULL);
	bool good = json_array_size(rows) > 0;

	if (!good)
		fail_set(fail, EXIT_FAILED, "the model's smoke rows are no JSON array of rows");
	for (size_t i = 0; good && i < json_array_size(rows); i++)
		good = check_row(forest, json_array_get(rows, i), keys, scores) ||
		       fail_set(fail, EXIT_FAILED,
				"the model fails its self-test: smoke row %zu scores otherwise here than where it was "
				"trained",
				i + 1);
	json_decref(rows);
	free(keys);
	free(scores);
	return good;
}
