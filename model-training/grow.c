#include "model-training/grow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/xalloc.h"
#include "model-training/crew.h"
#include "model-training/packed.h"
#include "model-training/parallel.h"

/* Codes of up to 256 values take one byte, so that more of a column stays in the processor's caches. */
static struct column make_column(const struct dataset_feature *feature, uint32_t slot_count)
{
	uint8_t *narrow;

	if (feature->value_count > 256)
		return (struct column){.wide = feature->codes};
	narrow = xcalloc(slot_count, sizeof(*narrow));
	for (uint32_t s = 0; s < slot_count; s++)
		narrow[s] = (uint8_t)feature->codes[s];
	return (struct column){.narrow = narrow, .greatest = (uint8_t)(feature->value_count - 1)};
}

int grow_max_features(int max_features, int feature_count)
{
	int root = 1;

	if (max_features > 0)
		return max_features < feature_count ? max_features : feature_count;
	while ((root + 1) * (root + 1) <= feature_count)
		root++;
	return root;
}

struct bootstrap *grow_bootstrap(const struct dataset *dataset, const struct grow_settings *settings)
{
	return bootstrap_new(dataset->counts, dataset->slot_count,
			     settings->sample_fraction > 0 ? settings->sample_fraction : 1);
}

struct growth {
	const struct dataset *dataset;
	const struct grow_data *data;
	const struct grow_settings *settings;
	struct tree *trees;
	pthread_t caller;
	int at_once;	  /* so many threads grow trees of their own, the others only help */
	atomic_int begun; /* threads */
};

/* Not of a sample, so that it has every label. */
static void make_prior(const struct dataset *dataset, struct tree *tree)
{
	struct tree_node leaf = {.feature = TREE_LEAF};
	uint32_t *rows = xcalloc((size_t)dataset->class_count, sizeof(*rows));

	for (uint32_t s = 0; s < dataset->slot_count; s++)
		rows[dataset->classes[s]] += dataset->counts[s];
	tree->nodes = xmalloc(sizeof(leaf));
	tree->nodes[tree->node_count++] = leaf;
	distributions_append(&tree->leaves, rows, dataset->class_count);
	free(rows);
}

static void grow_trees(struct parallel_counter *counter, void *context)
{
	struct growth *growth = context;
	struct tree_grower *grower = tree_grower_new(growth->data);
	bool shows = growth->settings->progress && pthread_equal(pthread_self(), growth->caller);
	bool grows = atomic_fetch_add(&growth->begun, 1) < growth->at_once;
	int tree;

	crew_enter(growth->data->crew);
	while (grows && (tree = parallel_next(counter)) >= 0) {
		int number = growth->settings->first_tree + tree;

		if (number > 0 && number == growth->settings->prior_tree)
			make_prior(growth->dataset, &growth->trees[tree]);
		else
			tree_grow(grower, (uint32_t)number, &growth->trees[tree]);
		if (shows)
			growth->settings->progress(parallel_given(counter), growth->settings->trees);
	}
	tree_help(grower);
	tree_grower_free(grower);
}

/* Not more than could have a tree or a branch each. */
static int count_threads(const struct grow_data *data, const struct grow_settings *settings)
{
	int64_t useful = settings->trees * (1 + (int64_t)data->slot_count / (2 * TREE_LEAST_BRANCH));

	return settings->threads < useful ? settings->threads : (int)useful;
}

/* How many trees memory allows to grow at once, half of it left for the trees. */
static int count_at_once(const struct grow_data *data, int threads, int wanted)
{
	uint64_t bytes = tree_grower_bytes(data), stacks = (uint64_t)threads * PARALLEL_STACK_BYTES, left, fit;

	memory_foresee(bytes);
	left = memory_left().bytes;
	fit = left > stacks ? (left - stacks) / 2 / bytes : 0;
	if (fit >= (uint64_t)wanted)
		return wanted;
	log_info("fewer trees grow at once than there are threads, for lack of memory", "trees", "%d",
		 fit > 1 ? (int)fit : 1, NULL);
	return fit > 1 ? (int)fit : 1;
}

void grow_forest(const struct dataset *dataset, const struct grow_settings *settings, struct grown *grown)
{
	struct column *columns = xcalloc((size_t)dataset->feature_count, sizeof(*columns));
	struct bootstrap *bootstrap = grow_bootstrap(dataset, settings);
	struct grow_data data = {
	    .feature_count = dataset->feature_count,
	    .class_count = dataset->class_count,
	    .slot_count = dataset->slot_count,
	    .draw_count = bootstrap_draws(bootstrap),
	    .columns = columns,
	    .classes = dataset->classes,
	    .bootstrap = bootstrap,
	    .max_features = grow_max_features(settings->max_features, dataset->feature_count),
	    .max_depth = settings->max_depth,
	    .min_samples_leaf = (uint32_t)settings->min_samples_leaf,
	    .seed = settings->seed,
	    .crew = crew_new(),
	};
	struct growth growth = {.dataset = dataset, .data = &data, .settings = settings, .caller = pthread_self()};
	int threads;

	for (int f = 0; f < dataset->feature_count; f++)
		columns[f] = make_column(&dataset->features[f], dataset->slot_count);
	data.packed = packed_new(&data);
	growth.trees = xcalloc((size_t)settings->trees, sizeof(*growth.trees));
	threads = count_threads(&data, settings);
	growth.at_once = count_at_once(&data, threads, threads < settings->trees ? threads : settings->trees);
	parallel_run_all(settings->trees, threads, grow_trees, &growth);
	*grown = (struct grown){.tree_count = settings->trees, .trees = growth.trees};
	for (int f = 0; f < dataset->feature_count; f++)
		free((void *)(uintptr_t)columns[f].narrow);
	free(columns);
	packed_free((struct packed *)(uintptr_t)data.packed);
	bootstrap_free(bootstrap);
	crew_free(data.crew);
}

void grown_release(struct grown *grown)
{
	for (int tree = 0; tree < grown->tree_count; tree++)
		tree_release(&grown->trees[tree]);
	free(grown->trees);
	*grown = (struct grown){0};
}
