#ifndef SCHEDULER_CARBON_COMMAND_H
#define SCHEDULER_CARBON_COMMAND_H

/* "scheduler carbon": its options and its output. argv[0] is "carbon"; the answer is the exit code. */
int carbon_command(int argc, char **argv);

#endif
