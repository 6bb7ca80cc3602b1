#include "tests/bench/bench-forest/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/banned.h"
#include "common/digest.h"
#include "common/forest.h"
#include "common/forest_table.h"
#include "common/xalloc.h"
#include "model-training/auto_leaf.h"
#include "model-training/budget.h"
#include "model-training/forest_write.h"

enum { MAX_TABLE_BYTES = 256 << 20, LEAST_LOOK_UPS = 2000000, ROUNDS = 5, COUNTED_ROWS = 2000 };

#define LEAST_PROBABILITY 1e-15

struct cost {
	double wall_s, cpu_s;
};

static double read_clock(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static struct cost cost_start(void)
{
	return (struct cost){-read_clock(CLOCK_MONOTONIC), -read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

static void cost_stop(struct cost *cost)
{
	cost->wall_s += read_clock(CLOCK_MONOTONIC);
	cost->cpu_s += read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static double peak_rss_mb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss * 1024 / 1e6;
}

/* ------------------------------------------------------------------ fitting */

static void describe_columns(const struct table *table, struct dataset_column *columns)
{
	for (int f = 0; f < table->feature_count; f++)
		columns[f] = (struct dataset_column){.name = table->features[f].name,
						     .type = table->features[f].type,
						     .texts = table->features[f].texts.texts,
						     .text_count = table->features[f].texts.count};
}

static void report_binned(const struct dataset *dataset, json_t *result)
{
	json_t *binned = json_array();

	for (int f = 0; f < dataset->feature_count; f++)
		if (dataset->features[f].binned)
			json_array_append_new(binned, json_string(dataset->features[f].name));
	json_object_set_new(result, "binned", binned);
}

/* min_samples_leaf 0: auto. */
static bool grow(const struct dataset *dataset, const struct grow_settings *settings, struct grown *grown,
		 json_t *result, struct fail *fail)
{
	struct auto_leaf found;
	struct cost search = cost_start();
	bool done;

	if (settings->min_samples_leaf > 0) {
		json_object_set_new(result, "min_samples_leaf", json_integer(settings->min_samples_leaf));
		return budget_grow(dataset, settings, settings->trees, grown, fail);
	}
	if (!auto_leaf_search(dataset, settings, &found, fail))
		return false;
	cost_stop(&search);
	done = auto_leaf_grow(dataset, settings, &found, grown, fail);
	json_object_set_new(result, "min_samples_leaf", json_integer(found.sizes[found.chosen].min_samples_leaf));
	json_object_set_new(result, "auto_cpu_s", json_real(search.cpu_s));
	json_object_set_new(result, "auto", auto_leaf_json(&found));
	auto_leaf_release(&found);
	return done;
}

static void report_sha256(const struct text *bytes, json_t *result)
{
	unsigned char hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	digest_bytes(bytes->data, bytes->size, hash);
	digest_hex(hash, hex);
	json_object_set_new(result, "model_sha256", json_string(hex));
}

static bool fit(const struct table *table, const struct grow_settings *settings, struct text *bytes, json_t *result,
		struct fail *fail)
{
	struct dataset_column *columns = xcalloc((size_t)table->feature_count, sizeof(*columns));
	struct dataset_names names = {.label_name = table->label_name,
				      .labels = table->labels.texts,
				      .label_count = table->labels.count,
				      .features = columns};
	struct cost coding = cost_start(), growing, writing;
	struct dataset *dataset;
	struct grown grown = {0};
	int64_t nodes = 0;
	bool done = false;

	describe_columns(table, columns);
	dataset = dataset_build(&table->train, &names, fail);
	if (!dataset)
		goto out;
	cost_stop(&coding);
	growing = cost_start();
	if (!grow(dataset, settings, &grown, result, fail))
		goto out;
	cost_stop(&growing);
	for (int t = 0; t < grown.tree_count; t++)
		nodes += grown.trees[t].node_count;
	json_object_set_new(result, "fit_wall_s", json_real(coding.wall_s + growing.wall_s));
	json_object_set_new(result, "fit_cpu_s", json_real(coding.cpu_s + growing.cpu_s));
	json_object_set_new(result, "coding_wall_s", json_real(coding.wall_s));
	json_object_set_new(result, "fit_peak_rss_mb", json_real(peak_rss_mb()));
	json_object_set_new(result, "rows_train", json_integer(dataset->row_count));
	json_object_set_new(result, "distinct_rows", json_integer(dataset->slot_count));
	json_object_set_new(result, "classes", json_integer(dataset->class_count));
	json_object_set_new(result, "nodes", json_integer(nodes));
	report_binned(dataset, result);
	writing = cost_start();
	done = forest_write(dataset, &grown, settings->threads, bytes, fail);
	cost_stop(&writing);
	json_object_set_new(result, "write_wall_s", json_real(writing.wall_s));
	json_object_set_new(result, "model_bytes", json_integer((json_int_t)bytes->size));
	report_sha256(bytes, result);
out:
	grown_release(&grown);
	dataset_free(dataset);
	free(columns);
	return done;
}

/* ------------------------------------------------------------------ predicting */

struct test {
	size_t rows;
	int32_t *keys;	/* row-major */
	int *labels;	/* the forest's; -1: one it does not know */
	int64_t unseen; /* texts that training did not have */
};

/* Codes of the table as keys of the forest, texts by way of the dictionary. */
static void make_test(const struct table *table, const struct forest *forest, struct test *test)
{
	size_t features = (size_t)table->feature_count, width = features + 1;
	int *labels = xcalloc((size_t)table->labels.count, sizeof(*labels));

	*test = (struct test){.rows = (size_t)table->test.count};
	test->keys = xcalloc(test->rows * features, sizeof(*test->keys));
	test->labels = xcalloc(test->rows, sizeof(*test->labels));
	for (int k = 0; k < table->labels.count; k++)
		labels[k] = forest_label(forest, table->labels.texts[k], strlen(table->labels.texts[k]));
	for (size_t row = 0; row < test->rows; row++)
		test->labels[row] = labels[table->test.values[row * width]];
	for (size_t f = 0; f < features; f++) {
		const struct texts *texts = &table->features[f].texts;
		int32_t *keys = xcalloc((size_t)texts->count, sizeof(*keys));
		bool *unseen = xcalloc((size_t)texts->count, sizeof(*unseen));

		for (int v = 0; v < texts->count; v++)
			unseen[v] = forest_encode(forest, (int)f, texts->texts[v], strlen(texts->texts[v]), &keys[v]) !=
				    FOREST_ENCODED;
		for (size_t row = 0; row < test->rows; row++) {
			int32_t value = table->test.values[row * width + 1 + f];

			test->keys[row * features + f] = texts->count ? keys[value] : value;
			test->unseen += texts->count && unseen[value];
		}
		free(keys);
		free(unseen);
	}
	free(labels);
}

static void report_quality(const struct test *test, const struct forest *forest, json_t *result)
{
	size_t classes = (size_t)forest->class_count, right = 0;
	uint16_t *predicted = xcalloc(test->rows, sizeof(*predicted));
	uint64_t *scores = xcalloc(test->rows * classes, sizeof(*scores));
	double loss = 0, brier = 0;

	forest_predict_rows(forest, test->keys, test->rows, predicted, scores);
	for (size_t row = 0; row < test->rows; row++) {
		int label = test->labels[row];
		double p = label < 0 ? 0 : forest_probability(forest, scores[row * classes + (size_t)label]);

		right += predicted[row] == label;
		loss -= log(p > LEAST_PROBABILITY ? p : LEAST_PROBABILITY);
		brier += 1 - 2 * p;
		for (size_t k = 0; k < classes; k++)
			brier += pow(forest_probability(forest, scores[row * classes + k]), 2);
	}
	json_object_set_new(result, "rows_test", json_integer((json_int_t)test->rows));
	json_object_set_new(result, "accuracy", json_real((double)right / (double)test->rows));
	json_object_set_new(result, "log_loss", json_real(loss / (double)test->rows));
	json_object_set_new(result, "brier", json_real(brier / (double)test->rows));
	json_object_set_new(result, "unseen_texts", json_integer(test->unseen));
	free(predicted);
	free(scores);
}

static double time_table(const struct test *test, const struct forest_table *table)
{
	uint16_t *predicted = xcalloc(test->rows, sizeof(*predicted));
	size_t repeats = LEAST_LOOK_UPS / test->rows + 1;
	double best_s = INFINITY;

	for (int i = 0; i < ROUNDS; i++) {
		struct cost cost = cost_start();

		for (size_t repeat = 0; repeat < repeats; repeat++)
			forest_table_predict(table, test->keys, test->rows, predicted);
		cost_stop(&cost);
		best_s = cost.cpu_s < best_s ? cost.cpu_s : best_s;
	}
	free(predicted);
	return best_s * 1e9 / (double)(repeats * test->rows);
}

static double time_trees(const struct test *test, const struct forest *forest)
{
	uint16_t *predicted = xcalloc(test->rows, sizeof(*predicted));
	double best_s = INFINITY;

	for (int i = 0; i < ROUNDS; i++) {
		struct cost cost = cost_start();

		forest_predict_by_trees(forest, test->keys, test->rows, predicted, NULL);
		cost_stop(&cost);
		best_s = cost.cpu_s < best_s ? cost.cpu_s : best_s;
	}
	free(predicted);
	return best_s * 1e9 / (double)test->rows;
}

static double count_visits(const struct test *test, const struct forest *forest)
{
	size_t rows = test->rows < COUNTED_ROWS ? test->rows : COUNTED_ROWS;
	int64_t visits = 0;

	for (size_t row = 0; row < rows; row++) {
		const int32_t *keys = test->keys + row * (size_t)forest->feature_count;

		for (int t = 0; t < forest->tree_count; t++) {
			uint32_t at = forest->roots[t];

			for (; forest->nodes[at].feature != FOREST_LEAF; visits++)
				at = keys[forest->nodes[at].feature] <= forest->nodes[at].threshold
					 ? at + 1
					 : forest->nodes[at].other;
		}
	}
	return (double)visits / (double)rows;
}

static void report_times(const struct test *test, const struct forest *forest, json_t *result)
{
	struct forest_table *table = forest_table_new(forest, MAX_TABLE_BYTES);
	double by_trees_ns = time_trees(test, forest), visits = count_visits(test, forest);

	json_object_set_new(result, "predict_ns_per_row_table",
			    table ? json_real(time_table(test, table)) : json_null());
	json_object_set_new(result, "predict_ns_per_row_trees", json_real(by_trees_ns));
	json_object_set_new(result, "visits_per_row", json_real(visits));
	json_object_set_new(result, "ns_per_visit", visits > 0 ? json_real(by_trees_ns / visits) : json_null());
	forest_table_free(table);
}

static void report_columns(const struct table *table, json_t *result)
{
	static const char *const names[] = {"integer", "real", "category"};
	json_t *types = json_object(), *missing = json_object();

	for (int f = 0; f < table->feature_count; f++) {
		json_object_set_new(types, table->features[f].name, json_string(names[table->features[f].type]));
		if (table->features[f].missing)
			json_object_set_new(missing, table->features[f].name, json_integer(table->features[f].missing));
	}
	json_object_set_new(result, "types", types);
	json_object_set_new(result, "missing", missing);
	json_object_set_new(result, "rows_without_label", json_integer(table->unlabelled));
}

json_t *measure(const struct table *table, const struct grow_settings *settings, struct fail *fail)
{
	json_t *result = json_object();
	struct forest *forest = NULL;
	struct test test = {0};
	struct text bytes;

	text_init(&bytes, FOREST_WRITE_MAX_SIZE);
	json_object_set_new(result, "rows", json_integer(table->train.count + table->test.count));
	json_object_set_new(result, "threads", json_integer(settings->threads));
	json_object_set_new(result, "trees", json_integer(settings->trees));
	json_object_set_new(result, "min_samples_leaf", json_integer(settings->min_samples_leaf));
	report_columns(table, result);
	if (fit(table, settings, &bytes, result, fail))
		forest = forest_read(bytes.data, bytes.size, NULL, fail);
	text_release(&bytes);
	if (forest) {
		make_test(table, forest, &test);
		report_quality(&test, forest, result);
		report_times(&test, forest, result);
		json_object_set_new(result, "peak_rss_mb", json_real(peak_rss_mb()));
	} else {
		json_decref(result);
		result = NULL;
	}
	free(test.keys);
	free(test.labels);
	forest_free(forest);
	return result;
}
