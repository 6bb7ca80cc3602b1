#ifndef MODEL_TRAINING_PACKED_H
#define MODEL_TRAINING_PACKED_H

/*
 * Growing trees where rows are narrow: each distinct row that a tree has drawn is one record of its codes and its draws
 * by class, 8 to 64 bytes, and a node is a run of records that a cut parts in two. What a node needs lies side by
 * side, a small node fits into a few cache lines, and the classes of a record are added up at once.
 *
 *	struct packed *packed = packed_new(&data);		once per forest; NULL: rows are not narrow, see below
 *	struct packed_grower *grower = packed_grower_new(packed);	working memory, one per thread
 *	packed_grow(grower, tree_number, draws, &trunk);	as tree_grow_from() of tree.h, to the last node
 *	packed_grow_branch(grower, branch);			what another grower has given away of its tree
 *	packed_grower_free(grower);
 *	packed_free(packed);
 *
 * Rows are narrow when no feature has more than 256 values and there are at most 8 features and 4 classes, or 24 and
 * 4, 16 and 8, 32 and 16. Where there are not many times as many rows as distinct ones a class's draws are one byte,
 * and a distinct row has several records should they not fit: one of 16 bytes for 8 features and 8 classes, or one
 * number of 8 bytes where the values of all features need 32 bits and there are 4 classes, or 24 bits and 5.
 * packed_kernel.h holds the code, compiled for each of these shapes, plainly and for processors with AVX2; all
 * arithmetic is in integers up to the one division of cut.h, so both grow the same trees. With
 * GREEN_ML_SIMD=off in the environment only the plain one is used.
 */

#include "model-training/branch.h"

struct packed;
struct packed_grower;

struct packed *packed_new(const struct grow_data *data); /* data must live longer */
void packed_free(struct packed *packed);		 /* NULL is fine, here and below */

uint64_t packed_grower_bytes(const struct packed *packed); /* once it has grown a tree */
struct packed_grower *packed_grower_new(const struct packed *packed);
void packed_grower_free(struct packed_grower *grower);
void packed_grow(struct packed_grower *grower, uint32_t tree_number, const uint32_t *draws, struct branch *trunk);
void packed_grow_branch(struct packed_grower *grower, struct branch *branch);

#endif
