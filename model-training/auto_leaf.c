#include "model-training/auto_leaf.h"

#include <string.h>

#include "common/banned.h"
#include "common/spec.h"
#include "model-training/budget.h"
#include "model-training/forest_write.h"
#include "model-training/oob.h"

enum { LEAST_TREES = 10, SHARE_OF_TREES = 10, FIRST_TRIED = 3 };

static const int leaf_sizes[AUTO_LEAF_SIZES] = {1, 2, 5, 10, 20, 50, 100};

static int smallest(const struct auto_leaf_size *sizes, int count)
{
	int best = -1;

	for (int i = 0; i < count; i++)
		if (sizes[i].judged && (best < 0 || sizes[i].brier < sizes[best].brier))
			best = i;
	return best;
}

int auto_leaf_choose(const struct auto_leaf_size *sizes, int count)
{
	int best = smallest(sizes, count), chosen = best;

	for (int i = 0; i < count; i++)
		if (sizes[i].judged && sizes[i].nodes < sizes[chosen].nodes &&
		    sizes[i].brier - sizes[best].brier <= AUTO_LEAF_CLOSE * sizes[i].standard_error)
			chosen = i;
	return chosen;
}

struct trial {
	struct grown grown;
	struct oob_score first, score; /* of the first trees, of all */
	bool too_large;
};

/* Of the sizes, with one max_features. */
struct search {
	const struct dataset *dataset;
	struct grow_settings pilot;
	const struct oob *first, *all; /* first NULL: the pilot has no more trees than that */
	int whole;		       /* trees of the forest */
	double clear;		       /* standard errors beyond which a size is worse */
	struct auto_leaf_size sizes[AUTO_LEAF_SIZES];
	struct trial trials[AUTO_LEAF_SIZES];
};

static struct grow_settings settings_of(const struct search *search, int i, int trees)
{
	struct grow_settings own = search->pilot;

	own.min_samples_leaf = search->sizes[i].min_samples_leaf;
	own.first_tree = search->trials[i].grown.tree_count;
	own.trees = trees - own.first_tree;
	return own;
}

static bool grow_more(struct search *search, int i, int trees, struct fail *fail)
{
	struct grow_settings own = settings_of(search, i, trees);

	return own.trees == 0 || budget_grow(search->dataset, &own, search->whole, &search->trials[i].grown, fail);
}

/* Of what the first tree lets expect; the others may be larger than it. */
static uint64_t model_bytes(struct search *search, int i)
{
	struct grow_settings own = settings_of(search, i, search->pilot.trees);

	return budget_model_bytes(search->dataset, &own, search->whole, &search->trials[i].grown);
}

static void take_score(struct search *search, int i, const struct oob_score *score)
{
	struct auto_leaf_size *size = &search->sizes[i];
	const struct grown *grown = &search->trials[i].grown;

	size->trees = grown->tree_count;
	size->brier = score->brier;
	size->log_loss = score->log_loss;
	size->accuracy = score->accuracy;
	for (int t = 0; t < grown->tree_count; t++)
		size->nodes += grown->trees[t].node_count;
}

static bool is_worse(const struct oob_score *score, const struct oob_score *best, double clear)
{
	return score->brier - best->brier > clear * oob_standard_error(score, best);
}

/* The largest leaves are given up only where the model surely is: with a size that the spec names it would be tried. */
static bool is_too_large(struct search *search, int i)
{
	uint64_t most = i == AUTO_LEAF_SIZES - 1 ? FOREST_WRITE_MAX_SIZE / 19 * 20 : FOREST_WRITE_MAX_SIZE / 20 * 19;
	struct trial *trial = &search->trials[i];

	trial->too_large = model_bytes(search, i) > most;
	if (trial->too_large)
		grown_release(&trial->grown);
	return trial->too_large;
}

/* It is given up where it is worse than the rival on the first trees; rival NULL: there is none. */
static bool try_size(struct search *search, int i, const struct trial *rival, struct fail *fail)
{
	struct trial *trial = &search->trials[i];
	int threads = search->pilot.threads;

	if (is_too_large(search, i))
		return true;
	if (search->first) {
		if (!grow_more(search, i, rival ? AUTO_LEAF_FIRST_TREES : search->pilot.trees, fail))
			return false;
		if (is_too_large(search, i)) /* of few rows it is known only now */
			return true;
		oob_score(search->first, trial->grown.trees, search->whole, threads, &trial->first);
		if (rival && is_worse(&trial->first, &rival->first, search->clear)) {
			take_score(search, i, &trial->first);
			return true;
		}
	}
	if (!grow_more(search, i, search->pilot.trees, fail))
		return false;
	oob_score(search->all, trial->grown.trees, search->whole, threads, &trial->score);
	take_score(search, i, &trial->score);
	search->sizes[i].judged = true;
	return true;
}

static const struct trial *best_trial(const struct search *search)
{
	int best = smallest(search->sizes, AUTO_LEAF_SIZES);

	return best < 0 ? NULL : &search->trials[best];
}

/* One size after the other in a direction, as long as the last one is not clearly worse; what is too large gets smaller
 * upwards. */
static bool explore(struct search *search, int from, int step, struct fail *fail)
{
	for (int i = from; i >= 0 && i < AUTO_LEAF_SIZES; i += step) {
		struct auto_leaf_size *size = &search->sizes[i];

		if (size->trees == 0 && !search->trials[i].too_large && !try_size(search, i, best_trial(search), fail))
			return false;
		if (search->trials[i].too_large && step > 0)
			continue;
		if (!size->judged || is_worse(&search->trials[i].score, &best_trial(search)->score, search->clear))
			break;
	}
	return true;
}

static bool search_sizes(struct search *search, int from, struct fail *fail)
{
	return explore(search, from, -1, fail) && explore(search, from, 1, fail);
}

static void search_release(struct search *search)
{
	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		oob_score_release(&search->trials[i].first);
		oob_score_release(&search->trials[i].score);
		grown_release(&search->trials[i].grown);
	}
}

/* ------------------------------------------------------------------ more columns for a node */

static int most_features(int feature_count)
{
	int most = (feature_count * 4 + 4) / 5, limit = AUTO_LEAF_MOST_ROOTS * grow_max_features(0, feature_count);

	return most < limit ? most : limit;
}

static struct auto_leaf_features describe(const struct search *search, int i, const struct trial *few)
{
	const struct auto_leaf_size *size = &search->sizes[i];
	const struct trial *trial = &search->trials[i];

	return (struct auto_leaf_features){
	    .max_features = grow_max_features(search->pilot.max_features, search->dataset->feature_count),
	    .min_samples_leaf = size->min_samples_leaf,
	    .trees = size->trees,
	    .brier = size->brier,
	    .standard_error = size->judged ? oob_standard_error(&trial->score, &few->score)
					   : oob_standard_error(&trial->first, &few->first)};
}

/* Whether the best size so far, tried into `most` with more columns for a node, is better with them. */
static bool prefers_most(const struct search *few, struct search *most, struct auto_leaf *found, struct fail *fail)
{
	int best = smallest(few->sizes, AUTO_LEAF_SIZES), count = few->dataset->feature_count;
	const struct trial *rival = &few->trials[best];

	most->pilot.max_features = most_features(count);
	if (most->pilot.max_features <= grow_max_features(0, count) || rival->score.brier_rows <= 0)
		return false;
	most->clear = -AUTO_LEAF_LIKELY;
	if (!try_size(most, best, rival, fail) || most->trials[best].too_large)
		return false;
	found->features[0] = describe(few, best, rival);
	found->features[1] = describe(most, best, rival);
	return most->sizes[best].judged && is_worse(&rival->score, &most->trials[best].score, AUTO_LEAF_MORE);
}

/* ------------------------------------------------------------------ the search */

static void compare(struct search *search)
{
	const struct trial *trials = search->trials, *best = best_trial(search);

	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		struct auto_leaf_size *size = &search->sizes[i];

		if (size->judged)
			size->standard_error = oob_standard_error(&trials[i].score, &best->score);
		else if (size->trees > 0)
			size->standard_error = oob_standard_error(&trials[i].first, &best->first);
	}
}

static void take(struct search *search, struct auto_leaf *found)
{
	compare(search);
	found->max_features = grow_max_features(search->pilot.max_features, search->dataset->feature_count);
	found->rows = (int64_t)best_trial(search)->score.brier_rows;
	memcpy(found->sizes, search->sizes, sizeof(found->sizes));
	found->chosen = auto_leaf_choose(found->sizes, AUTO_LEAF_SIZES);
	for (int i = 0; found->rows == 0 && i < AUTO_LEAF_SIZES; i++)
		if (leaf_sizes[i] == AUTO_LEAF_WITHOUT_OOB)
			found->chosen = i;
	found->pilot = search->trials[found->chosen].grown;
	search->trials[found->chosen].grown = (struct grown){0};
}

static int pilot_trees(int trees)
{
	int wanted = trees / SHARE_OF_TREES < LEAST_TREES ? LEAST_TREES : trees / SHARE_OF_TREES;

	return wanted < trees ? wanted : trees;
}

int auto_leaf_prior_tree(int trees)
{
	return trees >= AUTO_LEAF_LEAST_FOR_PRIOR ? trees - 1 : 0;
}

/* The sizes with "sqrt" or a given number of columns, then maybe with more; *taken: whose result it is. */
static bool search_all(struct search *few, struct search *most, struct search **taken, struct auto_leaf *found,
		       struct fail *fail)
{
	*taken = few;
	if (!search_sizes(few, FIRST_TRIED, fail))
		return false;
	if (!best_trial(few))
		return fail_set(fail, EXIT_FAILED,
				"with leaves of %d draws the model of %d trees would still be of about %llu MB, and at "
				"most %d MB are possible: give the spec's \"forest\" fewer trees",
				leaf_sizes[AUTO_LEAF_SIZES - 1], few->whole,
				(unsigned long long)(model_bytes(few, AUTO_LEAF_SIZES - 1) / 1000000),
				FOREST_WRITE_MAX_SIZE / 1000000);
	if (few->pilot.max_features != SPEC_AUTO || !prefers_most(few, most, found, fail))
		return fail->code == EXIT_DONE;
	search_release(few);
	*taken = most;
	most->clear = AUTO_LEAF_LIKELY;
	return search_sizes(most, smallest(most->sizes, AUTO_LEAF_SIZES), fail);
}

bool auto_leaf_search(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		      struct fail *fail)
{
	struct search few = {
	    .dataset = dataset, .pilot = *settings, .whole = settings->trees, .clear = AUTO_LEAF_CLEAR};
	struct search most, *taken;
	int trees = pilot_trees(settings->trees);
	struct oob *all = oob_new(dataset, settings, trees, AUTO_LEAF_MAX_SLOTS), *first = NULL;
	bool done;

	if (trees > AUTO_LEAF_FIRST_TREES)
		first = oob_new(dataset, settings, AUTO_LEAF_FIRST_TREES, AUTO_LEAF_MAX_SLOTS);
	*found = (struct auto_leaf){.tree_count = trees};
	few.all = all;
	few.first = first;
	few.pilot.first_tree = 0;
	few.pilot.trees = trees;
	for (int i = 0; i < AUTO_LEAF_SIZES; i++)
		few.sizes[i].min_samples_leaf = leaf_sizes[i];
	most = few;
	done = search_all(&few, &most, &taken, found, fail);
	if (done)
		take(taken, found);
	search_release(&few);
	search_release(&most);
	oob_free(all);
	oob_free(first);
	return done;
}

bool auto_leaf_grow(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		    struct grown *grown, struct fail *fail)
{
	struct grow_settings rest = *settings;

	rest.max_features = found->max_features;
	rest.min_samples_leaf = found->sizes[found->chosen].min_samples_leaf;
	rest.first_tree = found->tree_count;
	rest.trees -= found->tree_count;
	rest.prior_tree = auto_leaf_prior_tree(settings->trees);
	*grown = found->pilot;
	found->pilot = (struct grown){0};
	return budget_grow(dataset, &rest, settings->trees, grown, fail);
}

void auto_leaf_release(struct auto_leaf *found)
{
	grown_release(&found->pilot);
	*found = (struct auto_leaf){0};
}

json_t *auto_leaf_json(const struct auto_leaf *found)
{
	json_t *sizes = json_array(), *features = json_array();

	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		const struct auto_leaf_size *size = &found->sizes[i];

		if (size->trees > 0)
			json_array_append_new(sizes, json_pack("{s:i, s:i, s:I, s:f, s:f, s:f, s:f}",
							       "min_samples_leaf", size->min_samples_leaf, "trees",
							       size->trees, "nodes", (json_int_t)size->nodes, "brier",
							       size->brier, "standard_error", size->standard_error,
							       "log_loss", size->log_loss, "accuracy", size->accuracy));
	}
	for (int i = 0; i < 2; i++) {
		const struct auto_leaf_features *tried = &found->features[i];

		if (tried->trees > 0)
			json_array_append_new(
			    features, json_pack("{s:i, s:i, s:i, s:f, s:f}", "max_features", tried->max_features,
						"min_samples_leaf", tried->min_samples_leaf, "trees", tried->trees,
						"brier", tried->brier, "standard_error", tried->standard_error));
	}
	return json_pack("{s:i, s:I, s:i, s:i, s:o, s:o}", "trees", found->tree_count, "rows", (json_int_t)found->rows,
			 "min_samples_leaf", found->sizes[found->chosen].min_samples_leaf, "max_features",
			 found->max_features, "sizes", sizes, "features", features);
}
