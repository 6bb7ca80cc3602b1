#ifndef COMMON_FOREST_H
#define COMMON_FOREST_H

/*
 * The model: a random forest that classifies, read from the bytes of docs/MODEL_FORMAT.md and asked for predictions.
 * Growing one is model-training/grow.h; this reader knows nothing of training.
 *
 *	struct forest *forest = forest_read(bytes, size, NULL, &fail);	checks lengths, ranges and the checksum
 *	int32_t keys[forest->feature_count];
 *	for each feature: forest_encode(forest, f, text, size, &keys[f])
 *	int label = forest_predict(forest, keys, scores);
 *	puts(forest->labels[label]);
 *	forest_free(forest);
 *
 * A value is compared through its key, an int32: an integer is its own key; a real (float32) maps to the integer with
 * the same order; a category's key is its rank in the split order that training chose. A node sends key <= threshold to
 * its left child. Thresholds are the floor, in keys, of the midpoint between two neighbouring training values, so an
 * unseen number falls on its own side of each threshold; an unseen text takes the key of the most frequent training
 * value.
 *
 * Scores are integers: each leaf holds its class shares in units of 2^-24 (they sum to exactly 2^24), a row's score per
 * class is the sum over the trees. The sum does not depend on order, threads or compiler. A class's probability is its
 * score / (trees * 2^24); the prediction is the class with the highest score, ties go to the lowest class index.
 * Classes are ordered as scikit-learn orders them: by number when every label is an integer, else by bytes.
 *
 * Reading and predicting are thread-safe on a const forest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fail.h"
#include "common/spec.h"

enum {
	FOREST_SHARE_BITS = 24,
	FOREST_SHARE_ONE = 1 << FOREST_SHARE_BITS,
	FOREST_LEAF = 0xffff, /* node.feature of a leaf */
	FOREST_MAX_CLASSES = 4096,
	FOREST_FORMAT_VERSION = 1,
};

struct forest_feature {
	char *name;
	enum column_type type;
	int threshold_count;
	int32_t *thresholds; /* distinct, ascending */
	int category_count;  /* of a category: its texts, index = key */
	char **categories;
	int *by_text;	  /* category indices in strcmp order of their texts */
	int32_t frequent; /* key of the most frequent training value, taken for unseen texts */
};

/* Nodes of a tree stand in pre-order: the left child of node i is i + 1. */
struct forest_node {
	int32_t threshold;
	uint32_t other;	  /* split: index of the right child; leaf: index of its distribution */
	uint16_t feature; /* FOREST_LEAF: a leaf */
	uint16_t rank;	  /* split: which of the feature's thresholds it is, modulo 65536 */
};

struct forest {
	int feature_count;
	struct forest_feature *features;
	char *label_name;
	int class_count;
	char **labels;
	int tree_count;
	uint32_t *roots; /* node index of each tree's root; roots[tree_count] = node_count */
	uint32_t node_count;
	struct forest_node *nodes;
	uint32_t distribution_count;
	uint32_t *distributions; /* class_count shares each */
};

/* NULL when the bytes are no intact model of a known version; never trusts a length. sha256 becomes that of all bytes,
 * of a damaged model too; it may be NULL. */
struct forest *forest_read(const void *bytes, size_t size, char sha256[DIGEST_HEX_SIZE], struct fail *fail) MUST_USE;
void forest_free(struct forest *forest); /* NULL is fine */

/* A float32's key: same order as the numbers, -0 equals 0. */
int32_t forest_real_key(float value);
float forest_key_real(int32_t key);

enum forest_encoded { FOREST_ENCODED, FOREST_UNSEEN, FOREST_NO_NUMBER };
/* A value's text (as in a CSV field) to its key. UNSEEN: a text the training did not know; *key is usable. NO_NUMBER: a
 * number was expected and *key is not set. */
enum forest_encoded forest_encode(const struct forest *forest, int feature, const char *text, size_t size,
				  int32_t *key);

/* Index of a label, or -1. */
int forest_label(const struct forest *forest, const char *text, size_t size);

/* The predicted class. scores (class_count sums over the trees) is overwritten; it may be NULL. */
int forest_predict(const struct forest *forest, const int32_t *keys, uint64_t *scores);

/* Many rows, keys row-major. classes[row] = predicted class. Equal rows are not computed once: callers that have many
 * of them pass distinct rows. scores (rows * class_count) may be NULL. */
void forest_predict_rows(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			 uint64_t *scores);

/* The same, always down the trees; the other one makes a look-up table first where that costs less. */
void forest_predict_by_trees(const struct forest *forest, const int32_t *keys, size_t rows, uint16_t *classes,
			     uint64_t *scores);

double forest_probability(const struct forest *forest, uint64_t score);

#endif
