/*
 * killat N COMMAND [ARGUMENT]...	runs the command and kills it (SIGKILL) as it enters its Nth system call
 *	With KILLAT_RUN=SCRIPT in the environment it is not killed: sh runs the script there, then the command goes on.
 * killat 0 COMMAND [ARGUMENT]...	lets it run and prints the number of its system calls on stdout's last line
 *
 * All threads of the command count together, from its execve on; processes it starts are traced and killed with it.
 * Exit code: 137 when it was killed, else the command's own. N beyond the last system call kills nothing, so a sweep
 * ends with the first N that does not give 137.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_TASKS = 256, KILLED = 137 };

/* A stop at a system call alternates between entry and exit, per task. */
static struct task {
	pid_t id;
	bool inside;
} tasks[MAX_TASKS];
static int task_count;

static struct task *find_task(pid_t id)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i].id == id)
			return &tasks[i];
	if (task_count == MAX_TASKS) {
		fprintf(stderr, "killat: more than %d tasks\n", (int)MAX_TASKS);
		exit(1);
	}
	tasks[task_count] = (struct task){.id = id};
	return &tasks[task_count++];
}

static void drop_task(pid_t id)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i].id == id)
			tasks[i] = tasks[--task_count];
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(command[0], command);
		fprintf(stderr, "killat: could not run %s: %s\n", command[0], strerror(errno));
		_exit(127);
	}
	return child;
}

/* Kills everything that is traced and reaps it. */
static void kill_all(void)
{
	for (int i = 0; i < task_count; i++)
		kill(tasks[i].id, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

/* At the chosen system call: what was asked for. True when the command is dead. */
static bool strike(void)
{
	const char *script = getenv("KILLAT_RUN");

	if (!script) {
		kill_all();
		return true;
	}
	if (system(script) != 0)
		fprintf(stderr, "killat: KILLAT_RUN failed\n");
	return false;
}

/* The signal to pass on to a stopped task; 0 for stops that are ptrace's own. */
static int signal_of(int status)
{
	int signal = WSTOPSIG(status);

	return status >> 16 || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

static int trace(pid_t child, long kill_at, long *calls)
{
	int status, exit_code = 1;
	pid_t id;

	while ((id = waitpid(-1, &status, __WALL)) > 0) {
		struct task *task = find_task(id);

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (id == child)
				exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			drop_task(id);
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			task->inside = !task->inside;
			if (task->inside && ++*calls == kill_at && strike())
				return KILLED;
		}
		ptrace(PTRACE_SYSCALL, id, NULL, WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : signal_of(status));
	}
	return exit_code;
}

int main(int argc, char **argv)
{
	long kill_at = argc > 2 ? strtol(argv[1], NULL, 10) : -1, calls = 0;
	int status, exit_code;
	pid_t child;

	if (kill_at < 0) {
		fprintf(stderr, "usage: killat N COMMAND [ARGUMENT]...\n");
		return 2;
	}
	child = start(argv + 2);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "killat: could not start %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	ptrace(PTRACE_SETOPTIONS, child, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		   PTRACE_O_EXITKILL);
	find_task(child);
	ptrace(PTRACE_SYSCALL, child, NULL, 0);
	exit_code = trace(child, kill_at, &calls);
	if (kill_at == 0)
		printf("%ld\n", calls);
	return exit_code;
}
