#ifndef MODEL_TRAINING_GROW_H
#define MODEL_TRAINING_GROW_H

/*
 * Grows a random forest from a training set: scikit-learn's RandomForestClassifier (bootstrap, a fresh draw of features
 * at every node, Gini, thresholds half way between neighbouring values, soft vote), with min_samples_leaf counting
 * bootstrap draws.
 *
 *	struct grow_settings settings = {.trees = 100, .min_samples_leaf = 5, .threads = 2};
 *	struct grown grown;
 *	grow_forest(dataset, &settings, &grown);
 *	forest_write(dataset, &grown, threads, &text, &fail);		forest_write.h
 *	grown_release(&grown);
 *
 * Threads share the trees out, and where there are more threads than trees left, parts of trees (crew.h). The forest
 * depends on the training set and the settings only, never on the number of threads. Tree number t is the
 * same tree whichever trees are grown with it: first_tree .. first_tree + trees - 1 are a share of a larger forest. Its
 * draws by slot are bootstrap_draw(grow_bootstrap(dataset, settings), seed, t, draws) (bootstrap.h).
 *
 * A thread that grows a tree has tree_grower_bytes() of tree.h for it. Where memory is left (common/memory.h) for fewer
 * trees than threads, so many grow at once, and the other threads help; where it is not left for one, the program ends
 * with the sentence of xalloc.h. docs/OPERATIONS.md says what a training takes in all.
 */

#include <stdint.h>

#include "model-training/dataset.h"
#include "model-training/tree.h"

struct grow_settings {
	int first_tree;	  /* number of the first tree to grow */
	int trees;	  /* how many */
	int max_features; /* 0 or less: floor(sqrt(features)), at least 1; more than there are: all */
	int max_depth;	  /* 0: no limit */
	int min_samples_leaf;
	double sample_fraction; /* of the rows: as many draws has a tree; 0: 1 */
	int prior_tree;		/* number of the tree that stays one leaf, with the labels of all rows; 0: none */
	uint64_t seed;
	int threads;
	void (*progress)(int64_t done, int64_t total); /* may be NULL; called by the calling thread only */
};

struct grown {
	int tree_count;
	struct tree *trees;
};

/* What max_features stands for. */
int grow_max_features(int max_features, int feature_count);
/* bootstrap_free() it. */
struct bootstrap *grow_bootstrap(const struct dataset *dataset, const struct grow_settings *settings);
void grow_forest(const struct dataset *dataset, const struct grow_settings *settings, struct grown *grown);
void grown_release(struct grown *grown);

#endif
