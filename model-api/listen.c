#include "model-api/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Besides the connections: listening, epoll and wake-up of each thread, database, files, a few in hand. */
enum { OTHER_DESCRIPTORS = 256 };

bool listen_allow(int64_t connections, struct fail *fail)
{
	rlim_t needed = (rlim_t)connections + OTHER_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fail_set(fail, EXIT_FAILED, "could not read the limit of open files: %s", strerror(errno));
	if (limit.rlim_cur >= needed)
		return true;
	if (limit.rlim_max < needed)
		return fail_set(
		    fail, EXIT_WRONG_USE,
		    "--max-connections %lld needs %llu open files and the system allows %llu: lower it, or raise the "
		    "limit (ulimit -Hn)",
		    (long long)connections, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = needed;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ||
	       fail_set(fail, EXIT_FAILED, "could not raise the limit of open files to %llu: %s",
			(unsigned long long)needed, strerror(errno));
}

static bool bind_and_listen(int fd, const struct addrinfo *address, int backlog)
{
	int on = 1, off = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return false;
	if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return false;
	return bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, backlog) == 0;
}

static int chosen_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return -1;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int listen_open(const char *host, int64_t port, int backlog, int *chosen, struct fail *fail)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *address = NULL;
	char service[16];
	int error, fd;

	snprintf(service, sizeof(service), "%lld", (long long)port);
	error = getaddrinfo(host, service, &hints, &address);
	if (error) {
		fail_set(fail, EXIT_WRONG_USE, "--host \"%s\" is no address to listen on: %s", host,
			 gai_strerror(error));
		return -1;
	}
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind_and_listen(fd, address, backlog)) {
		*chosen = chosen_port(fd);
	} else {
		fail_set(fail, EXIT_FAILED, "could not listen on %s port %s: %s", host, service, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(address);
	return fd;
}
