#ifndef SCHEDULER_WAIT_COMMAND_H
#define SCHEDULER_WAIT_COMMAND_H

/* "scheduler wait": its options and its output. argv[0] is "wait"; the answer is the exit code. */
int wait_command(int argc, char **argv);

#endif
