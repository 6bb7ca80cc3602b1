#include "model-training/shard.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/xalloc.h"
#include "model-training/bytes.h"

static const char magic[] = "GMLSHRD1";

enum { MAGIC_SIZE = sizeof(magic) - 1, CHUNK_SIZE = 4096, MAX_NODE_SIZE = 15 };

int shard_share(int first, int end, int i, int n, int *share_first)
{
	int64_t trees = end - first, begin = trees * (i - 1) / n;

	*share_first = first + (int)begin;
	return (int)(trees * i / n - begin);
}

void shard_join(struct grown *trees, struct grown *more)
{
	size_t old = (size_t)trees->tree_count, added = (size_t)more->tree_count;

	trees->trees = xreallocarray(trees->trees, old + added, sizeof(*trees->trees));
	if (added > 0)
		memcpy(trees->trees + old, more->trees, added * sizeof(*more->trees));
	trees->tree_count += more->tree_count;
	free(more->trees);
	*more = (struct grown){0};
}

/* ------------------------------------------------------------------ writing */

/* Small numbers are gathered, because adding to a text costs more than they do. */
struct writer {
	struct text *out;
	unsigned char chunk[CHUNK_SIZE];
	size_t size;
};

static void flush(struct writer *writer)
{
	text_add(writer->out, writer->chunk, writer->size);
	writer->size = 0;
}

static void put_varint(struct writer *writer, uint32_t number)
{
	if (writer->size + MAX_NODE_SIZE > CHUNK_SIZE)
		flush(writer);
	for (; number >= 0x80; number >>= 7)
		writer->chunk[writer->size++] = (unsigned char)(number | 0x80);
	writer->chunk[writer->size++] = (unsigned char)number;
}

static void write_leaves(const struct distributions *leaves, int class_count, struct writer *writer)
{
	uint32_t *draws = xcalloc((size_t)class_count, sizeof(*draws));

	for (uint32_t d = 0; d < leaves->count; d++) {
		distributions_expand(leaves, d, class_count, draws);
		for (int k = 0; k < class_count; k++)
			put_varint(writer, draws[k]);
	}
	free(draws);
}

static void write_tree(const struct tree *tree, int class_count, struct writer *writer)
{
	bytes_u32(writer->out, tree->node_count);
	bytes_u32(writer->out, tree->leaves.count);
	write_leaves(&tree->leaves, class_count, writer);
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->feature == TREE_LEAF) {
			put_varint(writer, 0);
			put_varint(writer, node->distribution);
			continue;
		}
		put_varint(writer, (uint32_t)node->feature + 1);
		put_varint(writer, node->left);
		put_varint(writer, (uint32_t)(node->right - node->left));
	}
	flush(writer);
}

bool shard_write(const struct grown *grown, int first_tree, int class_count, struct text *out, struct fail *fail)
{
	struct writer writer = {.out = out};
	unsigned char hash[DIGEST_SIZE];

	text_add(out, magic, MAGIC_SIZE);
	bytes_u32(out, (uint32_t)first_tree);
	bytes_u32(out, (uint32_t)grown->tree_count);
	bytes_u32(out, (uint32_t)class_count);
	for (int t = 0; t < grown->tree_count; t++)
		write_tree(&grown->trees[t], class_count, &writer);
	digest_bytes(out->data, out->size, hash);
	text_add(out, hash, sizeof(hash));
	return !out->overflow || fail_set(fail, EXIT_FAILED,
					  "trees %d to %d would be larger than %d bytes: give the spec's \"forest\" a "
					  "larger min_samples_leaf, or take more shards",
					  first_tree, first_tree + grown->tree_count - 1, SHARD_MAX_SIZE);
}

/* ------------------------------------------------------------------ reading */

static uint32_t take_varint(struct bytes_reader *reader)
{
	uint64_t number = 0;

	for (int shift = 0; shift < 35 && reader->left > 0; shift += 7) {
		unsigned char byte = *reader->at++;

		reader->left--;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80 && number <= UINT32_MAX)
			return (uint32_t)number;
		if (byte < 0x80)
			break;
	}
	reader->bad = true;
	reader->left = 0;
	return 0;
}

/* A leaf holds at least one draw. */
static void read_leaves(struct bytes_reader *reader, uint32_t count, int class_count, struct distributions *leaves)
{
	uint32_t *draws = xcalloc((size_t)class_count, sizeof(*draws));

	for (uint32_t d = 0; d < count && !reader->bad; d++) {
		uint64_t sum = 0;

		for (int k = 0; k < class_count; k++)
			sum += draws[k] = take_varint(reader);
		reader->bad = reader->bad || sum == 0 || sum > UINT32_MAX;
		distributions_append(leaves, draws, class_count);
	}
	free(draws);
}

/* Every split opens two places and takes one; the tree ends where none is open, and not before. */
static void read_nodes(struct bytes_reader *reader, const struct dataset *dataset, struct tree *tree)
{
	uint32_t open = 1;

	for (uint32_t i = 0; i < tree->node_count && !reader->bad; i++) {
		uint32_t feature = take_varint(reader), left = take_varint(reader), step = 0;

		if (open == 0 || feature > (uint32_t)dataset->feature_count) {
			reader->bad = true;
		} else if (feature == 0) {
			tree->nodes[i] = (struct tree_node){.feature = TREE_LEAF, .distribution = left};
			reader->bad = reader->bad || left >= tree->leaves.count;
			open--;
		} else {
			uint32_t values = (uint32_t)dataset->features[feature - 1].value_count;

			step = take_varint(reader);
			if (left >= values || step == 0 || step >= values - left)
				reader->bad = true;
			else
				tree->nodes[i] = (struct tree_node){.feature = (uint16_t)(feature - 1),
								    .left = (uint16_t)left,
								    .right = (uint16_t)(left + step)};
			open++;
		}
	}
	reader->bad = reader->bad || open != 0;
}

static void read_tree(struct bytes_reader *reader, const struct dataset *dataset, struct tree *tree)
{
	uint32_t leaf_count;

	tree->node_count = bytes_take_count(reader, 2);
	leaf_count = bytes_take_count(reader, (size_t)dataset->class_count);
	if (reader->bad || tree->node_count == 0) {
		reader->bad = true;
		return;
	}
	tree->nodes = xcalloc(tree->node_count, sizeof(*tree->nodes));
	read_leaves(reader, leaf_count, dataset->class_count, &tree->leaves);
	read_nodes(reader, dataset, tree);
}

static bool is_whole(const void *bytes, size_t size)
{
	unsigned char hash[DIGEST_SIZE];

	if (size < MAGIC_SIZE + DIGEST_SIZE || memcmp(bytes, magic, MAGIC_SIZE) != 0)
		return false;
	digest_bytes(bytes, size - DIGEST_SIZE, hash);
	return memcmp(hash, (const unsigned char *)bytes + size - DIGEST_SIZE, DIGEST_SIZE) == 0;
}

bool shard_read(const void *bytes, size_t size, const struct dataset *dataset, int *first_tree, struct grown *grown,
		struct fail *fail)
{
	struct bytes_reader reader = {0};
	uint32_t first, count;

	*grown = (struct grown){0};
	if (!is_whole(bytes, size))
		return fail_set(fail, EXIT_FAILED, "the trees of a shard are damaged: train the plan anew");
	reader.at = (const unsigned char *)bytes + MAGIC_SIZE;
	reader.left = size - MAGIC_SIZE - DIGEST_SIZE;
	first = bytes_take_u32(&reader);
	count = bytes_take_count(&reader, 8);
	if (bytes_take_u32(&reader) != (uint32_t)dataset->class_count || first > INT32_MAX - count)
		reader.bad = true;
	if (!reader.bad) {
		grown->tree_count = (int)count;
		grown->trees = xcalloc(count, sizeof(*grown->trees));
	}
	for (uint32_t t = 0; t < count && !reader.bad; t++)
		read_tree(&reader, dataset, &grown->trees[t]);
	*first_tree = (int)first;
	if (!reader.bad && reader.left == 0)
		return true;
	grown_release(grown);
	return fail_set(fail, EXIT_FAILED, "the trees of a shard do not belong to the plan: train it anew");
}
