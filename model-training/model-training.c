/* model-training: takes a snapshot of the feature rows, grows a forest from it and lets it challenge the champion. That
 * is the first command; the others look at what came of it. */

#include "model-training/command.h"

static const struct command *const commands[] = {&train_command,    &report_command, &compare_command,
						 &list_command,	    &show_command,   &promote_command,
						 &rollback_command, &export_command, &select_command};

int main(int argc, char **argv)
{
	return command_main(commands, sizeof(commands) / sizeof(*commands), argc, argv);
}
