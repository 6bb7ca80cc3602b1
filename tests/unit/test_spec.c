/* The spec against the files of tests/cases/spec: a new case is a new file. valid/NAME.json must give the stored form
 * of NAME.expected, invalid/NAME.json the message of NAME.message, in which FILE stands for the name of the spec's
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#include "common/spec.h"

static const char cases[] = "tests/cases/spec";
static char folder[] = "/tmp/green-ml-spec.XXXXXX";

static const char *path_in(const char *place, const char *name, const char *ending)
{
	static char path[512];

	assert_true(snprintf(path, sizeof(path), "%s/%s%s", place, name, ending) < (int)sizeof(path));
	return path;
}

/* A file's text without its last line end; the caller frees it. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(1 << 20);
	size_t size;

	if (!file)
		fail_msg("could not open %s", path);
	size = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	size -= size && text[size - 1] == '\n';
	text[size] = '\0';
	return text;
}

static int is_json(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static void check_valid(const char *place, const char *name)
{
	char *expected = read_text(path_in(place, name, ".expected"));
	struct fail failure = {0};
	struct spec spec, again;

	if (!spec_load(path_in(place, name, ".json"), NULL, &spec, &failure))
		fail_msg("%s: %s", name, failure.text);
	if (strcmp(spec.json, expected) != 0)
		fail_msg("%s:\n got %s\nwant %s", name, spec.json, expected);
	/* The stored form is a spec itself, and means the same. */
	if (!spec_parse("stored", spec.json, strlen(spec.json), NULL, &again, &failure))
		fail_msg("%s: %s", name, failure.text);
	assert_string_equal(again.json, spec.json);
	assert_string_equal(again.holdout_limit, spec.holdout_limit);
	spec_release(&again);
	spec_release(&spec);
	free(expected);
}

static int mismatches;

static void check_invalid(const char *place, const char *name)
{
	char *expected = read_text(path_in(place, name, ".message")), got[2048];
	const char *path = path_in(place, name, ".json"), *found;
	struct fail failure = {0};
	struct spec spec;

	if (spec_load(path, NULL, &spec, &failure))
		fail_msg("%s was taken for a spec", name);
	assert_int_equal(failure.code, EXIT_WRONG_USE);
	found = strstr(failure.text, path);
	assert_non_null(found);
	snprintf(got, sizeof(got), "%.*sFILE%s", (int)(found - failure.text), failure.text, found + strlen(path));
	if (strcmp(got, expected) != 0) {
		print_error("%s:\n got %s\nwant %s\n", name, got, expected);
		mismatches++;
	}
	free(expected);
}

static int walk(const char *kind, void (*check)(const char *place, const char *name))
{
	struct dirent **entries;
	char place[128], name[256];
	int count;

	snprintf(place, sizeof(place), "%s/%s", cases, kind);
	count = scandir(place, &entries, is_json, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(entries[i]->d_name) - 5), entries[i]->d_name);
		free(entries[i]);
		check(place, name);
	}
	if (count >= 0)
		free(entries);
	return count;
}

static void valid_specs_are_stored_in_full(void **state UNUSED)
{
	assert_in_range(walk("valid", check_valid), 10, 10000);
}

static void invalid_specs_are_refused_in_words(void **state UNUSED)
{
	mismatches = 0;
	assert_in_range(walk("invalid", check_invalid), 90, 10000);
	assert_int_equal(mismatches, 0);
}

/* ------------------------------------------------------------------ what a file cannot hold */

static const char small[] =
    "{\"name\": \"insurance\", \"id\": \"id\", \"label\": {\"column\": \"y\", \"type\": \"category\"}, "
    "\"features\": [{\"column\": \"a\", \"type\": \"integer\"}]}";

static void the_struct_holds_what_the_file_says(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;

	assert_true(spec_load(path_in(cases, "valid/everything", ".json"), NULL, &spec, &failure));
	assert_string_equal(spec.file, "tests/cases/spec/valid/everything.json");
	assert_string_equal(spec.name, "a23456789012345678901234567890z");
	assert_string_equal(spec.source, "b-1");
	assert_string_equal(spec.id, "row id");
	assert_string_equal(spec.label.name, "Größe");
	assert_int_equal(spec.label.type, COLUMN_INTEGER);
	assert_int_equal(spec.label.missing_count, 0);
	assert_int_equal(spec.feature_count, 3);
	assert_int_equal(spec.features[0].type, COLUMN_REAL);
	assert_int_equal(spec.features[0].missing_count, 2);
	assert_string_equal(spec.features[0].missing[1], "-");
	assert_int_equal(spec.features[1].type, COLUMN_CATEGORY);
	assert_string_equal(spec.features[1].missing[0], "?");
	assert_string_equal(spec.holdout, "0.25");
	assert_string_equal(spec.holdout_limit, "4611686018427387904");
	assert_int_equal(spec.train_on, TRAIN_ON_LAST_ROWS);
	assert_int_equal(spec.train_on_count, 500000);
	assert_int_equal(spec.forest.trees, 1);
	assert_int_equal(spec.forest.max_features, 3);
	assert_int_equal(spec.forest.max_depth, 12);
	assert_int_equal(spec.forest.min_samples_leaf, 20);
	assert_true(spec.forest.seed == INT64_MAX);
	assert_true(spec.gate.max_accuracy_drop == 0 && spec.gate.min_accuracy == 0.5 && spec.gate.recent_rows == 1);
	assert_true(spec.retrain.low_accuracy_decrease == 0 && spec.retrain.max_accuracy_decrease == 1);
	assert_true(spec.retrain.min_rows == 0 && spec.retrain.min_new_rows == 1);
	assert_true(spec.retrain.recent_rows == INT64_MAX && spec.retrain.finish_within_h == 0.5);
	assert_true(spec.retrain.min_saving == 0.125);
	assert_true(spec.retrain.carbon_intensity_threshold_gco2_per_kwh == 250);
	assert_string_equal(spec.retrain.policy, "threshold:250");
	assert_string_equal(spec.retrain.zone, "GB");
	assert_string_equal(spec.retrain.signal_provider, "neso");
	assert_string_equal(spec.retrain.signal_kind, "marginal");
	assert_string_equal(spec.retrain.signal_factors, "direct");
	spec_release(&spec);
	spec_release(&spec);
}

static void words_stand_for_zero(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;

	assert_true(spec_load(path_in(cases, "valid/words", ".json"), NULL, &spec, &failure));
	assert_int_equal(spec.forest.max_features, 0);
	assert_int_equal(spec.forest.min_samples_leaf, 0);
	assert_int_equal(spec.train_on, TRAIN_ON_ALL);
	assert_string_equal(spec.holdout, "0.2");
	assert_string_equal(spec.holdout_limit, "3689348814741910323");
	spec_release(&spec);
}

static void missing_markers_are_exact(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;

	assert_true(spec_parse("x", small, strlen(small), NULL, &spec, &failure));
	assert_true(spec_is_missing(&spec.label, "", 0));
	assert_true(spec_is_missing(&spec.label, "NA", 2));
	assert_true(spec_is_missing(&spec.label, "NaNs", 3));
	assert_false(spec_is_missing(&spec.label, "na", 2));
	assert_false(spec_is_missing(&spec.label, "NA ", 3));
	assert_false(spec_is_missing(&spec.label, "N", 1));
	assert_false(spec_is_missing(&spec.label, "NA\0", 3));
	spec_release(&spec);
}

static void another_name_keeps_the_source(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;

	assert_true(spec_parse("x", small, strlen(small), "second", &spec, &failure));
	assert_string_equal(spec.name, "second");
	assert_string_equal(spec.source, "insurance");
	assert_non_null(strstr(spec.json, "\"name\":\"second\""));
	assert_non_null(strstr(spec.json, "\"source\":\"insurance\""));
	spec_release(&spec);
	assert_true(spec_parse("x", small, strlen(small), "", &spec, &failure)); /* an empty PIPELINE_NAME */
	assert_string_equal(spec.name, "insurance");
	spec_release(&spec);
	assert_false(spec_parse("x", small, strlen(small), "Second", &spec, &failure));
	assert_int_equal(failure.code, EXIT_WRONG_USE);
	assert_string_equal(failure.text,
			    "\"Second\" (--as, PIPELINE_NAME) is no name: expected at most 31 of a-z, 0-9 and "
			    "-, a letter first, no - at the end");
}

/* ------------------------------------------------------------------ files and folders */

static void write_file(const char *name, const char *text, size_t padding)
{
	FILE *file = fopen(path_in(folder, name, ""), "we");

	assert_non_null(file);
	fputs(text, file);
	while (padding--)
		fputc(' ', file);
	fclose(file);
}

static void a_file_has_a_mebibyte_at_most(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;
	char message[256];

	write_file("big.json", small, (1 << 20) - strlen(small));
	assert_true(spec_load(path_in(folder, "big.json", ""), NULL, &spec, &failure));
	spec_release(&spec);
	write_file("big.json", small, (1 << 20) - strlen(small) + 1);
	assert_false(spec_load(path_in(folder, "big.json", ""), NULL, &spec, &failure));
	snprintf(message, sizeof(message), "spec \"%s/big.json\" is longer than 1048576 bytes", folder);
	assert_string_equal(failure.text, message);
	assert_int_equal(failure.code, EXIT_WRONG_USE);
	unlink(path_in(folder, "big.json", ""));
}

static void what_cannot_be_read_is_named(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec spec;
	char message[256];

	assert_false(spec_load("/nowhere/x.json", NULL, &spec, &failure));
	assert_string_equal(failure.text, "could not open spec \"/nowhere/x.json\": No such file or directory");
	assert_int_equal(failure.code, EXIT_WRONG_USE);
	fail_clear(&failure);
	assert_false(spec_load(folder, NULL, &spec, &failure));
	snprintf(message, sizeof(message), "could not read spec \"%s\": Is a directory", folder);
	assert_string_equal(failure.text, message);
}

static void a_folder_gives_all_its_specs(void **state UNUSED)
{
	struct fail failure = {0};
	struct spec *specs;
	int count;
	char message[512];

	assert_false(spec_load_all(folder, NULL, &specs, &count, &failure));
	snprintf(message, sizeof(message), "directory \"%s\" holds no spec (*.json)", folder);
	assert_string_equal(failure.text, message);
	assert_null(specs);
	fail_clear(&failure);

	write_file("b.json", small, 0);
	write_file("notes.txt", "no spec", 0);
	write_file(".hidden.json", "no spec", 0);
	write_file("a.json",
		   "{\"name\": \"flights\", \"id\": \"i\", \"label\": {\"column\": \"y\", \"type\": \"integer\"}, "
		   "\"features\": [{\"column\": \"a\", \"type\": \"real\"}]}",
		   0);
	assert_true(spec_load_all(folder, NULL, &specs, &count, &failure));
	assert_int_equal(count, 2);
	assert_string_equal(specs[0].name, "flights");
	assert_string_equal(specs[1].name, "insurance");
	spec_free_all(specs, count);

	assert_true(spec_load_all(path_in(folder, "b.json", ""), "other", &specs, &count, &failure));
	assert_int_equal(count, 1);
	assert_string_equal(specs[0].name, "other");
	spec_free_all(specs, count);

	/* One name for all of a folder cannot be meant. */
	assert_false(spec_load_all(folder, "other", &specs, &count, &failure));
	snprintf(message, sizeof(message), "specs \"%s/a.json\" and \"%s/b.json\" have the same name \"other\"", folder,
		 folder);
	assert_string_equal(failure.text, message);
	assert_int_equal(count, 0);
	fail_clear(&failure);

	write_file("c.json", "{}", 0);
	assert_false(spec_load_all(folder, NULL, &specs, &count, &failure));
	assert_non_null(strstr(failure.text, "/c.json\": name: this key is mandatory"));
	assert_null(specs);
}

static int make_folder(void **state UNUSED)
{
	return !mkdtemp(folder);
}

static int remove_folder(void **state UNUSED)
{
	static const char *const names[] = {"a.json", "b.json", "c.json", "notes.txt", ".hidden.json"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_in(folder, names[i], ""));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid_specs_are_stored_in_full),	   cmocka_unit_test(invalid_specs_are_refused_in_words),
	    cmocka_unit_test(the_struct_holds_what_the_file_says), cmocka_unit_test(words_stand_for_zero),
	    cmocka_unit_test(missing_markers_are_exact),	   cmocka_unit_test(another_name_keeps_the_source),
	    cmocka_unit_test(a_file_has_a_mebibyte_at_most),	   cmocka_unit_test(what_cannot_be_read_is_named),
	    cmocka_unit_test(a_folder_gives_all_its_specs),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
