#ifndef MODEL_TRAINING_WALK_H
#define MODEL_TRAINING_WALK_H

/*
 * Down a grown tree with the codes of rows, the way the model goes that is written of it: a code between the two that a
 * cut was found at goes where the threshold sends its value. WALK_LANES rows go side by side, so that their steps do
 * not wait for each other.
 *
 *	struct walk walk;
 *	walk_init(dataset, tree, &walk);		tree must live longer
 *	walk_leaves(&walk, rows, at);		at[lane] = the node of the tree where rows[lane] ends
 *	walk_release(&walk);
 */

#include <stdint.h>

#include "model-training/dataset.h"
#include "model-training/tree.h"

enum { WALK_LANES = 16 };

struct walk_step;

struct walk {
	const struct distributions *leaves; /* the tree's */
	struct walk_step *steps;	    /* by node */
	double *shares;			    /* by cell of the leaves: of the leaf's draws */
	double *squares;		    /* by distribution: the sum of its shares' squares */
};

void walk_init(const struct dataset *dataset, const struct tree *tree, struct walk *walk);
void walk_release(struct walk *walk);

/* rows: codes by feature. The last ones may be repeated. */
void walk_leaves(const struct walk *walk, const uint16_t *const rows[WALK_LANES], uint32_t at[WALK_LANES]);

#endif
