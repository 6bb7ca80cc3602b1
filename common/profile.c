#include "common/profile.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

static bool read_numbers(const json_t *list, int64_t *numbers, int *count)
{
	size_t size = json_array_size(list);

	if (size == 0 || size > DRIFT_MAX_BINS)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!json_is_integer(json_array_get(list, i)))
			return false;
		numbers[i] = json_integer_value(json_array_get(list, i));
	}
	*count = (int)size;
	return true;
}

static bool read_feature(const json_t *json, struct profile_feature *feature)
{
	const json_t *from = json_object_get(json, "from"), *keys = from ? from : json_object_get(json, "keys");
	const char *column = json_string_value(json_object_get(json, "column"));
	int64_t numbers[DRIFT_MAX_BINS];

	feature->column = xstrdup(column ? column : "");
	feature->ordered = from != NULL;
	if (!column || !read_numbers(keys, numbers, &feature->key_count) ||
	    !read_numbers(json_object_get(json, "rows"), feature->rows, &feature->bin_count))
		return false;
	for (int i = 0; i < feature->key_count; i++) {
		if (numbers[i] < INT32_MIN || numbers[i] > INT32_MAX)
			return false;
		feature->keys[i] = (int32_t)numbers[i];
	}
	return feature->bin_count == feature->key_count ||
	       (!feature->ordered && feature->bin_count == feature->key_count + 1);
}

struct profile *profile_read(const char *json, struct fail *fail)
{
	json_t *list = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	struct profile *profile = xcalloc(1, sizeof(*profile));
	bool good = json_is_array(list);

	profile->features = xcalloc(json_array_size(list) + 1, sizeof(*profile->features));
	for (size_t i = 0; good && i < json_array_size(list); i++)
		good = read_feature(json_array_get(list, i), &profile->features[profile->feature_count++]);
	json_decref(list);
	if (good)
		return profile;
	profile_free(profile);
	fail_set(fail, EXIT_FAILED, "the plan's profile is no list of features with their bins");
	return NULL;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	for (int i = 0; i < profile->feature_count; i++)
		free(profile->features[i].column);
	free(profile->features);
	free(profile);
}

int profile_bin(const struct profile_feature *feature, int32_t key)
{
	int bin = 0;

	if (feature->ordered) {
		while (bin + 1 < feature->key_count && key >= feature->keys[bin + 1])
			bin++;
		return bin;
	}
	while (bin < feature->key_count && feature->keys[bin] != key)
		bin++;
	return bin < feature->bin_count ? bin : feature->bin_count - 1;
}

static void measure_feature(struct profile_feature *feature, int at, int feature_count, const struct feature_rows *rows)
{
	int64_t now[DRIFT_MAX_BINS] = {0};

	for (int64_t row = 0; row < rows->count; row++)
		now[profile_bin(feature, rows->keys[row * feature_count + at])]++;
	drift_measure(feature->rows, now, feature->bin_count, &feature->drift);
}

void profile_measure(struct profile *profile, const struct forest *forest, const struct feature_rows *rows)
{
	for (int i = 0; i < profile->feature_count; i++)
		for (int at = 0; at < forest->feature_count; at++)
			if (strcmp(forest->features[at].name, profile->features[i].column) == 0)
				measure_feature(&profile->features[i], at, forest->feature_count, rows);
}
