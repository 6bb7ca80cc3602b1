#include "model-training/budget.h"

#include "common/forest.h"
#include "common/memory.h"
#include "model-training/forest_write.h"
#include "model-training/shard.h"

/* Trees times distinct rows. Below, a model is seldom too large, and growing one tree by itself costs more time. */
enum { LARGE = 10000000 };

static void grow_some(const struct dataset *dataset, const struct grow_settings *settings, int trees,
		      struct grown *grown)
{
	struct grow_settings own = *settings;
	struct grown more;

	own.trees = trees;
	grow_forest(dataset, &own, &more);
	shard_join(grown, &more);
}

/* A tree, its bytes twice, its thresholds and the tree of the model that is read back. */
static uint64_t tree_memory(const struct tree *tree, uint64_t model_bytes)
{
	uint64_t cells = distributions_begin(&tree->leaves, tree->leaves.count);

	return tree->node_count * (sizeof(struct tree_node) + sizeof(int32_t) / 2 + sizeof(struct forest_node)) +
	       cells * sizeof(struct distribution_cell) + tree->leaves.count * sizeof(size_t) + 2 * model_bytes;
}

static bool fits(const struct dataset *dataset, const struct tree *first, int trees, int whole, struct fail *fail)
{
	uint64_t fixed, bytes = forest_write_estimate(dataset, first, &fixed), model = fixed + bytes * (uint64_t)whole;
	uint64_t memory = fixed + tree_memory(first, bytes) * (uint64_t)trees;
	struct memory_left left = memory_left();

	/* A first tree larger than the others is no reason. */
	if (model / 20 * 19 > FOREST_WRITE_MAX_SIZE)
		return fail_set(
		    fail, EXIT_FAILED,
		    "the model would be of at least %llu MB, as the first of its %d trees has %u nodes, and "
		    "at most %d MB are possible: give the spec's \"forest\" a larger min_samples_leaf or "
		    "fewer trees",
		    (unsigned long long)(model / 1000000), whole, first->node_count, FOREST_WRITE_MAX_SIZE / 1000000);
	if (memory > left.bytes)
		return fail_set(fail, EXIT_FAILED,
				"the %d trees would take about %llu MB of memory, as the first has %u nodes, and %s "
				"leaves %llu MB: allow more of it, or give the spec's \"forest\" a larger "
				"min_samples_leaf or fewer trees",
				trees, (unsigned long long)(memory / 1000000), first->node_count, left.limit,
				(unsigned long long)(left.bytes / 1000000));
	return true;
}

/* The first tree, where it is to be looked at before the others; it is taken off *rest. */
static void grow_first(const struct dataset *dataset, struct grow_settings *rest, int whole, struct grown *grown)
{
	void (*progress)(int64_t done, int64_t total) = rest->progress;

	if (grown->tree_count > 0 || rest->trees < 1 || whole < 2 || (uint64_t)whole * dataset->slot_count <= LARGE)
		return;
	rest->progress = NULL;
	grow_some(dataset, rest, 1, grown);
	rest->progress = progress;
	rest->first_tree++;
	rest->trees--;
}

uint64_t budget_model_bytes(const struct dataset *dataset, const struct grow_settings *settings, int whole,
			    struct grown *grown)
{
	struct grow_settings rest = *settings;
	uint64_t fixed;

	grow_first(dataset, &rest, whole, grown);
	if (grown->tree_count == 0)
		return 0;
	return forest_write_estimate(dataset, &grown->trees[0], &fixed) * (uint64_t)whole + fixed;
}

bool budget_grow(const struct dataset *dataset, const struct grow_settings *settings, int whole, struct grown *grown,
		 struct fail *fail)
{
	struct grow_settings rest = *settings;

	grow_first(dataset, &rest, rest.trees, grown);
	if (grown->tree_count > 0 && !fits(dataset, &grown->trees[0], rest.trees, whole, fail))
		return false;
	grow_some(dataset, &rest, rest.trees, grown);
	return true;
}
