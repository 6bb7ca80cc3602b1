#include "model-training/auto_leaf.h"

#include "common/banned.h"
#include "model-training/oob.h"
#include "model-training/shard.h"

enum { LEAST_TREES = 10, SHARE_OF_TREES = 10, FIRST_TRIED = 3 };

static const int leaf_sizes[AUTO_LEAF_SIZES] = {1, 2, 5, 10, 20, 50, 100};

static int smallest(const struct auto_leaf_size *sizes, int count)
{
	int best = -1;

	for (int i = 0; i < count; i++)
		if (sizes[i].tried && (best < 0 || sizes[i].brier < sizes[best].brier))
			best = i;
	return best;
}

int auto_leaf_choose(const struct auto_leaf_size *sizes, int count)
{
	int best = smallest(sizes, count), chosen = best;

	for (int i = 0; i < count; i++)
		if (sizes[i].tried && sizes[i].nodes < sizes[chosen].nodes &&
		    sizes[i].brier - sizes[best].brier <= AUTO_LEAF_CLOSE * sizes[i].standard_error)
			chosen = i;
	return chosen;
}

struct trial {
	struct grown grown;
	struct oob_score score;
};

struct search {
	const struct dataset *dataset;
	const struct grow_settings *pilot;
	const struct oob *oob;
	int whole; /* trees of the forest */
	struct auto_leaf_size *sizes;
	struct trial *trials;
};

static void try_size(const struct search *search, int i)
{
	struct auto_leaf_size *size = &search->sizes[i];
	struct grow_settings own = *search->pilot;
	struct trial *trial = &search->trials[i];

	own.min_samples_leaf = size->min_samples_leaf;
	grow_forest(search->dataset, &own, &trial->grown);
	oob_score(search->oob, trial->grown.trees, search->whole, own.threads, &trial->score);
	size->tried = true;
	size->brier = trial->score.brier;
	size->log_loss = trial->score.log_loss;
	size->accuracy = trial->score.accuracy;
	for (int t = 0; t < trial->grown.tree_count; t++)
		size->nodes += trial->grown.trees[t].node_count;
}

/* Whether the size is worse than the best so far beyond any doubt. */
static bool is_clearly_worse(const struct search *search, int i)
{
	int best = smallest(search->sizes, AUTO_LEAF_SIZES);

	return search->sizes[i].brier - search->sizes[best].brier >
	       AUTO_LEAF_CLEAR * oob_standard_error(&search->trials[i].score, &search->trials[best].score);
}

/* One size after the other in a direction, as long as the last one is not clearly worse. */
static void explore(const struct search *search, int from, int step)
{
	for (int i = from; i >= 0 && i < AUTO_LEAF_SIZES; i += step) {
		if (!search->sizes[i].tried)
			try_size(search, i);
		if (is_clearly_worse(search, i))
			break;
	}
}

void auto_leaf_search(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found)
{
	struct grow_settings pilot = *settings;
	struct trial trials[AUTO_LEAF_SIZES] = {0};
	struct search search = {
	    .dataset = dataset, .pilot = &pilot, .whole = settings->trees, .sizes = found->sizes, .trials = trials};
	struct oob *oob;
	int best;

	pilot.first_tree = 0;
	pilot.trees = settings->trees / SHARE_OF_TREES < LEAST_TREES ? LEAST_TREES : settings->trees / SHARE_OF_TREES;
	if (pilot.trees > settings->trees)
		pilot.trees = settings->trees;
	*found = (struct auto_leaf){.tree_count = pilot.trees};
	for (int i = 0; i < AUTO_LEAF_SIZES; i++)
		found->sizes[i].min_samples_leaf = leaf_sizes[i];
	search.oob = oob = oob_new(dataset, settings->seed, 0, pilot.trees, AUTO_LEAF_MAX_SLOTS);
	explore(&search, FIRST_TRIED, -1);
	explore(&search, FIRST_TRIED, 1);
	best = smallest(found->sizes, AUTO_LEAF_SIZES);
	found->rows = (int64_t)trials[best].score.brier_rows;
	for (int i = 0; i < AUTO_LEAF_SIZES; i++)
		if (found->sizes[i].tried)
			found->sizes[i].standard_error = oob_standard_error(&trials[i].score, &trials[best].score);
	found->chosen = auto_leaf_choose(found->sizes, AUTO_LEAF_SIZES);
	for (int i = 0; found->rows == 0 && i < AUTO_LEAF_SIZES; i++)
		if (leaf_sizes[i] == AUTO_LEAF_WITHOUT_OOB)
			found->chosen = i;
	found->pilot = trials[found->chosen].grown;
	for (int i = 0; i < AUTO_LEAF_SIZES; i++) {
		oob_score_release(&trials[i].score);
		if (i != found->chosen)
			grown_release(&trials[i].grown);
	}
	oob_free(oob);
}

void auto_leaf_grow(const struct dataset *dataset, const struct grow_settings *settings, struct auto_leaf *found,
		    struct grown *grown)
{
	struct grow_settings rest = *settings;
	struct grown more;

	rest.min_samples_leaf = found->sizes[found->chosen].min_samples_leaf;
	rest.first_tree = found->tree_count;
	rest.trees -= found->tree_count;
	grow_forest(dataset, &rest, &more);
	*grown = found->pilot;
	found->pilot = (struct grown){0};
	shard_join(grown, &more);
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

		if (size->tried)
			json_array_append_new(sizes,
					      json_pack("{s:i, s:I, s:f, s:f, s:f, s:f}", "min_samples_leaf",
							size->min_samples_leaf, "nodes", (json_int_t)size->nodes,
							"brier", size->brier, "standard_error", size->standard_error,
							"log_loss", size->log_loss, "accuracy", size->accuracy));
	}
	return json_pack("{s:i, s:I, s:i, s:o}", "trees", found->tree_count, "rows", (json_int_t)found->rows,
			 "min_samples_leaf", found->sizes[found->chosen].min_samples_leaf, "sizes", sizes);
}
