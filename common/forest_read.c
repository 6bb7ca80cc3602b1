/* Reading a model's bytes (docs/MODEL_FORMAT.md). Everything is checked before it is believed: the checksum first, then
 * every count against the bytes that are left, so that a forged file cannot make the reader allocate or walk wildly. */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/forest.h"
#include "common/xalloc.h"

enum { NEAR_THRESHOLDS = 1 << 17 }; /* of all features: so many are in the second cache when a node needs one */

struct reader {
	const unsigned char *at, *end;
	struct fail *fail;
	bool is_far; /* there are more, and nodes hold the places of theirs until find_thresholds() */
};

static bool bad(const struct reader *reader, const char *what)
{
	fail_set(reader->fail, EXIT_BAD_DATA, "the model is damaged or no model: %s", what);
	return false;
}

static bool take(struct reader *reader, void *target, size_t size)
{
	if ((size_t)(reader->end - reader->at) < size)
		return bad(reader, "it ends early");
	memcpy(target, reader->at, size);
	reader->at += size;
	return true;
}

static bool take_u16(struct reader *reader, uint16_t *number)
{
	unsigned char bytes[2];

	if (!take(reader, bytes, sizeof(bytes)))
		return false;
	*number = (uint16_t)(bytes[0] | bytes[1] << 8);
	return true;
}

static bool take_u32(struct reader *reader, uint32_t *number)
{
	unsigned char bytes[4];

	if (!take(reader, bytes, sizeof(bytes)))
		return false;
	*number = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	return true;
}

static bool take_u64(struct reader *reader, uint64_t *number)
{
	uint32_t low, high;

	if (!take_u32(reader, &low) || !take_u32(reader, &high))
		return false;
	*number = (uint64_t)high << 32 | low;
	return true;
}

/* A count of things that take at least `size` bytes each. */
static bool take_count(struct reader *reader, uint32_t most, size_t size, uint32_t *count)
{
	if (!take_u32(reader, count))
		return false;
	if (*count > most || (size_t)(reader->end - reader->at) / size < *count)
		return bad(reader, "a count is larger than the file");
	return true;
}

static bool take_string(struct reader *reader, char **string)
{
	uint16_t size;

	if (!take_u16(reader, &size))
		return false;
	if ((size_t)(reader->end - reader->at) < size || memchr(reader->at, '\0', size))
		return bad(reader, "a text is longer than the file or holds a NUL");
	*string = xstrndup((const char *)reader->at, size);
	reader->at += size;
	return true;
}

static __attribute__((noinline)) bool take_varint(struct reader *reader, uint32_t *number)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 35; shift += 7) {
		unsigned char byte;

		if (!take(reader, &byte, 1))
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*number = (uint32_t)value;
			return value <= UINT32_MAX || bad(reader, "a number is too large");
		}
	}
	return bad(reader, "a number is too long");
}

/* ------------------------------------------------------------------ sections */

static bool read_header(struct reader *reader, struct forest *forest, uint64_t *node_count)
{
	uint32_t version, features, classes, trees;
	char magic[8];

	if (!take(reader, magic, sizeof(magic)) || memcmp(magic, "GMLFORST", sizeof(magic)) != 0)
		return bad(reader, "it does not begin with GMLFORST");
	if (!take_u32(reader, &version))
		return false;
	if (version != FOREST_FORMAT_VERSION)
		return fail_set(reader->fail, EXIT_BAD_DATA,
				"the model has format version %u, this program reads version %d", version,
				(int)FOREST_FORMAT_VERSION);
	if (!take_u32(reader, &features) || !take_u32(reader, &classes) || !take_u32(reader, &trees) ||
	    !take_u32(reader, &forest->distribution_count) || !take_u64(reader, node_count))
		return false;
	if (features < 1 || features > SPEC_MAX_FEATURES || classes < 1 || classes > FOREST_MAX_CLASSES || trees < 1 ||
	    trees > 1000000 || forest->distribution_count < 1)
		return bad(reader, "its counts of features, classes, trees or distributions are out of range");
	/* A node takes at least two bytes, a distribution four per class. */
	if (*node_count > (uint64_t)(reader->end - reader->at) / 2 || *node_count < trees || *node_count > INT32_MAX ||
	    forest->distribution_count > (uint64_t)(reader->end - reader->at) / (4 * (uint64_t)classes))
		return bad(reader, "it ends early");
	forest->feature_count = (int)features;
	forest->class_count = (int)classes;
	forest->tree_count = (int)trees;
	forest->node_count = (uint32_t)*node_count;
	return true;
}

static bool read_labels(struct reader *reader, struct forest *forest)
{
	if (!take_string(reader, &forest->label_name))
		return false;
	forest->labels = xcalloc((size_t)forest->class_count, sizeof(*forest->labels));
	for (int i = 0; i < forest->class_count; i++) {
		if (!take_string(reader, &forest->labels[i]))
			return false;
		for (int j = 0; j < i; j++)
			if (strcmp(forest->labels[j], forest->labels[i]) == 0)
				return bad(reader, "a label stands twice");
	}
	return true;
}

static int compare_categories(const void *a, const void *b, void *categories)
{
	char **texts = categories;

	return strcmp(texts[*(const int *)a], texts[*(const int *)b]);
}

static bool read_categories(struct reader *reader, struct forest_feature *feature)
{
	uint32_t count, frequent;

	if (!take_count(reader, 1u << 24, 2, &count))
		return false;
	if ((feature->type == COLUMN_CATEGORY) != (count > 0))
		return bad(reader, "a feature's type and its texts disagree");
	feature->category_count = (int)count;
	feature->categories = xcalloc(count, sizeof(*feature->categories));
	feature->by_text = xcalloc(count, sizeof(*feature->by_text));
	for (uint32_t i = 0; i < count; i++) {
		if (!take_string(reader, &feature->categories[i]))
			return false;
		feature->by_text[i] = (int)i;
	}
	qsort_r(feature->by_text, count, sizeof(*feature->by_text), compare_categories, feature->categories);
	for (uint32_t i = 1; i < count; i++)
		if (strcmp(feature->categories[feature->by_text[i - 1]], feature->categories[feature->by_text[i]]) == 0)
			return bad(reader, "a feature's text stands twice");
	if (!take_u32(reader, &frequent))
		return false;
	feature->frequent = (int32_t)frequent;
	if (count && (feature->frequent < 0 || feature->frequent >= feature->category_count))
		return bad(reader, "a feature's most frequent text is out of range");
	return true;
}

static bool read_feature(struct reader *reader, struct forest_feature *feature)
{
	unsigned char type;
	uint32_t count, key;

	if (!take_string(reader, &feature->name) || !take(reader, &type, 1))
		return false;
	if (type > COLUMN_CATEGORY)
		return bad(reader, "a feature has an unknown type");
	feature->type = (enum column_type)type;
	if (!take_count(reader, INT32_MAX / 4, 4, &count))
		return false;
	feature->threshold_count = (int)count;
	feature->thresholds = xcalloc(count, sizeof(*feature->thresholds));
	for (uint32_t i = 0; i < count; i++) {
		if (!take_u32(reader, &key))
			return false;
		feature->thresholds[i] = (int32_t)key;
		if (i && feature->thresholds[i] <= feature->thresholds[i - 1])
			return bad(reader, "a feature's thresholds do not ascend");
	}
	return read_categories(reader, feature);
}

static bool read_features(struct reader *reader, struct forest *forest)
{
	int64_t thresholds = 0;

	forest->features = xcalloc((size_t)forest->feature_count, sizeof(*forest->features));
	for (int i = 0; i < forest->feature_count; i++) {
		if (!read_feature(reader, &forest->features[i]))
			return false;
		for (int j = 0; j < i; j++)
			if (strcmp(forest->features[j].name, forest->features[i].name) == 0)
				return bad(reader, "a feature stands twice");
		thresholds += forest->features[i].threshold_count;
	}
	reader->is_far = thresholds > NEAR_THRESHOLDS;
	return true;
}

static bool read_distributions(struct reader *reader, struct forest *forest)
{
	size_t classes = (size_t)forest->class_count;

	if ((size_t)(reader->end - reader->at) / (4 * classes) < forest->distribution_count)
		return bad(reader, "it ends early");
	forest->distributions = xcalloc(forest->distribution_count * classes, sizeof(*forest->distributions));
	for (uint32_t i = 0; i < forest->distribution_count; i++) {
		uint64_t sum = 0;

		for (size_t j = 0; j < classes; j++) {
			if (!take_u32(reader, &forest->distributions[i * classes + j]))
				return false;
			sum += forest->distributions[i * classes + j];
		}
		if (sum != FOREST_SHARE_ONE)
			return bad(reader, "the shares of a leaf do not sum to one");
	}
	return true;
}

/* A leaf's tag is 0, a split's its feature + 1. What tags lead to: how many numbers may follow, and the thresholds that
 * these are the places of; those of a leaf are a zero. */
struct tag {
	uint32_t count;
	const int32_t *thresholds;
};

static struct tag *make_tags(const struct reader *reader, const struct forest *forest)
{
	static const int32_t none;
	struct tag *tags = xcalloc((size_t)forest->feature_count + 1, sizeof(*tags));

	tags[0] = (struct tag){forest->distribution_count, &none};
	for (int i = 0; i < forest->feature_count; i++) {
		const struct forest_feature *feature = &forest->features[i];

		tags[i + 1] =
		    (struct tag){(uint32_t)feature->threshold_count, reader->is_far ? NULL : feature->thresholds};
	}
	return tags;
}

/* Both numbers of a node. Which lengths they have nobody can foresee, so the second's, of up to four bytes, is
 * computed: its last byte is the first whose highest bit is not set. NULL or where the next node begins, which is not
 * kept in the reader as every node waits for it. */
static inline const unsigned char *take_pair(struct reader *reader, const unsigned char *at, uint32_t *tag,
					     uint32_t *index)
{
	uint64_t word = 0;
	uint32_t bytes, stops, taken;

	if ((size_t)(reader->end - at) >= sizeof(word))
		memcpy(&word, at, sizeof(word));
	word = le64toh(word);
	bytes = (uint32_t)(word >> 8);
	stops = ~bytes & 0x80808080u;
	if ((size_t)(reader->end - at) < sizeof(word) || word & 0x80 || stops == 0) {
		uint32_t numbers[2];

		reader->at = at;
		if (!take_varint(reader, &numbers[0]) || !take_varint(reader, &numbers[1]))
			return NULL;
		*tag = numbers[0];
		*index = numbers[1];
		return reader->at;
	}
	taken = bytes & (stops ^ (stops - 1));
	*tag = word & 0x7f;
	*index = (taken & 0x7f) | (taken >> 1 & 0x3f80) | (taken >> 2 & 0x1fc000) | (taken >> 3 & 0xfe00000);
	return at + 2 + __builtin_ctz(stops) / 8;
}

/* Pre-order: a node's left child follows it, the right child follows the left one's whole subtree. open holds the
 * splits whose right child is still to come, above a place that is none; its size bounds the depth without recursion.
 * A leaf ends the left subtree of the innermost of them, so the next node is that split's right child. Which nodes are
 * leaves nobody can foresee, so that a split is given the next node too, until it is known. */
static bool read_tree(struct reader *reader, const struct forest *forest, const struct tag *tags, uint32_t root,
		      uint32_t count, uint32_t *open)
{
	struct forest_node *nodes = forest->nodes;
	const unsigned char *at = reader->at;
	uint32_t depth = 1, i = root;

	open[0] = forest->node_count;
	for (; i < root + count && depth > 0; i++) {
		uint32_t tag, index, if_leaf, innermost = open[depth - 1];

		at = take_pair(reader, at, &tag, &index);
		if (!at)
			return false;
		if (tag > (uint32_t)forest->feature_count || index >= tags[tag].count)
			return bad(reader,
				   tag == 0 ? "a leaf names no distribution" : "a node names no feature or threshold");
		if_leaf = 0u - (uint32_t)(tag == 0);
		nodes[i] = (struct forest_node){
		    .threshold = tags[tag].thresholds ? tags[tag].thresholds[index & ~if_leaf] : (int32_t)index,
		    .other = index,
		    .feature = (uint16_t)(tag - 1), /* FOREST_LEAF where it is 0 */
		    .rank = (uint16_t)(index & ~if_leaf)};
		open[depth] = i;
		nodes[i ^ ((i ^ innermost) & if_leaf)].other = i + 1;
		depth += if_leaf * 2 + 1;
	}
	reader->at = at;
	return (depth == 0 && i == root + count) || bad(reader, "a tree's nodes do not form a tree");
}

/* Thresholds that lie all over the memory, looked up in a loop of little else, come several at a time. Which nodes
 * are leaves nobody can foresee, so these look one up as well. */
static void find_thresholds(struct forest *forest, uint32_t root, uint32_t count)
{
	for (uint32_t i = root; i < root + count; i++) {
		struct forest_node *node = &forest->nodes[i];
		uint32_t if_split = 0u - (uint32_t)(node->feature != FOREST_LEAF);
		const int32_t *thresholds = forest->features[node->feature & if_split].thresholds;

		node->threshold = (int32_t)((uint32_t)thresholds[node->threshold] & if_split);
	}
}

static bool read_trees(struct reader *reader, struct forest *forest)
{
	uint32_t *open = xcalloc((size_t)forest->node_count + 2, sizeof(*open)), done = 0, count;
	struct tag *tags = make_tags(reader, forest);
	bool good = true;

	forest->nodes = xmalloc_large(((size_t)forest->node_count + 1) * sizeof(*forest->nodes)); /* one that is none */
	forest->roots = xcalloc((size_t)forest->tree_count + 1, sizeof(*forest->roots));
	for (int tree = 0; tree < forest->tree_count; tree++) {
		forest->roots[tree] = done;
		good = take_u32(reader, &count);
		if (good && (count < 1 || count > forest->node_count - done))
			good = bad(reader, "a tree has more nodes than the forest");
		good = good && read_tree(reader, forest, tags, done, count, open);
		if (!good)
			break;
		if (reader->is_far)
			find_thresholds(forest, done, count);
		done += count;
	}
	forest->roots[forest->tree_count] = done;
	free(open);
	free(tags);
	return good && (done == forest->node_count || bad(reader, "its trees have fewer nodes than it says"));
}

/* The checksum is of all bytes before it; one pass serves both. */
static bool check_digest(struct reader *reader, char sha256[DIGEST_HEX_SIZE])
{
	size_t size = (size_t)(reader->end - reader->at), checked = size > DIGEST_SIZE ? size - DIGEST_SIZE : 0;
	unsigned char hash[DIGEST_SIZE], whole[DIGEST_SIZE];
	struct digest *digest = digest_new();

	digest_add(digest, reader->at, checked);
	digest_peek(digest, hash);
	digest_add(digest, reader->at + checked, size - checked);
	digest_finish(digest, whole);
	if (sha256)
		digest_hex(whole, sha256);
	if (checked == 0)
		return bad(reader, "it ends early");
	reader->end -= DIGEST_SIZE;
	return memcmp(hash, reader->end, DIGEST_SIZE) == 0 || bad(reader, "its checksum does not fit its bytes");
}

struct forest *forest_read(const void *bytes, size_t size, char sha256[DIGEST_HEX_SIZE], struct fail *fail)
{
	const unsigned char *start = size ? bytes : (const unsigned char *)"";
	struct reader reader = {.at = start, .end = start + size, .fail = fail};
	struct forest *forest = xcalloc(1, sizeof(*forest));
	uint64_t node_count;

	if (check_digest(&reader, sha256) && read_header(&reader, forest, &node_count) &&
	    read_labels(&reader, forest) && read_features(&reader, forest) && read_distributions(&reader, forest) &&
	    read_trees(&reader, forest) && (reader.at == reader.end || bad(&reader, "bytes follow its last tree")))
		return forest;
	forest_free(forest);
	return NULL;
}
