#include "model-training/auto_leaf.h"

#include "common/banned.h"
#include "model-training/budget.h"
#include "model-training/oob.h"
#include "model-training/shard.h"

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
};

struct search {
	const struct dataset *dataset;
	const struct grow_settings *pilot;
	const struct oob *first, *all; /* first NULL: the pilot has no more trees than that */
	int whole;		       /* trees of the forest */
	struct auto_leaf_size *sizes;
	struct trial *trials;
};

static void grow_more(const struct search *search, int i, int trees)
{
	struct grow_settings own = *search->pilot;
	struct grown *grown = &search->trials[i].grown, more;

	if (grown->tree_count == trees)
		return;
	own.min_samples_leaf = search->sizes[i].min_samples_leaf;
	own.first_tree = grown->tree_count;
	own.trees = trees - grown->tree_count;
	grow_forest(search->dataset, &own, &more);
	shard_join(grown, &more);
}

static void take_score(const struct search *search, int i, const struct oob_score *score)
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

/* Beyond any doubt. */
static bool is_clearly_worse(const struct oob_score *score, const struct oob_score *best)
{
	return score->brier - best->brier > AUTO_LEAF_CLEAR * oob_standard_error(score, best);
}

static void try_size(const struct search *search, int i)
{
	struct trial *trial = &search->trials[i];
	int best = smallest(search->sizes, AUTO_LEAF_SIZES), threads = search->pilot->threads;

	if (search->first) {
		grow_more(search, i, best < 0 ? search->pilot->trees : AUTO_LEAF_FIRST_TREES);
		oob_score(search->first, trial->grown.trees, search->whole, threads, &trial->first);
		if (best >= 0 && is_clearly_worse(&trial->first, &search->trials[best].first)) {
			take_score(search, i, &trial->first);
			return;
		}
	}
	grow_more(search, i, search->pilot->trees);
	oob_score(search->all, trial->grown.trees, search->whole, threads, &trial->score);
	take_score(search, i, &trial->score);
	search->sizes[i].judged = true;
}

/* One size after the other in a direction, as long as the last one is not clearly worse. */
static void explore(const struct search *search, int from, int step)
{
	for (int i = from; i >= 0 && i < AUTO_LEAF_SIZES; i += step) {
		if (search->sizes[i].trees == 0)
			try_size(search, i);
		if (!search->sizes[i].judged ||
		    is_clearly_worse(&search->trials[i].score,
				     &search->trials[smallest(search->sizes, AUTO_LEAF_SIZES)].score))
			break;
	}
}

static void compare(const struct search *search, int best)
{
	const struct trial *trials = search->trials;

	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		struct auto_leaf_size *size = &search->sizes[i];

		if (size->judged)
			size->standard_error = oob_standard_error(&trials[i].score, &trials[best].score);
		else if (size->trees > 0)
			size->standard_error = oob_standard_error(&trials[i].first, &trials[best].first);
	}
}

static int pilot_trees(int trees)
{
	int wanted = trees / SHARE_OF_TREES < LEAST_TREES ? LEAST_TREES : trees / SHARE_OF_TREES;

	return wanted < trees ? wanted : trees;
}

void auto_leaf_search(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found)
{
	struct grow_settings pilot = *settings;
	struct trial trials[AUTO_LEAF_SIZES] = {0};
	struct search search = {
	    .dataset = dataset, .pilot = &pilot, .whole = settings->trees, .sizes = found->sizes, .trials = trials};
	struct oob *all, *first = NULL;
	int best;

	pilot.first_tree = 0;
	pilot.trees = pilot_trees(settings->trees);
	*found = (struct auto_leaf){.tree_count = pilot.trees};
	for (int i = 0; i < AUTO_LEAF_SIZES; i++)
		found->sizes[i].min_samples_leaf = leaf_sizes[i];
	search.all = all = oob_new(dataset, settings->seed, 0, pilot.trees, AUTO_LEAF_MAX_SLOTS);
	if (pilot.trees > AUTO_LEAF_FIRST_TREES)
		search.first = first = oob_new(dataset, settings->seed, 0, AUTO_LEAF_FIRST_TREES, AUTO_LEAF_MAX_SLOTS);
	explore(&search, FIRST_TRIED, -1);
	explore(&search, FIRST_TRIED, 1);
	best = smallest(found->sizes, AUTO_LEAF_SIZES);
	found->rows = (int64_t)trials[best].score.brier_rows;
	compare(&search, best);
	found->chosen = auto_leaf_choose(found->sizes, AUTO_LEAF_SIZES);
	for (int i = 0; found->rows == 0 && i < AUTO_LEAF_SIZES; i++)
		if (leaf_sizes[i] == AUTO_LEAF_WITHOUT_OOB)
			found->chosen = i;
	found->pilot = trials[found->chosen].grown;
	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		oob_score_release(&trials[i].first);
		oob_score_release(&trials[i].score);
		if (i != found->chosen)
			grown_release(&trials[i].grown);
	}
	oob_free(all);
	oob_free(first);
}

bool auto_leaf_grow(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		    struct grown *grown, struct fail *fail)
{
	struct grow_settings rest = *settings;

	rest.min_samples_leaf = found->sizes[found->chosen].min_samples_leaf;
	rest.first_tree = found->tree_count;
	rest.trees -= found->tree_count;
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
	json_t *sizes = json_array();

	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		const struct auto_leaf_size *size = &found->sizes[i];

		if (size->trees > 0)
			json_array_append_new(sizes, json_pack("{s:i, s:i, s:I, s:f, s:f, s:f, s:f}",
							       "min_samples_leaf", size->min_samples_leaf, "trees",
							       size->trees, "nodes", (json_int_t)size->nodes, "brier",
							       size->brier, "standard_error", size->standard_error,
							       "log_loss", size->log_loss, "accuracy", size->accuracy));
	}
	return json_pack("{s:i, s:I, s:i, s:o}", "trees", found->tree_count, "rows", (json_int_t)found->rows,
			 "min_samples_leaf", found->sizes[found->chosen].min_samples_leaf, "sizes", sizes);
}
