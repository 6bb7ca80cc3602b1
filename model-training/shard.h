#ifndef MODEL_TRAINING_SHARD_H
#define MODEL_TRAINING_SHARD_H

/*
 * Some trees of a forest as bytes: what green_ml.model_shard holds, the trees of a pilot or of one share of a plan. The
 * trees of all shares, joined in their order, are the trees that one process would have grown (grow.h: tree t is the
 * same whichever trees are grown with it), so forest_write() makes the same bytes of them.
 *
 *	shard_write(&grown, first_tree, class_count, &text, &fail);
 *	shard_read(bytes, size, dataset, &first_tree, &grown, &fail);	then grown_release()
 *
 * Bytes, little-endian, varint = 7 bits a byte, lowest first, high bit: more follow. Magic "GMLSHRD1"; u32 first_tree,
 * u32 tree_count, u32 class_count; per tree: u32 node_count, u32 distribution_count, distribution_count * class_count
 * varints: the draws by class; per node in pre-order varint feature + 1, varint left code, varint right - left code, or
 * for a leaf varint 0, varint distribution; at the end the SHA-256 of everything before it.
 */

#include <stddef.h>

#include "common/fail.h"
#include "common/text.h"
#include "model-training/dataset.h"
#include "model-training/grow.h"

enum { SHARD_MAX_SIZE = 400000000 };

/* out: initialised with at least SHARD_MAX_SIZE as its maximum. EXIT_FAILED when it would be larger. */
bool shard_write(const struct grown *grown, int first_tree, int class_count, struct text *out,
		 struct fail *fail) MUST_USE;

/* Never trusts a length; EXIT_FAILED when the bytes are no intact shard of a forest on this training set. */
bool shard_read(const void *bytes, size_t size, const struct dataset *dataset, int *first_tree, struct grown *grown,
		struct fail *fail) MUST_USE;

/* Moves the trees of `more` behind those of `trees`; both may be zeroed. */
void shard_join(struct grown *trees, struct grown *more);

/* Share i of n (1..n) of the trees first .. end - 1: *share_first and how many, which may be none. */
int shard_share(int first, int end, int i, int n, int *share_first);

#endif
