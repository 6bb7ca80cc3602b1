#include "model-training/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/log.h"
#include "common/number.h"
#include "common/text.h"

enum { MAX_NOTES = 16384 };

static struct {
	const char *pipeline, *as;
	bool json;
} config;

static const struct setting common_settings[] = {
    {"pipeline", "PIPELINE_SPEC", SETTING_TEXT, &config.pipeline, NULL, .value_name = "FILE",
     .help = "the pipeline's spec"},
    {"as", "PIPELINE_NAME", SETTING_TEXT, &config.as, NULL, .value_name = "NAME",
     .help = "run the spec under another name"},
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print the result as one JSON object"},
};

enum { COMMON_SETTINGS = sizeof(common_settings) / sizeof(*common_settings) };

bool command_id(const char *text, const char *what, int *id, struct fail *fail)
{
	int32_t number;

	if (!number_int32(text, strlen(text), &number) || number <= 0)
		return fail_set(fail, EXIT_WRONG_USE, "%s is \"%s\": expected a positive whole number", what, text);
	if (id)
		*id = number;
	return true;
}

bool command_close(const struct command_call *call, struct fail *fail)
{
	return db_begin(call->db, fail) && run_done(call->run, call->db, fail) && db_commit(call->db, fail);
}

/* The notes of --help: those of the command, before them the list of all others where it is the one without a name. */
static void write_notes(const struct command *const *commands, size_t count, const struct command *command,
			struct text *notes)
{
	text_init(notes, MAX_NOTES);
	if (!*command->name && count > 1) {
		text_puts(notes, "Commands, each with --help of its own:\n");
		for (size_t i = 0; i < count; i++)
			if (*commands[i]->name)
				text_printf(notes, "  %-10s %s\n", commands[i]->name, commands[i]->purpose);
		text_puts(notes, "\n");
	}
	text_puts(notes, command->notes ? command->notes
					: "Exit codes: 0 done, 1 failed for good, 2 wrong usage, setting or spec, 75 "
					  "try again.");
}

static enum settings_result read_settings(const struct command *command, const char *notes, int argc, char **argv,
					  int *first_word, struct fail *fail)
{
	struct setting settings[COMMON_SETTINGS + COMMAND_MAX_SETTINGS];
	char name[64];
	struct program program = {
	    .name = name, .purpose = command->purpose, .usage = command->usage, .notes = notes, .settings = settings};
	size_t common = command->alone ? 1 : COMMON_SETTINGS;

	/* A command that stands alone keeps --json only, the last of them. */
	snprintf(name, sizeof(name), "model-training%s%s", *command->name ? " " : "", command->name);
	memcpy(settings, common_settings + COMMON_SETTINGS - common, common * sizeof(*settings));
	if (command->setting_count > 0)
		memcpy(settings + common, command->settings, command->setting_count * sizeof(*settings));
	program.setting_count = common + command->setting_count;
	return settings_read(&program, argc, argv, command->most_words > 0 ? first_word : NULL, fail);
}

static bool check(const struct command *command, const struct command_call *call, struct fail *fail)
{
	if (call->word_count < command->least_words || call->word_count > command->most_words)
		return fail_set(fail, EXIT_WRONG_USE, "usage: model-training %s %s", command->name, command->usage);
	if (!command->alone && !config.pipeline)
		return fail_set(fail, EXIT_WRONG_USE,
				"no pipeline is given: name its spec with --pipeline or PIPELINE_SPEC");
	return !command->check || command->check(fail);
}

static bool work_with_database(const struct command *command, struct command_call *call, struct fail *fail)
{
	struct spec spec = {0};
	bool done = false;

	if (!spec_load(config.pipeline, config.as, &spec, fail))
		return false;
	call->spec = &spec;
	if ((call->db = db_connect(fail)) && (call->run = run_open(call->db, spec.name, fail))) {
		done = command->work(call, fail) && (command->writes || command_close(call, fail));
		if (!done)
			run_failed(call->run, call->db, fail->text);
	}
	run_free(call->run);
	db_close(call->db);
	spec_release(&spec);
	return done;
}

int command_main(const struct command *const *commands, size_t count, int argc, char **argv)
{
	const struct command *command = commands[0];
	struct command_call call = {0};
	struct fail fail = {0};
	enum settings_result result;
	struct text notes;
	int first_word;

	log_init("model-training");
	for (size_t i = 0; argc > 1 && i < count; i++)
		if (*commands[i]->name && strcmp(argv[1], commands[i]->name) == 0)
			command = commands[i];
	if (*command->name) {
		argc--;
		argv++;
	}
	first_word = argc;
	write_notes(commands, count, command, &notes);
	result = read_settings(command, notes.data, argc, argv, &first_word, &fail);
	text_release(&notes);
	if (result == SETTINGS_SHOWN)
		return EXIT_DONE;
	call.words = argv + first_word;
	call.word_count = argc - first_word;
	call.json = config.json;
	if (result == SETTINGS_WRONG || !check(command, &call, &fail))
		return fail_exit(&fail);
	return (command->alone ? command->work(&call, &fail) : work_with_database(command, &call, &fail))
		   ? EXIT_DONE
		   : fail_exit(&fail);
}
