#include "model-training/forest_write.h"

#include <stdlib.h>
#include <string.h>

#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/bytes.h"
#include "model-training/distinct.h"
#include "model-training/distribution.h"
#include "model-training/parallel.h"

enum {
	MAX_NODE_SIZE = 3 + 5, /* a feature number below 2^16, an index below 2^32 */
	SEEN_CUTS = 2048,      /* a power of two: so many cuts of a feature are known when they come again */
};

/* A float32 at or below the number: converting rounds to the nearest, which may be the next one above. */
static float round_down(double number)
{
	float nearest = (float)number;

	return (double)nearest <= number ? nearest : forest_key_real(forest_real_key(nearest) - 1);
}

int32_t forest_write_threshold(enum column_type type, int32_t left, int32_t right)
{
	int64_t sum = (int64_t)left + right;

	if (type == COLUMN_REAL)
		return forest_real_key(
		    round_down(((double)forest_key_real(left) + (double)forest_key_real(right)) / 2));
	return (int32_t)((sum - (sum % 2 != 0 && sum < 0)) / 2);
}

void forest_write_shares(const uint32_t *draws, int class_count, uint32_t *shares)
{
	uint64_t sum = 0;
	uint32_t missing = FOREST_SHARE_ONE;

	for (int k = 0; k < class_count; k++)
		sum += draws[k];
	for (int k = 0; k < class_count; k++) {
		shares[k] = (uint32_t)(((uint64_t)draws[k] << FOREST_SHARE_BITS) / sum);
		missing -= shares[k];
	}
	/* Fewer are missing than there are classes with a remainder; a class that got one has none any more. */
	while (missing > 0) {
		uint64_t largest = 0;
		int to = 0;

		for (int k = 0; k < class_count; k++) {
			uint64_t exact = (uint64_t)draws[k] << FOREST_SHARE_BITS, given = (uint64_t)shares[k] * sum;

			if (given < exact && exact - given > largest) {
				largest = exact - given;
				to = k;
			}
		}
		shares[to]++;
		missing--;
	}
}

/* What turns the trees' own numbers into the file's. */
struct encoding {
	const struct dataset *dataset;
	const struct grown *grown;
	struct distinct *thresholds; /* by feature */
	struct distribution_set shares;
	uint32_t **distributions; /* by tree: the file's index of each of the tree's distributions */
	unsigned char **bytes;	  /* by tree, encoded */
	size_t *sizes;
};

static int32_t node_threshold(const struct dataset *dataset, const struct tree_node *node)
{
	const struct dataset_feature *feature = &dataset->features[node->feature];

	return forest_write_threshold(feature->type, feature->high[node->left], feature->low[node->right]);
}

/* Counts the thresholds by feature and, where there is room, takes them. Most that occur again are passed over: of the
 * cuts of few values nearly all do, and sorting them would cost more than all else here. */
static void take_thresholds(const struct encoding *encoding, int32_t **keys, int64_t *counts)
{
	size_t feature_count = (size_t)encoding->dataset->feature_count;
	uint32_t *seen = xcalloc(feature_count, SEEN_CUTS * sizeof(*seen)); /* a cut's codes; 0: none, left < right */

	memset(counts, 0, feature_count * sizeof(*counts));
	for (int t = 0; t < encoding->grown->tree_count; t++) {
		const struct tree *tree = &encoding->grown->trees[t];

		for (uint32_t i = 0; i < tree->node_count; i++) {
			const struct tree_node *node = &tree->nodes[i];
			uint32_t cut = (uint32_t)node->left << 16 | node->right, *last;

			if (node->feature == TREE_LEAF)
				continue;
			last = &seen[node->feature * SEEN_CUTS + cut * 0x9e3779b1u / (UINT32_MAX / SEEN_CUTS + 1)];
			if (*last == cut)
				continue;
			*last = cut;
			if (keys)
				keys[node->feature][counts[node->feature]] = node_threshold(encoding->dataset, node);
			counts[node->feature]++;
		}
	}
	free(seen);
}

static void collect_thresholds(struct encoding *encoding)
{
	int feature_count = encoding->dataset->feature_count;
	int64_t *counts = xcalloc((size_t)feature_count, sizeof(*counts));
	int32_t **keys = xcalloc((size_t)feature_count, sizeof(*keys));

	take_thresholds(encoding, NULL, counts);
	for (int f = 0; f < feature_count; f++)
		keys[f] = xcalloc((size_t)counts[f], sizeof(**keys));
	take_thresholds(encoding, keys, counts);
	encoding->thresholds = xcalloc((size_t)feature_count, sizeof(*encoding->thresholds));
	for (int f = 0; f < feature_count; f++) {
		distinct_find(keys[f], counts[f], &encoding->thresholds[f]);
		free(keys[f]);
	}
	free(keys);
	free(counts);
}

static void collect_distributions(struct encoding *encoding)
{
	int class_count = encoding->dataset->class_count;
	uint32_t *draws = xcalloc((size_t)class_count, sizeof(*draws));
	uint32_t *shares = xcalloc((size_t)class_count, sizeof(*shares));

	distribution_set_init(&encoding->shares, class_count);
	encoding->distributions = xcalloc((size_t)encoding->grown->tree_count, sizeof(*encoding->distributions));
	for (int t = 0; t < encoding->grown->tree_count; t++) {
		const struct tree *tree = &encoding->grown->trees[t];

		encoding->distributions[t] = xcalloc(tree->leaves.count, sizeof(**encoding->distributions));
		for (uint32_t i = 0; i < tree->leaves.count; i++) {
			distributions_expand(&tree->leaves, i, class_count, draws);
			forest_write_shares(draws, class_count, shares);
			encoding->distributions[t][i] = distribution_add(&encoding->shares, shares);
		}
	}
	free(draws);
	free(shares);
}

static unsigned char *put_varint(unsigned char *at, uint32_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = (unsigned char)(number | 0x80);
	*at++ = (unsigned char)number;
	return at;
}

static void encode_tree(struct encoding *encoding, int t)
{
	const struct tree *tree = &encoding->grown->trees[t];
	unsigned char *bytes = xmalloc((size_t)tree->node_count * MAX_NODE_SIZE), *at = bytes;

	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->feature == TREE_LEAF) {
			*at++ = 0;
			at = put_varint(at, encoding->distributions[t][node->distribution]);
			continue;
		}
		at = put_varint(at, (uint32_t)node->feature + 1);
		at = put_varint(at, (uint32_t)distinct_index(&encoding->thresholds[node->feature],
							     node_threshold(encoding->dataset, node)));
	}
	encoding->sizes[t] = (size_t)(at - bytes);
	encoding->bytes[t] = xreallocarray(bytes, encoding->sizes[t], 1);
}

static void encode_trees(struct parallel_counter *counter, void *context)
{
	int tree;

	while ((tree = parallel_next(counter)) >= 0)
		encode_tree(context, tree);
}

static void write_feature(const struct dataset_feature *feature, const struct distinct *thresholds, struct text *out)
{
	int frequent = 0;

	bytes_string(out, feature->name);
	bytes_u8(out, (uint8_t)feature->type);
	bytes_u32(out, (uint32_t)thresholds->count);
	for (int64_t i = 0; i < thresholds->count; i++)
		bytes_u32(out, (uint32_t)thresholds->keys[i]);
	bytes_u32(out, feature->texts ? (uint32_t)feature->value_count : 0);
	for (int v = 0; feature->texts && v < feature->value_count; v++)
		bytes_string(out, feature->texts[v]);
	for (int v = 1; v < feature->value_count; v++)
		if (feature->rows[v] > feature->rows[frequent])
			frequent = v;
	bytes_u32(out, (uint32_t)feature->low[frequent]);
}

static void write_shares(const struct encoding *encoding, struct text *out)
{
	int class_count = encoding->dataset->class_count;
	uint32_t *shares = xcalloc((size_t)class_count, sizeof(*shares));

	for (uint32_t i = 0; i < encoding->shares.list.count; i++) {
		distributions_expand(&encoding->shares.list, i, class_count, shares);
		for (int k = 0; k < class_count; k++)
			bytes_u32(out, shares[k]);
	}
	free(shares);
}

static void write_head(const struct encoding *encoding, struct text *out)
{
	const struct dataset *dataset = encoding->dataset;
	uint64_t node_count = 0;

	for (int t = 0; t < encoding->grown->tree_count; t++)
		node_count += encoding->grown->trees[t].node_count;
	text_add(out, "GMLFORST", 8);
	bytes_u32(out, FOREST_FORMAT_VERSION);
	bytes_u32(out, (uint32_t)dataset->feature_count);
	bytes_u32(out, (uint32_t)dataset->class_count);
	bytes_u32(out, (uint32_t)encoding->grown->tree_count);
	bytes_u32(out, encoding->shares.list.count);
	bytes_u64(out, node_count);
	bytes_string(out, dataset->label_name);
	for (int k = 0; k < dataset->class_count; k++)
		bytes_string(out, dataset->labels[k]);
	for (int f = 0; f < dataset->feature_count; f++)
		write_feature(&dataset->features[f], &encoding->thresholds[f], out);
	write_shares(encoding, out);
}

static void encoding_release(struct encoding *encoding)
{
	for (int t = 0; t < encoding->grown->tree_count; t++) {
		free(encoding->distributions[t]);
		free(encoding->bytes[t]);
	}
	for (int f = 0; f < encoding->dataset->feature_count; f++)
		distinct_release(&encoding->thresholds[f]);
	free(encoding->distributions);
	free(encoding->bytes);
	free(encoding->sizes);
	free(encoding->thresholds);
	distribution_set_release(&encoding->shares);
}

static void encoding_init(struct encoding *encoding, const struct dataset *dataset, const struct grown *grown)
{
	*encoding = (struct encoding){.dataset = dataset, .grown = grown};
	collect_thresholds(encoding);
	collect_distributions(encoding);
	encoding->bytes = xcalloc((size_t)grown->tree_count, sizeof(*encoding->bytes));
	encoding->sizes = xcalloc((size_t)grown->tree_count, sizeof(*encoding->sizes));
}

/* In a larger forest the numbers of thresholds and shares only become longer. */
uint64_t forest_write_estimate(const struct dataset *dataset, const struct tree *tree, uint64_t *fixed)
{
	struct tree copy = *tree;
	struct grown grown = {.tree_count = 1, .trees = &copy};
	struct encoding encoding;
	uint64_t bytes;

	encoding_init(&encoding, dataset, &grown);
	encode_tree(&encoding, 0);
	bytes = encoding.sizes[0];
	*fixed = (uint64_t)encoding.shares.list.count * (uint64_t)dataset->class_count * sizeof(uint32_t);
	for (int f = 0; f < dataset->feature_count; f++)
		*fixed += (uint64_t)encoding.thresholds[f].count * sizeof(int32_t);
	encoding_release(&encoding);
	return bytes;
}

bool forest_write(const struct dataset *dataset, const struct grown *grown, int threads, struct text *out,
		  struct fail *fail)
{
	struct encoding encoding;
	unsigned char hash[DIGEST_SIZE];

	encoding_init(&encoding, dataset, grown);
	parallel_run(grown->tree_count, threads, encode_trees, &encoding);
	write_head(&encoding, out);
	for (int t = 0; t < grown->tree_count; t++) {
		bytes_u32(out, grown->trees[t].node_count);
		text_add(out, encoding.bytes[t], encoding.sizes[t]);
	}
	encoding_release(&encoding);
	digest_bytes(out->data, out->size, hash);
	text_add(out, hash, sizeof(hash));
	if (out->overflow)
		return fail_set(fail, EXIT_FAILED,
				"the model would be larger than %d bytes: give the spec's \"forest\" a larger "
				"min_samples_leaf or fewer trees",
				FOREST_WRITE_MAX_SIZE);
	return true;
}
