#include "common/setting.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/text.h"
#include "common/version.h"
#include "common/xalloc.h"

enum { MAX_SECRET = 1 << 16, MAX_SETTINGS = 64, HELP_COLUMN = 30 };

/* Secrets read from files live as long as the process, like the environment they stand in for. */
static char *kept[MAX_SETTINGS];
static int kept_count;

/* A program that stays reads its settings again and again: an equal text is kept once. */
static const char *keep(char *text)
{
	for (int i = 0; i < kept_count; i++)
		if (strcmp(kept[i], text) == 0) {
			explicit_bzero(text, strlen(text));
			free(text);
			return kept[i];
		}
	if (kept_count < MAX_SETTINGS)
		kept[kept_count++] = text;
	return text;
}

static bool set_flag(const struct setting *setting, const char *value)
{
	static const char *const yes[] = {"1", "true", "yes", "True"}, *const no[] = {"0", "false", "no", "False", ""};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (strcmp(value, yes[i]) == 0) {
			*(bool *)setting->target = true;
			return true;
		}
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (strcmp(value, no[i]) == 0) {
			*(bool *)setting->target = false;
			return true;
		}
	return false;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t size = strlen(value);

	if (strchr(value, '|'))
		return false;
	for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strncmp(at, value, size) == 0 && (at[size] == '|' || at[size] == '\0'))
			return size > 0;
	return false;
}

static bool set_int(const struct setting *setting, const char *value, const char *origin, struct fail *fail)
{
	int64_t number;

	if (!number_int64(value, strlen(value), &number) || (double)number < setting->low ||
	    (double)number > setting->high)
		return fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected a whole number from %.0f to %.0f", origin,
				value, setting->low, setting->high);
	*(int64_t *)setting->target = number;
	return true;
}

static bool set_real(const struct setting *setting, const char *value, const char *origin, struct fail *fail)
{
	double number;

	if (!number_double(value, &number) || number < setting->low || number > setting->high)
		return fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected a number from %g to %g", origin, value,
				setting->low, setting->high);
	*(double *)setting->target = number;
	return true;
}

bool setting_list_add(struct setting_list *list, const char *value, const char *origin, struct fail *fail)
{
	if (list->count == SETTING_LIST_MAX)
		return fail_set(fail, EXIT_WRONG_USE, "%s is given more than %d times", origin, (int)SETTING_LIST_MAX);
	list->values[list->count++] = value;
	return true;
}

static bool set_value(const struct setting *setting, const char *value, const char *origin, struct fail *fail)
{
	switch (setting->kind) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		*(const char **)setting->target = value;
		return true;
	case SETTING_FLAG:
		return set_flag(setting, value) ||
		       fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected true or false", origin, value);
	case SETTING_INT:
		return set_int(setting, value, origin, fail);
	case SETTING_REAL:
		return set_real(setting, value, origin, fail);
	case SETTING_CHOICE:
		if (!is_choice(setting->choices, value))
			return fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected one of %s", origin, value,
					setting->choices);
		*(const char **)setting->target = value;
		return true;
	case SETTING_LIST:
		return setting_list_add(setting->target, value, origin, fail);
	}
	return fail_set(fail, EXIT_FAILED, "%s has no kind", origin);
}

bool settings_defaults(const struct program *program, struct fail *fail)
{
	for (size_t i = 0; i < program->setting_count; i++) {
		const struct setting *setting = &program->settings[i];

		if (setting->initial && !set_value(setting, setting->initial, "default", fail))
			return false;
	}
	return true;
}

static const char *read_secret_file(const char *path, const char *origin, struct fail *fail)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t size;

	if (!file) {
		fail_set(fail, EXIT_WRONG_USE, "could not open file \"%s\" named by %s: %s", path, origin,
			 strerror(errno));
		return NULL;
	}
	text = xmalloc(MAX_SECRET + 1);
	size = fread(text, 1, MAX_SECRET + 1, file);
	if (ferror(file)) {
		fail_set(fail, EXIT_WRONG_USE, "could not read file \"%s\" named by %s: %s", path, origin,
			 strerror(errno));
		fclose(file);
		free(text);
		return NULL;
	}
	fclose(file);
	if (size > MAX_SECRET || memchr(text, '\0', size)) {
		fail_set(fail, EXIT_WRONG_USE,
			 "file \"%s\" named by %s is no secret: it is longer than %d bytes or binary", path, origin,
			 MAX_SECRET);
		free(text);
		return NULL;
	}
	if (size && text[size - 1] == '\n')
		size--;
	text[size] = '\0';
	return keep(text);
}

static bool set_now(const char *text, const char *origin, struct fail *fail)
{
	double now_s;

	if (!clock_parse(text, &now_s))
		return fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected a time such as 2023-11-14T09:00:00Z",
				origin, text);
	clock_simulate(now_s);
	return true;
}

bool settings_environment(const struct program *program, struct fail *fail)
{
	const char *now = getenv("GREEN_ML_NOW");

	for (size_t i = 0; i < program->setting_count; i++) {
		const struct setting *setting = &program->settings[i];
		const char *value = setting->environment ? getenv(setting->environment) : NULL;
		char name[128];

		if (setting->environment && setting->kind == SETTING_SECRET && (!value || !*value)) {
			const char *path;

			snprintf(name, sizeof(name), "%s_FILE", setting->environment);
			path = getenv(name);
			if (path && *path && !(value = read_secret_file(path, name, fail)))
				return false;
		}
		/* Kubernetes templates leave unset parameters empty: an empty value means "not given". */
		if (!value || !*value)
			continue;
		snprintf(name, sizeof(name), "environment variable %s", setting->environment);
		if (!set_value(setting, value, name, fail))
			return false;
	}
	return !now || !*now || set_now(now, "environment variable GREEN_ML_NOW", fail);
}

static void help_line(const char *left, const char *help)
{
	int used = printf("  %s", left);

	if (used >= HELP_COLUMN) {
		printf("\n");
		used = 0;
	}
	printf("%*s%s", HELP_COLUMN - used, "", help);
}

static void print_help(const struct program *program)
{
	printf("usage: %s %s\n%s\n\nOptions:\n", program->name, program->usage, program->purpose);
	for (size_t i = 0; i < program->setting_count; i++) {
		const struct setting *setting = &program->settings[i];
		char left[96];

		if (setting->option && setting->kind == SETTING_FLAG)
			snprintf(left, sizeof(left), "--%s", setting->option);
		else if (setting->option)
			snprintf(left, sizeof(left), "--%s %s", setting->option,
				 setting->value_name ? setting->value_name : "VALUE");
		else
			snprintf(left, sizeof(left), "(environment only)");
		help_line(left, setting->help);
		if (setting->choices)
			printf("; one of %s", setting->choices);
		if (setting->environment)
			printf(" [%s%s]", setting->environment, setting->kind == SETTING_SECRET ? ", or _FILE" : "");
		if (setting->initial && *setting->initial)
			printf(" (default %s)", setting->initial);
		printf("\n");
	}
	help_line("--now TIME", "simulated clock, e.g. 2023-11-14T09:00:00Z [GREEN_ML_NOW]\n");
	help_line("--help", "show this text and end\n");
	help_line("--version", "show the version and end\n");
	if (program->notes)
		printf("\n%s\n", program->notes);
}

/* Codes of getopt_long, above its own ':' and '?'. A setting's code is OPTION_SETTING + its index. */
enum { OPTION_HELP = 1000, OPTION_VERSION, OPTION_NOW, OPTION_SETTING };

static void build_options(const struct program *program, struct option *options)
{
	size_t count = 0;

	for (size_t i = 0; i < program->setting_count; i++)
		if (program->settings[i].option)
			options[count++] =
			    (struct option){program->settings[i].option,
					    program->settings[i].kind == SETTING_FLAG ? no_argument : required_argument,
					    NULL, OPTION_SETTING + (int)i};
	options[count++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	options[count++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
	options[count++] = (struct option){"now", required_argument, NULL, OPTION_NOW};
	options[count] = (struct option){0};
}

/* Why getopt_long did not like the word it has just read. */
static bool refuse_option(const struct program *program, int code, const char *word, struct fail *fail)
{
	if (code == ':')
		return fail_set(fail, EXIT_WRONG_USE, "option %s needs a value", word);
	if (optopt >= OPTION_HELP)
		return fail_set(fail, EXIT_WRONG_USE, "option %.*s takes no value", (int)strcspn(word, "="), word);
	if (optopt)
		return fail_set(fail, EXIT_WRONG_USE, "option -%c is unknown: see %s --help", optopt, program->name);
	return fail_set(fail, EXIT_WRONG_USE, "option %s is unknown or ambiguous: see %s --help", word, program->name);
}

/* getopt_long takes abbreviations. They are refused: settings_peek() does not know them, and a new option would change
 * what they mean. */
static bool is_abbreviation(const char *word, const char *name)
{
	size_t size = strcspn(word, "=");

	return size != strlen(name) + 2 || strncmp(word + 2, name, size - 2) != 0;
}

static enum settings_result one_option(const struct program *program, int code, struct fail *fail)
{
	const struct setting *setting;
	char origin[96];

	switch (code) {
	case OPTION_HELP:
		print_help(program);
		return SETTINGS_SHOWN;
	case OPTION_VERSION:
		printf("%s %s\n", program->name, green_ml_version);
		return SETTINGS_SHOWN;
	case OPTION_NOW:
		return set_now(optarg, "option --now", fail) ? SETTINGS_OK : SETTINGS_WRONG;
	}
	setting = &program->settings[code - OPTION_SETTING];
	snprintf(origin, sizeof(origin), "option --%s", setting->option);
	return set_value(setting, optarg ? optarg : "true", origin, fail) ? SETTINGS_OK : SETTINGS_WRONG;
}

enum settings_result settings_options(const struct program *program, int argc, char **argv, int *first_word,
				      struct fail *fail)
{
	struct option options[MAX_SETTINGS + 4];
	int code, index;

	if (program->setting_count > MAX_SETTINGS) {
		fail_set(fail, EXIT_FAILED, "%s has more than %d settings", program->name, MAX_SETTINGS);
		return SETTINGS_WRONG;
	}
	build_options(program, options);
	optind = 0;
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":", options, &index)) != -1) {
		enum settings_result result;
		const char *word = argv[optind - 1];

		if (code == ':' || code == '?') {
			refuse_option(program, code, word, fail);
			return SETTINGS_WRONG;
		}
		if (optarg == word) /* the value stood in a word of its own */
			word = argv[optind - 2];
		if (is_abbreviation(word, options[index].name)) {
			fail_set(fail, EXIT_WRONG_USE, "option %s is unknown, did you mean --%s?", word,
				 options[index].name);
			return SETTINGS_WRONG;
		}
		result = one_option(program, code, fail);
		if (result != SETTINGS_OK)
			return result;
	}
	if (first_word)
		*first_word = optind;
	else if (optind < argc) {
		fail_set(fail, EXIT_WRONG_USE, "argument \"%s\" is not understood: see %s --help", argv[optind],
			 program->name);
		return SETTINGS_WRONG;
	}
	return SETTINGS_OK;
}

enum settings_result settings_read(const struct program *program, int argc, char **argv, int *first_word,
				   struct fail *fail)
{
	/* --help must answer even where the environment holds nonsense. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0)
			return one_option(program, argv[i][2] == 'h' ? OPTION_HELP : OPTION_VERSION, fail);
	if (!settings_defaults(program, fail) || !settings_environment(program, fail))
		return SETTINGS_WRONG;
	return settings_options(program, argc, argv, first_word, fail);
}

const char *settings_peek(int argc, char **argv, const char *option, const char *environment)
{
	const char *value = environment ? getenv(environment) : NULL;
	size_t size = strlen(option);

	if (value && !*value)
		value = NULL;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, option, size) != 0)
			continue;
		if (argv[i][2 + size] == '=')
			value = argv[i] + 3 + size;
		else if (argv[i][2 + size] == '\0' && i + 1 < argc)
			value = argv[i + 1];
	}
	return value;
}
