#include "model-training/plan_profile.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/drift.h"
#include "common/xalloc.h"

/* Bins of ordered values are intervals, named by their lowest key. */
static json_t *lowest_keys(const struct dataset_feature *feature, const uint16_t *bin_of)
{
	json_t *keys = json_array();

	for (int value = 0; value < feature->value_count; value++)
		if (value == 0 || bin_of[value] != bin_of[value - 1])
			json_array_append_new(keys, json_integer(feature->low[value]));
	return keys;
}

/* Bins of others hold one value each; the last may hold several, and then has no key. */
static json_t *single_keys(const struct dataset_feature *feature, const uint16_t *bin_of, int bins)
{
	int key_of[DRIFT_MAX_BINS], values_in[DRIFT_MAX_BINS] = {0};
	json_t *keys = json_array();

	for (int value = 0; value < feature->value_count; value++) {
		key_of[bin_of[value]] = feature->low[value];
		values_in[bin_of[value]]++;
	}
	for (int bin = 0; bin < bins; bin++)
		if (values_in[bin] == 1)
			json_array_append_new(keys, json_integer(key_of[bin]));
	return keys;
}

static json_t *feature_json(const struct dataset_feature *feature)
{
	bool ordered = feature->type != COLUMN_CATEGORY;
	uint16_t *bin_of = xcalloc((size_t)feature->value_count, sizeof(*bin_of));
	int bins = drift_group(feature->rows, feature->value_count, ordered, bin_of);
	int64_t rows[DRIFT_MAX_BINS] = {0};
	json_t *counts = json_array(), *keys;

	for (int value = 0; value < feature->value_count; value++)
		rows[bin_of[value]] += feature->rows[value];
	for (int bin = 0; bin < bins; bin++)
		json_array_append_new(counts, json_integer(rows[bin]));
	keys = ordered ? lowest_keys(feature, bin_of) : single_keys(feature, bin_of, bins);
	free(bin_of);
	return json_pack("{s:s, s:o, s:o}", "column", feature->name, ordered ? "from" : "keys", keys, "rows", counts);
}

char *plan_profile(const struct dataset *dataset)
{
	json_t *list = json_array();
	char *text;

	for (int i = 0; i < dataset->feature_count; i++)
		json_array_append_new(list, feature_json(&dataset->features[i]));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}
