#ifndef COMMON_SETTING_H
#define COMMON_SETTING_H

/*
 * Settings of a program: one table drives the option parser, the environment, --help and the docs check
 * (tests/integration: every name of every table stands in README.md).
 *
 * Order, later wins: default < spec < preset < environment < option. A program that has a spec or a preset calls
 *	settings_defaults(), then its own "apply spec/preset" step, then settings_environment(), then
 * settings_options(). All others call settings_read(), which does the three in order.
 *
 * An environment variable that is empty counts as not given (Argo and Kubernetes templates leave them so), a secret's
 * empty file too. Options are written out: abbreviations are refused.
 *
 * Every program understands --help, --version, --json (a table entry where it is used) and --now (handled here: it
 * calls clock_simulate(); environment GREEN_ML_NOW).
 *
 * Secrets (kind SETTING_SECRET) have no option; they are read from the environment variable NAME or from the file
 * named by NAME_FILE, one trailing newline removed. They never appear in --help output or logs.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/fail.h"

enum setting_kind {
	SETTING_TEXT,	/* target: const char ** */
	SETTING_SECRET, /* target: const char ** */
	SETTING_FLAG,	/* target: bool *; as option without value (--json), in the environment 1/true/yes or 0/false/no
			 */
	SETTING_INT,	/* target: int64_t *, within low..high */
	SETTING_REAL,	/* target: double *, within low..high */
	SETTING_CHOICE, /* target: const char **; choices = "a|b|c" */
	SETTING_LIST,	/* target: struct setting_list *; the option may be given several times */
};

enum { SETTING_LIST_MAX = 64 };

struct setting_list {
	const char *values[SETTING_LIST_MAX];
	int count;
};

struct setting {
	const char *option;	 /* "n-rows" for --n-rows VALUE; NULL: none */
	const char *environment; /* "N_ROWS"; NULL: none */
	enum setting_kind kind;
	void *target;
	const char *initial; /* the default as text; NULL: leave the target as it is */
	double low, high;    /* inclusive, for INT and REAL */
	const char *choices;
	const char *value_name; /* shown in --help: "N", "FILE" */
	const char *help;
};

struct program {
	const char *name;
	const char *purpose; /* one sentence */
	const char *usage;   /* what follows the name: "[OPTIONS]" or "COMMAND [OPTIONS]" */
	const char *notes;   /* printed under the options: commands, exit codes; may be NULL */
	const struct setting *settings;
	size_t setting_count;
};

bool settings_defaults(const struct program *program, struct fail *fail) MUST_USE;
bool settings_environment(const struct program *program, struct fail *fail) MUST_USE;

enum settings_result { SETTINGS_OK, SETTINGS_SHOWN, SETTINGS_WRONG };

/*
 * Parses argv. Words that are no options are left in argv, in order, from *first_word on (argv is permuted).
 * SETTINGS_SHOWN: --help or --version was printed, the program ends with 0. SETTINGS_WRONG: fail is set, exit 2.
 */
enum settings_result settings_options(const struct program *program, int argc, char **argv, int *first_word,
				      struct fail *fail) MUST_USE;

/* defaults, environment, options. Words are an error when first_word is NULL. */
enum settings_result settings_read(const struct program *program, int argc, char **argv, int *first_word,
				   struct fail *fail) MUST_USE;

/* One more value, such as a word behind the options; origin is for the message. */
bool setting_list_add(struct setting_list *list, const char *value, const char *origin, struct fail *fail) MUST_USE;

/* Finds the value of an option or its environment variable before the rest is parsed: --pipeline decides which spec
 * supplies defaults. NULL when it is not given. */
const char *settings_peek(int argc, char **argv, const char *option, const char *environment);

#endif
