#ifndef SCHEDULER_BACKTEST_COMMAND_H
#define SCHEDULER_BACKTEST_COMMAND_H

/* "scheduler backtest": its options and its output. argv[0] is "backtest"; the answer is the exit code. */
int backtest_command(int argc, char **argv);

#endif
