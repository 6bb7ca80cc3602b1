#ifndef MODEL_TRAINING_AUTO_LEAF_H
#define MODEL_TRAINING_AUTO_LEAF_H

/*
 * min_samples_leaf "auto": how large the leaves should be is tried out on a pilot, the first trees of the forest, and
 * judged out of bag (oob.h). Growing to purity learns noise by heart where labels are noisy; large leaves blur where
 * they are not.
 *
 *	struct grow_settings settings = {.trees = 100, .threads = 2, .seed = 0};	the whole forest's
 *	struct auto_leaf found;
 *	auto_leaf_search(dataset, &settings, &found, &fail);
 *	auto_leaf_grow(dataset, &settings, &found, &grown, &fail);	the whole forest, with the pilot's trees
 *	auto_leaf_release(&found);
 *
 * The pilot has max(10, trees / 10) trees, at most all. Judged is the Brier score that oob.h expects of the whole
 * forest, because the log loss of so few trees prefers leaves that are much too large for a hundred of them. The
 * score falls and rises again with the size; so the search starts in the middle, at 10, and goes down and then up,
 * each way until a size is worse than the best so far by more than AUTO_LEAF_CLEAR standard errors: purity, which
 * costs the most, is not tried where it is hopeless. A size that is as bad on the first AUTO_LEAF_FIRST_TREES trees
 * of both already is given up: the rest of its trees, most of what a search costs, are not grown, and it is not
 * chosen.
 *
 * max_features "auto" (settings.max_features SPEC_AUTO) begins with "sqrt". Where many columns say nothing, or each
 * says something of its own, a node then often draws none that helps. So the best size is grown once more with four
 * fifths of the columns, but at most AUTO_LEAF_MOST_ROOTS times "sqrt", as it costs so much more; four trees, and
 * the rest where those are better by AUTO_LEAF_LIKELY standard errors. Where "sqrt" is then worse by AUTO_LEAF_MORE,
 * the larger number is taken and the size searched anew from there, each way until it is worse by AUTO_LEAF_LIKELY.
 *
 * However many trees vote, small leaves leave rows whose label none of them has seen; its probability is then said to
 * be 0, and the log loss of one such row is that of a dozen others. So with "auto" the last of at least
 * AUTO_LEAF_LEAST_FOR_PRIOR trees is a single leaf: the labels' shares of all rows (grow.h, prior_tree). It moves
 * probabilities by one over the number of trees at most and next to no class. Smoothing frequencies towards the prior
 * is Cestnik's m-estimate (Estimating Probabilities, ECAI 1990), for trees that of Provost and Domingos (Tree Induction
 * for Probability-Based Ranking, Machine Learning 52, 2003); here it is done once for the vote, not in each leaf,
 * which then would have every label to store.
 *
 * A size whose forest would be too large for a model (budget.h) is given up after its first tree, of few rows after its
 * first trees.
 *
 * What is found depends on the training set and the settings only, see oob.h.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model-training/dataset.h"
#include "model-training/grow.h"

enum {
	AUTO_LEAF_SIZES = 7,
	AUTO_LEAF_MAX_SLOTS = 20000, /* that the estimate is made on: its standard error is then about 0.001 */
	AUTO_LEAF_FIRST_TREES = 4,
	AUTO_LEAF_MOST_ROOTS = 6,
	AUTO_LEAF_WITHOUT_OOB = 5,
	AUTO_LEAF_LEAST_FOR_PRIOR = 50, /* trees */
};

#define AUTO_LEAF_CLEAR 3.0
#define AUTO_LEAF_MORE 2.0
#define AUTO_LEAF_LIKELY 1.0
#define AUTO_LEAF_CLOSE 0.5

struct auto_leaf_size {
	int min_samples_leaf;
	int trees;		   /* that the rest is about: the pilot's, fewer where it was given up, 0: not tried */
	bool judged;		   /* on all of the pilot's trees */
	int64_t nodes;		   /* of the trees */
	double brier;		   /* out of bag, of the whole forest: what is chosen by */
	double standard_error;	   /* of brier - the smallest brier, where it was given up on as many trees */
	double log_loss, accuracy; /* out of bag, of the trees */
};

/* "sqrt" and more, with the same size. */
struct auto_leaf_features {
	int max_features, min_samples_leaf;
	int trees;	       /* as above; 0: no more than "sqrt" was tried */
	double brier;	       /* as above */
	double standard_error; /* of brier - that of "sqrt" on as many trees */
};

struct auto_leaf {
	int tree_count;
	int max_features; /* the chosen or given one, as a number */
	struct auto_leaf_features features[2];
	int64_t rows; /* that the estimate is made on; 0: there is none, AUTO_LEAF_WITHOUT_OOB is taken */
	struct auto_leaf_size sizes[AUTO_LEAF_SIZES]; /* ascending; with that max_features */
	int chosen;				      /* index in sizes */
	struct grown pilot;			      /* its trees */
};

int auto_leaf_prior_tree(int trees); /* its number, for grow_settings; 0: too few trees for one */
/* EXIT_FAILED: its trees would take more memory than is left, or the model is too large with every size; then there is
 * nothing to release. */
bool auto_leaf_search(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		      struct fail *fail) MUST_USE;
/* The forest of what was chosen: the pilot's trees, which are its first ones, and the rest of settings->trees.
 * EXIT_FAILED: it would be too large (budget.h); *grown is to be released in any case. */
bool auto_leaf_grow(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		    struct grown *grown, struct fail *fail) MUST_USE;
void auto_leaf_release(struct auto_leaf *found); /* a zeroed one is fine */

/* What was found, with the curve: {"trees", "rows", "min_samples_leaf", "max_features", "sizes": [{"min_samples_leaf",
 * "trees", "nodes", "brier", "standard_error", "log_loss", "accuracy"}, ...], "features": [{"max_features",
 * "min_samples_leaf", "trees", "brier", "standard_error"}, ...]}, only what was tried. The caller's. */
json_t *auto_leaf_json(const struct auto_leaf *found);

/* The size with the smallest Brier score; of those within AUTO_LEAF_CLOSE standard errors of it the smallest forest.
 * The pilot's accuracy has no say: that of 3.7 trees prefers large leaves as their log loss does. Only sizes that were
 * judged; -1: none was. */
int auto_leaf_choose(const struct auto_leaf_size *sizes, int count);

#endif
