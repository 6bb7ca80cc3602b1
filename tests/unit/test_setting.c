#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "common/clock.h"
#include "common/setting.h"

static const char *text, *secret, *choice;
static bool flag;
static int64_t rows;
static double drop;

static const struct setting settings[] = {
    {"csv", "T_CSV", SETTING_TEXT, &text, "train.csv", 0, 0, NULL, "FILE", "what to read"},
    {NULL, "T_TOKEN", SETTING_SECRET, &secret, NULL, 0, 0, NULL, NULL, "the token"},
    {"json", "T_JSON", SETTING_FLAG, &flag, "false", 0, 0, NULL, NULL, "one JSON object"},
    {"n-rows", "T_ROWS", SETTING_INT, &rows, "10", 0, 1000, NULL, "N", "how many"},
    {"max-drop", "T_DROP", SETTING_REAL, &drop, "0.5", 0, 1, NULL, "X", "how much"},
    {"policy", "T_POLICY", SETTING_CHOICE, &choice, "now", 0, 0, "now|forecast|level", NULL, "when"},
    {"rows-only", NULL, SETTING_FLAG, &(bool){false}, NULL, 0, 0, NULL, NULL, "no environment"},
};
static const struct program program = {
    .name = "tester",
    .purpose = "Tests.",
    .usage = "[OPTIONS]",
    .notes = "the end",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static char folder[] = "/tmp/green-ml-setting.XXXXXX";
static struct fail failure;

static int fresh(void **state UNUSED)
{
	static const char *const names[] = {"T_CSV",  "T_TOKEN", "T_TOKEN_FILE", "T_JSON",
					    "T_ROWS", "T_DROP",	 "T_POLICY",	 "GREEN_ML_NOW"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	text = secret = choice = NULL;
	flag = false;
	rows = 0;
	drop = 0;
	fail_clear(&failure);
	return 0;
}

enum { MAX_WORDS = 12 };
/* Runs settings_read() on these words; words that are no options are allowed when first is given. */
static enum settings_result read_words(const char *const *words, char **argv, int *first)
{
	int argc = 1;

	argv[0] = (char *)"tester";
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	argv[argc] = NULL;
	return settings_read(&program, argc, argv, first, &failure);
}

#define READ(...) read_words((const char *const[]){__VA_ARGS__, NULL}, (char *[MAX_WORDS]){NULL}, NULL)
#define READ_NOTHING() read_words((const char *const[]){NULL}, (char *[MAX_WORDS]){NULL}, NULL)

static void assert_refused(enum settings_result result, const char *message)
{
	assert_int_equal(result, SETTINGS_WRONG);
	assert_int_equal(failure.code, EXIT_WRONG_USE);
	assert_string_equal(failure.text, message);
	fail_clear(&failure);
}

static void defaults_then_environment_then_options(void **state UNUSED)
{
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(text, "train.csv");
	assert_null(secret);
	assert_false(flag);
	assert_int_equal(rows, 10);
	assert_true(drop == 0.5);
	assert_string_equal(choice, "now");

	setenv("T_CSV", "environment.csv", 1);
	setenv("T_ROWS", "20", 1);
	setenv("T_JSON", "1", 1);
	setenv("T_POLICY", "level", 1);
	setenv("T_TOKEN", "s3cret", 1);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(text, "environment.csv");
	assert_int_equal(rows, 20);
	assert_true(flag);
	assert_string_equal(choice, "level");
	assert_string_equal(secret, "s3cret");

	assert_int_equal(READ("--n-rows", "30", "--csv=option.csv", "--policy", "forecast"), SETTINGS_OK);
	assert_int_equal(rows, 30);
	assert_string_equal(text, "option.csv");
	assert_string_equal(choice, "forecast");
	/* The last of two options wins. */
	assert_int_equal(READ("--n-rows", "1", "--n-rows=2"), SETTINGS_OK);
	assert_int_equal(rows, 2);
}

/* Argo and Kubernetes templates leave unset parameters empty. */
static void an_empty_variable_is_not_given(void **state UNUSED)
{
	setenv("T_CSV", "", 1);
	setenv("T_ROWS", "", 1);
	setenv("T_JSON", "", 1);
	setenv("T_DROP", "", 1);
	setenv("T_POLICY", "", 1);
	setenv("T_TOKEN", "", 1);
	setenv("GREEN_ML_NOW", "", 1);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(text, "train.csv");
	assert_int_equal(rows, 10);
	assert_string_equal(choice, "now");
	assert_null(secret);
	assert_false(clock_is_simulated());
}

static void wrong_values_are_named(void **state UNUSED)
{
	static const struct {
		const char *words[3], *message;
	} cases[] = {
	    {{"--n-rows", "-1"}, "option --n-rows is \"-1\": expected a whole number from 0 to 1000"},
	    {{"--n-rows", "1001"}, "option --n-rows is \"1001\": expected a whole number from 0 to 1000"},
	    {{"--n-rows=1e3"}, "option --n-rows is \"1e3\": expected a whole number from 0 to 1000"},
	    {{"--n-rows="}, "option --n-rows is \"\": expected a whole number from 0 to 1000"},
	    {{"--n-rows", "99999999999999999999"},
	     "option --n-rows is \"99999999999999999999\": expected a whole number from 0 to 1000"},
	    {{"--max-drop", "1.01"}, "option --max-drop is \"1.01\": expected a number from 0 to 1"},
	    {{"--max-drop", "nan"}, "option --max-drop is \"nan\": expected a number from 0 to 1"},
	    {{"--max-drop", "0.1x"}, "option --max-drop is \"0.1x\": expected a number from 0 to 1"},
	    {{"--policy", "never"}, "option --policy is \"never\": expected one of now|forecast|level"},
	    {{"--policy", "fore"}, "option --policy is \"fore\": expected one of now|forecast|level"},
	    {{"--policy", "now|forecast"}, "option --policy is \"now|forecast\": expected one of now|forecast|level"},
	    {{"--policy", ""}, "option --policy is \"\": expected one of now|forecast|level"},
	    {{"--now", "yesterday"}, "option --now is \"yesterday\": expected a time such as 2023-11-14T09:00:00Z"},
	    {{"--n-rows"}, "option --n-rows needs a value"},
	    {{"--json=true"}, "option --json takes no value"},
	    {{"--help=me"}, "option --help takes no value"},
	    {{"--unknown"}, "option --unknown is unknown or ambiguous: see tester --help"},
	    {{"--unknown=3"}, "option --unknown=3 is unknown or ambiguous: see tester --help"},
	    {{"--n-row", "5"}, "option --n-row is unknown, did you mean --n-rows?"},
	    {{"--n-row=5"}, "option --n-row=5 is unknown, did you mean --n-rows?"},
	    {{"--js"}, "option --js is unknown, did you mean --json?"},
	    {{"-x"}, "option -x is unknown: see tester --help"},
	    {{"-xyz"}, "option -x is unknown: see tester --help"},
	    {{"word"}, "argument \"word\" is not understood: see tester --help"},
	    {{"--json", "word"}, "argument \"word\" is not understood: see tester --help"},
	    {{"--", "--json"}, "argument \"--json\" is not understood: see tester --help"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(read_words(cases[i].words, (char *[MAX_WORDS]){NULL}, NULL), cases[i].message);
}

static void a_wrong_variable_is_named(void **state UNUSED)
{
	setenv("T_ROWS", "many", 1);
	assert_refused(READ_NOTHING(),
		       "environment variable T_ROWS is \"many\": expected a whole number from 0 to 1000");
	unsetenv("T_ROWS");
	setenv("T_JSON", "maybe", 1);
	assert_refused(READ_NOTHING(), "environment variable T_JSON is \"maybe\": expected true or false");
	unsetenv("T_JSON");
	setenv("GREEN_ML_NOW", "2023-02-30T00:00:00Z", 1);
	assert_refused(READ_NOTHING(),
		       "environment variable GREEN_ML_NOW is \"2023-02-30T00:00:00Z\": expected a time such "
		       "as 2023-11-14T09:00:00Z");
	assert_false(clock_is_simulated());
}

static void flags_have_several_words(void **state UNUSED)
{
	static const struct {
		const char *value;
		bool want;
	} cases[] = {{"1", true},  {"true", true},   {"yes", true}, {"True", true},
		     {"0", false}, {"false", false}, {"no", false}, {"False", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		setenv("T_JSON", cases[i].value, 1);
		flag = !cases[i].want;
		assert_true(settings_environment(&program, &failure));
		assert_true(flag == cases[i].want);
	}
}

static void write_file(const char *name, const char *data, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	setenv("T_TOKEN_FILE", path, 1);
}

static void secrets_come_from_files(void **state UNUSED)
{
	write_file("token", "from a file\n\n", 13);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(secret, "from a file\n"); /* one line end goes, what else is there is the secret's */

	write_file("token", "no line end", 11);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(secret, "no line end");

	setenv("T_TOKEN", "", 1); /* empty: not given, so the file counts */
	secret = NULL;
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(secret, "no line end");

	setenv("T_TOKEN", "direct", 1);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_string_equal(secret, "direct");
	unsetenv("T_TOKEN");

	secret = NULL;
	write_file("token", "\n", 1);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_null(secret);
}

static void a_secret_file_that_is_none_is_refused(void **state UNUSED)
{
	char path[128], message[512];
	char *big = calloc(1, 70000);

	snprintf(path, sizeof(path), "%s/away", folder);
	setenv("T_TOKEN_FILE", path, 1);
	snprintf(message, sizeof(message),
		 "could not open file \"%s\" named by T_TOKEN_FILE: No such file or directory", path);
	assert_refused(READ_NOTHING(), message);

	setenv("T_TOKEN_FILE", folder, 1);
	snprintf(message, sizeof(message), "could not read file \"%s\" named by T_TOKEN_FILE: Is a directory", folder);
	assert_refused(READ_NOTHING(), message);

	write_file("token", "a\0b", 3);
	snprintf(path, sizeof(path), "%s/token", folder);
	snprintf(message, sizeof(message),
		 "file \"%s\" named by T_TOKEN_FILE is no secret: it is longer than 65536 bytes or binary", path);
	assert_refused(READ_NOTHING(), message);

	memset(big, 'x', 70000);
	write_file("token", big, 70000);
	assert_refused(READ_NOTHING(), message);
	free(big);
}

static void words_are_left_in_order(void **state UNUSED)
{
	char *argv[MAX_WORDS];
	int first = 0;

	assert_int_equal(read_words((const char *const[]){"run", "--n-rows", "5", "all", "--json", "--", "--csv", NULL},
				    argv, &first),
			 SETTINGS_OK);
	assert_int_equal(rows, 5);
	assert_true(flag);
	assert_string_equal(argv[first], "run");
	assert_string_equal(argv[first + 1], "all");
	assert_string_equal(argv[first + 2], "--csv");
	assert_null(argv[first + 3]);
}

/* What the program prints on stdout during READ(). */
static const char *shown(const char *word)
{
	static char page[8192];
	FILE *caught = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t size;

	assert_non_null(caught);
	fflush(stdout);
	dup2(fileno(caught), STDOUT_FILENO);
	assert_int_equal(READ(word), SETTINGS_SHOWN);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	fseek(caught, 0, SEEK_SET);
	size = fread(page, 1, sizeof(page) - 1, caught);
	page[size] = '\0';
	fclose(caught);
	return page;
}

static void help_names_everything_and_no_secret(void **state UNUSED)
{
	const char *page;

	setenv("T_TOKEN", "s3cret", 1);
	setenv("T_ROWS", "nonsense", 1); /* help must answer all the same */
	page = shown("--help");
	assert_memory_equal(page, "usage: tester [OPTIONS]\nTests.\n", 31);
	for (size_t i = 0; i < program.setting_count; i++) {
		if (settings[i].option)
			assert_non_null(strstr(page, settings[i].option));
		if (settings[i].environment)
			assert_non_null(strstr(page, settings[i].environment));
		assert_non_null(strstr(page, settings[i].help));
	}
	assert_non_null(strstr(page, "--n-rows N"));
	assert_non_null(strstr(page, "(default train.csv)"));
	assert_non_null(strstr(page, "one of now|forecast|level"));
	assert_non_null(strstr(page, "[T_TOKEN, or _FILE]"));
	assert_non_null(strstr(page, "--now TIME"));
	assert_non_null(strstr(page, "GREEN_ML_NOW"));
	assert_non_null(strstr(page, "the end"));
	assert_null(strstr(page, "s3cret"));
	page = shown("--version");
	assert_memory_equal(page, "tester ", 7);
	assert_non_null(strchr(page, '.'));
}

static void a_value_can_be_had_before_the_rest(void **state UNUSED)
{
	const char *const both[] = {"tester", "--csv", "a", "--csvx=c", "--csv=b", NULL};
	const char *const behind[] = {"tester", "run", "--", "--csv=b", NULL};
	const char *const last[] = {"tester", "--csv", NULL};

	assert_string_equal(settings_peek(5, (char **)both, "csv", "T_CSV"), "b");
	assert_null(settings_peek(4, (char **)behind, "csv", "T_CSV"));
	assert_null(settings_peek(2, (char **)last, "csv", "T_CSV"));
	setenv("T_CSV", "environment", 1);
	assert_string_equal(settings_peek(4, (char **)behind, "csv", "T_CSV"), "environment");
	assert_string_equal(settings_peek(5, (char **)both, "csv", "T_CSV"), "b");
	setenv("T_CSV", "", 1);
	assert_null(settings_peek(4, (char **)behind, "csv", "T_CSV"));
	assert_null(settings_peek(4, (char **)behind, "csv", NULL));
}

/* Codes of options must stay apart from getopt's own, however long the table is. */
static void sixty_settings_keep_apart(void **state UNUSED)
{
	static char names[60][16];
	static int64_t values[60];
	struct setting many[60];
	struct program large = {.name = "large", .purpose = "", .usage = "", .settings = many, .setting_count = 60};

	for (int i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "o%02d", i);
		many[i] = (struct setting){
		    .option = names[i], .kind = SETTING_INT, .target = &values[i], .low = 0, .high = 99};
	}
	for (int i = 0; i < 60; i++) {
		char word[32];
		char *argv[] = {word, word, NULL};

		snprintf(word, sizeof(word), "--o%02d=%d", i % 100, i + 1);
		assert_int_equal(settings_read(&large, 2, argv, NULL, &failure), SETTINGS_OK);
		assert_int_equal(values[i], i + 1);
	}
}

/* The last test: the clock cannot be made real again. */
static void the_clock_of_an_option_wins(void **state UNUSED)
{
	setenv("GREEN_ML_NOW", "2023-11-14T09:00:00Z", 1);
	assert_int_equal(READ_NOTHING(), SETTINGS_OK);
	assert_true(clock_is_simulated());
	assert_true(clock_now_s() == 1699952400);
	assert_int_equal(READ("--now", "2023-11-14T10:00:00Z"), SETTINGS_OK);
	assert_true(clock_now_s() == 1699956000);
}

static int make_folder(void **state UNUSED)
{
	return !mkdtemp(folder);
}

static int remove_folder(void **state UNUSED)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/token", folder);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(defaults_then_environment_then_options, fresh),
	    cmocka_unit_test_setup(an_empty_variable_is_not_given, fresh),
	    cmocka_unit_test_setup(wrong_values_are_named, fresh),
	    cmocka_unit_test_setup(a_wrong_variable_is_named, fresh),
	    cmocka_unit_test_setup(flags_have_several_words, fresh),
	    cmocka_unit_test_setup(secrets_come_from_files, fresh),
	    cmocka_unit_test_setup(a_secret_file_that_is_none_is_refused, fresh),
	    cmocka_unit_test_setup(words_are_left_in_order, fresh),
	    cmocka_unit_test_setup(help_names_everything_and_no_secret, fresh),
	    cmocka_unit_test_setup(a_value_can_be_had_before_the_rest, fresh),
	    cmocka_unit_test_setup(sixty_settings_keep_apart, fresh),
	    cmocka_unit_test_setup(the_clock_of_an_option_wins, fresh),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
