#ifndef SCHEDULER_REPLAY_COMMAND_H
#define SCHEDULER_REPLAY_COMMAND_H

/* scheduler replay: another policy over the stored decisions. argv[0] is the command's name; answers the exit code. */
int replay_command(int argc, char **argv);

#endif
