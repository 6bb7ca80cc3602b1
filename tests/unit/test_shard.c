/* Shards: the shares of a forest, joined, are its bytes; damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/digest.h"
#include "common/xalloc.h"
#include "model-training/forest_write.h"
#include "model-training/random.h"
#include "model-training/shard.h"

enum { FEATURES = 3, CLASSES = 3, TREES = 25, FIRST = 3 };

static struct dataset *make(void)
{
	static char *labels[CLASSES] = {(char *)"x", (char *)"y", (char *)"z"};
	struct dataset_column columns[FEATURES] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
	struct dataset_names names = {.label_name = "l", .labels = labels, .label_count = CLASSES, .features = columns};
	struct dataset_rows list;
	struct fail fail = {0};
	struct dataset *dataset;
	uint64_t random = 1;

	dataset_rows_init(&list, FEATURES);
	for (int row = 0; row < 2000; row++) {
		int32_t keys[FEATURES] = {(int32_t)random_below(&random, 5), (int32_t)random_below(&random, 300),
					  (int32_t)random_below(&random, 2)};

		dataset_rows_add(&list, (int32_t)random_below(&random, CLASSES), keys, 1 + row % 200);
	}
	dataset = dataset_build(&list, &names, &fail);
	if (!dataset)
		fail_msg("%s", fail.text);
	dataset_rows_release(&list);
	return dataset;
}

static void grow(const struct dataset *dataset, int first, int count, struct grown *grown)
{
	struct grow_settings settings = {
	    .first_tree = first, .trees = count, .min_samples_leaf = 3, .seed = 11, .threads = 1};

	grow_forest(dataset, &settings, grown);
}

static void write_shard(const struct dataset *dataset, int first, int count, struct text *bytes)
{
	struct fail fail = {0};
	struct grown grown;

	grow(dataset, first, count, &grown);
	text_init(bytes, SHARD_MAX_SIZE);
	if (!shard_write(&grown, first, dataset->class_count, bytes, &fail))
		fail_msg("%s", fail.text);
	grown_release(&grown);
}

static void write_forest(const struct dataset *dataset, const struct grown *grown, struct text *bytes)
{
	struct fail fail = {0};

	text_init(bytes, FOREST_WRITE_MAX_SIZE);
	if (!forest_write(dataset, grown, 1, bytes, &fail))
		fail_msg("%s", fail.text);
}

static void shares_are_the_whole(void **state UNUSED)
{
	static const int counts[] = {1, 2, 3, 4, 7, 22, 40};

	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		int next = FIRST, share, first;

		for (int i = 1; i <= counts[c]; i++) {
			share = shard_share(FIRST, TREES, i, counts[c], &first);
			assert_int_equal(first, next);
			assert_true(share >= (TREES - FIRST) / counts[c] && share <= (TREES - FIRST) / counts[c] + 1);
			next += share;
		}
		assert_int_equal(next, TREES);
	}
	assert_int_equal(shard_share(5, 5, 1, 3, &(int){0}), 0);
}

static void joins_to_the_same_bytes(void **state UNUSED)
{
	static const int counts[] = {1, 4, 40};
	struct dataset *dataset = make();
	struct text wanted, got;
	struct grown grown;

	grow(dataset, 0, TREES, &grown);
	write_forest(dataset, &grown, &wanted);
	grown_release(&grown);
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		grow(dataset, 0, FIRST, &grown); /* a pilot */
		for (int i = 1; i <= counts[c]; i++) {
			struct fail fail = {0};
			struct grown part;
			struct text bytes;
			int first, read_first, count = shard_share(FIRST, TREES, i, counts[c], &first);

			write_shard(dataset, first, count, &bytes);
			if (!shard_read(bytes.data, bytes.size, dataset, &read_first, &part, &fail))
				fail_msg("%s", fail.text);
			assert_int_equal(read_first, first);
			assert_int_equal(part.tree_count, count);
			shard_join(&grown, &part);
			text_release(&bytes);
		}
		write_forest(dataset, &grown, &got);
		assert_int_equal(got.size, wanted.size);
		assert_memory_equal(got.data, wanted.data, wanted.size);
		text_release(&got);
		grown_release(&grown);
	}
	text_release(&wanted);
	dataset_free(dataset);
}

static bool is_read(const void *data, size_t size, const struct dataset *dataset)
{
	struct fail fail = {0};
	struct grown grown;
	int first;
	bool good = shard_read(data, size, dataset, &first, &grown, &fail);

	if (good)
		grown_release(&grown);
	else
		assert_int_equal(fail.code, EXIT_FAILED);
	return good;
}

static void set_hash(struct text *bytes)
{
	digest_bytes(bytes->data, bytes->size - DIGEST_SIZE, (unsigned char *)bytes->data + bytes->size - DIGEST_SIZE);
}

/* Every change is noticed by the checksum; with the checksum made anew it must at least not do any harm. */
static void refuses_damage(void **state UNUSED)
{
	struct dataset *dataset = make();
	struct text bytes;
	uint64_t random = 5;
	int refused = 0;

	write_shard(dataset, 0, 2, &bytes);
	assert_true(is_read(bytes.data, bytes.size, dataset));
	for (size_t size = 0; size < bytes.size; size += 1 + size / 3)
		assert_false(is_read(bytes.data, size, dataset));
	for (int i = 0; i < 3000; i++) {
		size_t at = i < 40 ? (size_t)i : random_below(&random, (uint32_t)(bytes.size - DIGEST_SIZE));
		char old = bytes.data[at];

		bytes.data[at] = (char)(old ^ (1 + (int)random_below(&random, 255)));
		assert_false(is_read(bytes.data, bytes.size, dataset));
		set_hash(&bytes);
		refused += !is_read(bytes.data, bytes.size, dataset);
		bytes.data[at] = old;
		set_hash(&bytes);
	}
	assert_true(refused > 1000);
	assert_true(is_read(bytes.data, bytes.size, dataset));
	text_release(&bytes);
	dataset_free(dataset);
}

static void refuses_what_is_too_large(void **state UNUSED)
{
	struct dataset *dataset = make();
	struct fail fail = {0};
	struct grown grown;
	struct text bytes;

	grow(dataset, 0, 2, &grown);
	text_init(&bytes, 1000);
	assert_false(shard_write(&grown, 0, CLASSES, &bytes, &fail));
	assert_int_equal(fail.code, EXIT_FAILED);
	text_release(&bytes);
	grown_release(&grown);
	dataset_free(dataset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shares_are_the_whole),
	    cmocka_unit_test(joins_to_the_same_bytes),
	    cmocka_unit_test(refuses_damage),
	    cmocka_unit_test(refuses_what_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
