/* A model's bytes without the checksum, which is put behind them. Whatever is read can be asked for predictions, and
 * trees, many rows at once and table agree to the bit. */
#include <string.h>

#include "common/digest.h"
#include "common/forest_table.h"
#include "common/xalloc.h"
#include "tests/fuzz/fuzz.h"

enum { ROWS = 300, MAX_TABLE = 1 << 16 }; /* enough rows to go down the trees together */

/* Keys at, around and far from the thresholds. */
static int32_t key_of(const struct forest_feature *feature, size_t row, size_t i)
{
	size_t at = (row / 5 + i) * 2654435761u % (size_t)(feature->threshold_count + 1);

	if (at == (size_t)feature->threshold_count)
		return row % 2 ? INT32_MIN : INT32_MAX;
	return (int32_t)((uint32_t)feature->thresholds[at] + (uint32_t)(row % 5) - 2);
}

static void predict(const struct forest *forest)
{
	size_t features = (size_t)forest->feature_count, classes = (size_t)forest->class_count;
	int32_t *keys = xcalloc(ROWS * features, sizeof(*keys));
	uint64_t *scores = xcalloc(ROWS * classes, sizeof(*scores)), *single = xcalloc(classes, sizeof(*single));
	struct forest_table *table = forest_table_new(forest, MAX_TABLE);
	uint16_t predicted[ROWS];

	for (size_t row = 0; row < ROWS; row++)
		for (size_t i = 0; i < features; i++)
			keys[row * features + i] = key_of(&forest->features[i], row, i);
	forest_predict_rows(forest, keys, ROWS, predicted, scores);
	for (size_t row = 0; row < ROWS; row += 7) {
		uint64_t sum = 0;

		PROMISE(forest_predict(forest, keys + row * features, single) == predicted[row]);
		PROMISE(memcmp(single, scores + row * classes, classes * sizeof(*single)) == 0);
		for (size_t i = 0; i < classes; i++) {
			PROMISE(!table || forest_table_scores(table, keys + row * features)[i] == single[i]);
			sum += single[i];
		}
		PROMISE(sum == (uint64_t)forest->tree_count * FOREST_SHARE_ONE);
	}
	forest_table_free(table);
	free(keys);
	free(scores);
	free(single);
}

static void encode(const struct forest *forest)
{
	for (int i = 0; i < forest->feature_count; i++) {
		const struct forest_feature *feature = &forest->features[i];
		const char *text = feature->category_count ? feature->categories[feature->category_count - 1] : "1.5";
		int32_t key = 0;
		enum forest_encoded result = forest_encode(forest, i, text, strlen(text), &key);

		PROMISE(!feature->category_count || (result == FOREST_ENCODED && key == feature->category_count - 1));
	}
	PROMISE(forest_label(forest, forest->labels[0], strlen(forest->labels[0])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *bytes = xmalloc(size + DIGEST_SIZE);
	struct forest *forest;
	struct fail fail = {0};

	memcpy(bytes, data, size);
	digest_bytes(data, size, bytes + size);
	forest = forest_read(bytes, size + DIGEST_SIZE, NULL, &fail);
	free(bytes);
	PROMISE((forest == NULL) == (fail.code != 0));
	if (!forest)
		return 0;
	encode(forest);
	predict(forest);
	forest_free(forest);
	return 0;
}
