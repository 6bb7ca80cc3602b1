/* Trees of a shard without the checksum, which is put behind them. Whatever is read makes a model that can be read, and
 * is the same again when it is written and read once more. */
#include <string.h>

#include "common/digest.h"
#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/forest_write.h"
#include "model-training/importance.h"
#include "model-training/shard.h"
#include "tests/fuzz/fuzz.h"

enum { FEATURES = 2, CLASSES = 2, ROWS = 40 };

static struct dataset *make(void)
{
	static char *labels[CLASSES] = {(char *)"n", (char *)"y"};
	struct dataset_column columns[FEATURES] = {{.name = "a"}, {.name = "b", .type = COLUMN_REAL}};
	struct dataset_names names = {.label_name = "l", .labels = labels, .label_count = CLASSES, .features = columns};
	struct dataset_rows rows;
	struct fail fail = {0};
	struct dataset *dataset;

	dataset_rows_init(&rows, FEATURES);
	for (int row = 0; row < ROWS; row++) {
		int32_t keys[FEATURES] = {row % 3, forest_real_key((float)(row * 7 % 19) / 4)};

		dataset_rows_add(&rows, row % CLASSES, keys, 1);
	}
	dataset = dataset_build(&rows, &names, &fail);
	dataset_rows_release(&rows);
	return dataset;
}

static void use(const struct dataset *dataset, const struct grown *grown, int first_tree)
{
	struct text shard, again, model;
	double importance[FEATURES];
	struct fail fail = {0};
	struct forest *forest;
	struct grown other;
	int first;

	text_init(&shard, SHARD_MAX_SIZE);
	text_init(&again, SHARD_MAX_SIZE);
	text_init(&model, FOREST_WRITE_MAX_SIZE);
	PROMISE(shard_write(grown, first_tree, dataset->class_count, &shard, &fail));
	PROMISE(shard_read(shard.data, shard.size, dataset, &first, &other, &fail) && first == first_tree);
	PROMISE(shard_write(&other, first, dataset->class_count, &again, &fail));
	PROMISE(shard.size == again.size && memcmp(shard.data, again.data, shard.size) == 0);
	grown_release(&other);
	importance_of_impurity(dataset, grown, 1, importance);
	if (grown->tree_count > 0) {
		PROMISE(forest_write(dataset, grown, 1, &model, &fail));
		forest = forest_read(model.data, model.size, NULL, &fail);
		PROMISE(forest && forest->tree_count == grown->tree_count);
		forest_free(forest);
	}
	text_release(&shard);
	text_release(&again);
	text_release(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dataset *dataset;
	unsigned char *bytes = xmalloc(size + DIGEST_SIZE);
	struct fail fail = {0};
	struct grown grown;
	int first_tree;
	bool read;

	if (!dataset)
		dataset = make();
	memcpy(bytes, data, size);
	digest_bytes(data, size, bytes + size);
	read = shard_read(bytes, size + DIGEST_SIZE, dataset, &first_tree, &grown, &fail);
	free(bytes);
	PROMISE(read == (fail.code == 0));
	if (read) {
		use(dataset, &grown, first_tree);
		grown_release(&grown);
	}
	return 0;
}
