#ifndef MODEL_TRAINING_COMMAND_H
#define MODEL_TRAINING_COMMAND_H

/*
 * What model-training can be told to do: "model-training NAME [WORD]... [OPTION]...". Every command is one constant,
 * declared below, in a file of its own (<name>_command.c), and listed in model-training.c; train_command, whose name is
 * empty, is what happens without a name.
 *
 * command_main() finds the command, reads --pipeline, --as, --json and the command's own settings, loads the spec,
 * connects, opens the run's row, calls work() and closes the run. --help lists all commands, NAME --help shows one.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/fail.h"
#include "common/run.h"
#include "common/setting.h"
#include "common/spec.h"

struct command_call {
	PGconn *db;
	struct run *run;
	const struct spec *spec;
	char **words; /* what was given besides options */
	int word_count;
	bool json; /* --json: the result is one JSON object */
};

struct command {
	const char *name;		/* "report"; "": without a name */
	const char *usage;		/* what follows the name */
	const char *purpose;		/* one sentence, for both --help */
	const char *notes;		/* under the options; may be NULL */
	const struct setting *settings; /* besides --pipeline, --as and --json; at most COMMAND_MAX_SETTINGS */
	size_t setting_count;
	int least_words, most_words;
	bool alone;  /* needs neither spec nor database: they are NULL */
	bool writes; /* work() closes the run (run_done) in its own last transaction; else that is done for it */
	bool (*check)(struct fail *fail); /* of the settings, before anything is opened; may be NULL */
	bool (*work)(const struct command_call *call, struct fail *fail);
};

enum { COMMAND_MAX_SETTINGS = 48 };

extern const struct command train_command, report_command, compare_command, list_command, show_command, promote_command,
    rollback_command, export_command, select_command;

/* The program's exit code. The first of the list is the one without a name. */
int command_main(const struct command *const *commands, size_t count, int argc, char **argv);

/* For a command that writes nothing: closes the run. For one that may write: when it had nothing to do. */
bool command_close(const struct command_call *call, struct fail *fail) MUST_USE;

/* True when the text is a positive whole number below 2^31: an id. *id may be NULL. */
bool command_id(const char *text, const char *what, int *id, struct fail *fail) MUST_USE;

#endif
