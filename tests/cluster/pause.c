// The one process of a pod's sandbox: it holds the pod's namespaces and buries what others leave behind.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void finish(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

static void bury(int signal_number)
{
	(void)signal_number;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

int main(void)
{
	struct sigaction action = {.sa_handler = finish};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = bury;
	action.sa_flags = SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
	for (;;)
		pause();
}
