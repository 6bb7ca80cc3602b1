#include "scheduler/command.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/run.h"
#include "common/xalloc.h"

extern char **environ;

enum { OWN_NAMES = 5 };

/* The caller's environment with our names in front; the first of two equal names counts for getenv(), so theirs go. */
static char **make_environment(const struct command *command)
{
	static const char *const names[OWN_NAMES] = {
	    "RETRAIN_ID=", "PIPELINE_NAME=", "PIPELINE_SPEC=", "WORKFLOW_NAME=", "GREEN_ML_NOW="};
	char now[CLOCK_TEXT_SIZE], **list;
	size_t used = 0, count = 0;

	while (environ[count])
		count++;
	list = xcalloc(count + OWN_NAMES + 1, sizeof(*list));
	list[used++] = xasprintf("RETRAIN_ID=%d", command->retrain_id);
	list[used++] = xasprintf("PIPELINE_NAME=%s", command->pipeline);
	list[used++] = xasprintf("PIPELINE_SPEC=%s", command->spec_file);
	list[used++] = xasprintf("WORKFLOW_NAME=%s", command->workflow);
	if (clock_is_simulated())
		list[used++] = xasprintf("GREEN_ML_NOW=%s", clock_format(clock_now_s(), now));
	for (size_t i = 0; i < count; i++) {
		size_t own = 0;

		while (own < OWN_NAMES && strncmp(environ[i], names[own], strlen(names[own])) != 0)
			own++;
		if (own == OWN_NAMES)
			list[used++] = xstrdup(environ[i]);
	}
	return list;
}

/* Between fork and exec in a program with threads: only async-signal-safe calls. */
static _Noreturn void become(const char *line, char **environment, pid_t parent)
{
	char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char *)(uintptr_t)line, NULL};

	sigset_t none;

	/* run --watch blocks the signals that end it. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execve(argv[0], argv, environment);
	_exit(127);
}

bool command_run(const struct command *command, int *status, struct fail *fail)
{
	char **environment = make_environment(command);
	pid_t parent = getpid(), pid = fork();
	struct rusage used = {0};
	int wait_status = 0;

	if (pid == 0)
		become(command->line, environment, parent);
	for (char **entry = environment; *entry; entry++)
		free(*entry);
	free(environment);
	if (pid < 0)
		return fail_set(fail, EXIT_FAILED, "could not start the command of --command: %s", strerror(errno));
	while (wait4(pid, &wait_status, 0, &used) < 0)
		if (errno != EINTR)
			return fail_set(fail, EXIT_FAILED, "could not wait for the command of --command: %s",
					strerror(errno));
	run_leave_out((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
	return true;
}
