#include "common/forest.h"

#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/xalloc.h"

/* ------------------------------------------------------------------ values */

int32_t forest_real_key(float value)
{
	int32_t bits;

	value += 0.0f; /* -0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	/* Negative floats order backwards by their bits. */
	return bits < 0 ? (int32_t)(0x80000000u - (uint32_t)bits) : bits;
}

float forest_key_real(int32_t key)
{
	int32_t bits = key < 0 ? (int32_t)(0x80000000u - (uint32_t)key) : key;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int compare_text(const char *known, const char *text, size_t size)
{
	int order = strncmp(known, text, size);

	return order ? order : known[size] != '\0';
}

static enum forest_encoded encode_category(const struct forest_feature *feature, const char *text, size_t size,
					   int32_t *key)
{
	int low = 0, high = feature->category_count - 1;

	while (low <= high && !memchr(text, '\0', size)) {
		int middle = low + (high - low) / 2;
		int order = compare_text(feature->categories[feature->by_text[middle]], text, size);

		if (order == 0) {
			*key = feature->by_text[middle];
			return FOREST_ENCODED;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	*key = feature->frequent;
	return FOREST_UNSEEN;
}

enum forest_encoded forest_encode(const struct forest *forest, int feature, const char *text, size_t size, int32_t *key)
{
	const struct forest_feature *column = &forest->features[feature];
	float real;

	switch (column->type) {
	case COLUMN_INTEGER:
		return number_int32(text, size, key) ? FOREST_ENCODED : FOREST_NO_NUMBER;
	case COLUMN_REAL:
		if (!number_float32(text, size, &real))
			return FOREST_NO_NUMBER;
		*key = forest_real_key(real);
		return FOREST_ENCODED;
	case COLUMN_CATEGORY:
		break;
	}
	return encode_category(column, text, size, key);
}

int forest_label(const struct forest *forest, const char *text, size_t size)
{
	for (int i = 0; i < forest->class_count; i++)
		if (strlen(forest->labels[i]) == size && memcmp(forest->labels[i], text, size) == 0)
			return i;
	return -1;
}

double forest_probability(const struct forest *forest, uint64_t score)
{
	return (double)score / ((double)forest->tree_count * FOREST_SHARE_ONE);
}

void forest_free(struct forest *forest)
{
	if (!forest)
		return;
	for (int i = 0; forest->features && i < forest->feature_count; i++) {
		struct forest_feature *feature = &forest->features[i];

		for (int j = 0; feature->categories && j < feature->category_count; j++)
			free(feature->categories[j]);
		free(feature->categories);
		free(feature->by_text);
		free(feature->thresholds);
		free(feature->name);
	}
	for (int i = 0; forest->labels && i < forest->class_count; i++)
		free(forest->labels[i]);
	free(forest->features);
	free(forest->labels);
	free(forest->label_name);
	free(forest->roots);
	free(forest->nodes);
	free(forest->distributions);
	free(forest);
}
