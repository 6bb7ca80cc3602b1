/*
 * bench-forest - grow a forest from a CSV file, without a database, and say what it took and how good it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/number.h"
#include "common/setting.h"
#include "model-training/table.h"
#include "tests/bench/bench-forest/measure.h"

static struct {
	const char *csv, *label, *features, *id, *source, *test_csv, *min_samples_leaf;
	int64_t threads, trees, max_features, max_depth, seed;
	double sample_fraction;
	bool json;
} config;

/* clang-format off */
static const struct setting settings[] = {
	{"csv", NULL, SETTING_TEXT, &config.csv, .value_name = "FILE", .help = "rows; the first line names the columns"},
	{"label", NULL, SETTING_TEXT, &config.label, .value_name = "COLUMN", .help = "the column to predict"},
	{"features", NULL, SETTING_TEXT, &config.features, .value_name = "A,B,...", .help = "the columns to predict it from"},
	{"id", NULL, SETTING_TEXT, &config.id, .value_name = "COLUMN",
	 .help = "decides which fifth of the rows is kept for the test; without it the row's number, from 1"},
	{"source", NULL, SETTING_TEXT, &config.source, "", .value_name = "TEXT",
	 .help = "its pipeline's source (default none): another one is another fifth"},
	{"test-csv", NULL, SETTING_TEXT, &config.test_csv, .value_name = "FILE",
	 .help = "test on these rows and train on all of --csv"},
	{"threads", NULL, SETTING_INT, &config.threads, "0", 0, 1024, .value_name = "N", .help = "0 = all processors"},
	{"trees", NULL, SETTING_INT, &config.trees, "100", 1, 100000, .value_name = "N", .help = "trees to grow"},
	{"min-samples-leaf", NULL, SETTING_TEXT, &config.min_samples_leaf, "1", .value_name = "N",
	 .help = "bootstrap draws that a leaf needs, or auto: chosen out of bag, as a spec's auto is"},
	{"max-features", NULL, SETTING_INT, &config.max_features, "-1", -1, 100000, .value_name = "N",
	 .help = "candidates of a node, 0 = the square root of all, -1 = so, or with auto maybe more"},
	{"max-depth", NULL, SETTING_INT, &config.max_depth, "0", 0, 100000, .value_name = "N", .help = "0 = no limit"},
	{"sample-fraction", NULL, SETTING_REAL, &config.sample_fraction, "1", 0.001, 1, .value_name = "F",
	 .help = "of the training rows: bootstrap draws of a tree"},
	{"seed", NULL, SETTING_INT, &config.seed, "0", 0, 1e15, .value_name = "S", .help = "of the random numbers"},
	{"json", NULL, SETTING_FLAG, &config.json, .help = "one JSON object instead of lines"},
};
/* clang-format on */

static const struct program program = {
    .name = "bench-forest",
    .purpose = "Grows a forest from a CSV file and prints what it took and how good it is.",
    .usage = "--csv FILE --label COLUMN --features A,B,... [OPTIONS]",
    .notes =
	"A column is integer when all its values are, else real when all are finite numbers, else a category; "
	"\"types\"\n"
	"says what was found. An empty field, NA, NaN, nan and null are one value below all numbers, in a category a "
	"text\n"
	"like any other. Rows without a label are left out.\n"
	"fit_wall_s and fit_cpu_s are for coding the rows and growing the trees, with auto for its search too "
	"(auto_cpu_s),\n"
	"without reading the file and without writing the model (write_wall_s); predict_ns_per_row_table (null: no "
	"table of 256 MiB) and _trees are of one\n"
	"thread. A test row whose label training did not know counts as wrong, with a probability of 1e-15.\n"
	"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static bool check_settings(struct grow_settings *grow, struct fail *fail)
{
	const char *lacking = !config.csv	 ? "--csv"
			      : !config.label	 ? "--label"
			      : !config.features ? "--features"
						 : NULL;
	int32_t leaf = 0;

	if (lacking)
		return fail_set(fail, EXIT_WRONG_USE, "option %s is needed", lacking);
	if (config.id && config.test_csv)
		return fail_set(fail, EXIT_WRONG_USE,
				"--id splits the rows of --csv: with --test-csv it has no meaning");
	if (strcmp(config.min_samples_leaf, "auto") != 0 &&
	    (!number_int32(config.min_samples_leaf, strlen(config.min_samples_leaf), &leaf) || leaf < 1))
		return fail_set(fail, EXIT_WRONG_USE,
				"--min-samples-leaf must be a number of at least 1 or auto, found \"%s\"",
				config.min_samples_leaf);
	*grow = (struct grow_settings){.trees = (int)config.trees,
				       .max_features = (int)config.max_features,
				       .max_depth = (int)config.max_depth,
				       .min_samples_leaf = leaf,
				       .sample_fraction = config.sample_fraction,
				       .seed = (uint64_t)config.seed,
				       .threads = config.threads ? (int)config.threads : container_processors()};
	return true;
}

static bool read_rows(struct table *table, struct fail *fail)
{
	if (!table_open(table, config.csv, config.label, config.features, fail))
		return false;
	table->source = config.source;
	if (!table_read(table, config.csv, config.id, config.test_csv ? TABLE_TRAIN : TABLE_TRAIN | TABLE_TEST, fail) ||
	    (config.test_csv && !table_read(table, config.test_csv, NULL, TABLE_TEST, fail)))
		return false;
	if (table->test.count == 0 || table->train.count == 0)
		return fail_set(fail, EXIT_BAD_DATA,
				"%lld training rows and %lld test rows in file \"%s\": at least one of each is needed, "
				"so give more rows or --test-csv",
				(long long)table->train.count, (long long)table->test.count, config.csv);
	return true;
}

static void print_result(const json_t *result, struct fail *fail)
{
	const char *key;
	json_t *value;

	if (config.json) {
		json_dumpf(result, stdout, JSON_REAL_PRECISION(6));
		putchar('\n');
	} else {
		json_object_foreach((json_t *)(uintptr_t)result, key, value)
		{
			printf("%-26s ", key);
			json_dumpf(value, stdout, JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
			putchar('\n');
		}
	}
	if (fflush(stdout) != 0)
		fail_set(fail, EXIT_FAILED, "could not write the result: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct grow_settings grow;
	struct table table = {0};
	struct fail fail = {0};
	json_t *result = NULL;

	log_init(program.name);
	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	if (check_settings(&grow, &fail) && read_rows(&table, &fail))
		result = measure(&table, &grow, &fail);
	if (result)
		print_result(result, &fail);
	json_decref(result);
	table_release(&table);
	return fail.code == EXIT_DONE ? EXIT_DONE : fail_exit(&fail);
}
