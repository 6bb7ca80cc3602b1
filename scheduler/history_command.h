#ifndef SCHEDULER_HISTORY_COMMAND_H
#define SCHEDULER_HISTORY_COMMAND_H

/* scheduler history: the stored decisions of pipelines, as a table, JSON or CSV. argv[0] is the command's name; answers
 * the exit code. */
int history_command(int argc, char **argv);

#endif
