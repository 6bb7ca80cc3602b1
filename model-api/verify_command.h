#ifndef MODEL_API_VERIFY_COMMAND_H
#define MODEL_API_VERIFY_COMMAND_H

/* "model-api verify": its options and its output. argv[0] is "verify"; the answer is the exit code. */
int verify_command(int argc, char **argv);

#endif
