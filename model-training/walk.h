#ifndef MODEL_TRAINING_WALK_H
#define MODEL_TRAINING_WALK_H

/*
 * Down a grown tree with the codes of rows, WALK_LANES rows side by side, so that their steps do not wait for each
 * other.
 *
 *	struct walk walk;
 *	walk_init(tree, class_count, &walk);
 *	walk_leaves(&walk, rows, at);		at[lane] = the node of the tree where rows[lane] ends
 *	walk_release(&walk);
 */

#include <stdint.h>

#include "model-training/tree.h"

enum { WALK_LANES = 16 };

struct walk_step;

struct walk {
	struct walk_step *steps; /* by node */
	double *shares; /* by distribution: of the leaf's draws by class, then the sum of their squares, then 1 */
};

void walk_init(const struct tree *tree, int class_count, struct walk *walk);
void walk_release(struct walk *walk);

/* rows: codes by feature. The last ones may be repeated. */
void walk_leaves(const struct walk *walk, const uint16_t *const rows[WALK_LANES], uint32_t at[WALK_LANES]);

#endif
