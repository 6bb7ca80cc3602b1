/*
 * stub-http - a scripted HTTP/1.1 server for tests. It listens on 127.0.0.1, prints its port as the first line of
 * stdout and ends after --seconds (default 60).
 *
 *	stub-http [--script FILE] [--root DIR] [--log FILE] [--seconds N] [--port N]
 *
 * --root DIR: GET and HEAD of a path that no step answers get the file of that name below DIR, or 404.
 * --log FILE: every request is appended as it came (carriage returns left out), its body, and a line "--- end".
 * --script FILE: steps, tried in their order; the first that matches and has uses left answers. When none is left the
 * file of --root answers, else 404 "no step for METHOD TARGET". Empty lines and lines that start with # are skipped.
 *
 *	GET /data.csv                 a step: method (or ANY) and the beginning of the target, query included;
 *	                              a $ at its end: the whole target
 *	status 429                    default 200
 *	header Retry-After: 7         any number of them
 *	body {"a": 1}                 a line of the body, a newline is added; any number of lines
 *	body-file reply.json          the body from a file (relative to the script's folder), read at every request
 *	body-command COMMAND          the body is what the shell command prints; it gets the request's body on stdin and
 *	                              REQUEST_METHOD, REQUEST_TARGET in its environment
 *	delay 300                     milliseconds before the reply
 *	close-after 100               reset the connection after 100 bytes of the body
 *	truncate 100                  close orderly after 100 bytes, though Content-Length promises all
 *	chunked                       Transfer-Encoding: chunked instead of Content-Length
 *	repeat 3                      how often the step answers, default 1; "repeat for ever"
 *
 * The script is read once. Every reply ends its connection ("Connection: close"). A step's uses are counted over all
 * connections. A test may start it with: background stub "$BIN/stub-http" --script ...; wait_for 5 test -s
 *"$TMP/stub.out"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_HEAD = 64 * 1024, MAX_BODY = 64 << 20, MAX_STEPS = 256, IDLE_S = 30 };

struct step {
	char *method, *target;
	int status;
	struct text headers, body;
	char *file, *command;
	long delay_ms, close_after, truncate; /* -1: not */
	bool chunked;
	long uses; /* left; -1: for ever */
};

struct request {
	char method[16], target[4096];
	struct text head, body;
};

static struct step steps[MAX_STEPS];
static int step_count;
static const char *root_folder, *script_file;
static FILE *log_file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the uses and the log */

static _Noreturn void die(const char *what, const char *which)
{
	fprintf(stderr, "stub-http: %s: %s\n", what, which);
	exit(2);
}

/* ------------------------------------------------------------------ the script */

static struct step *new_step(const char *method, const char *target)
{
	struct step *step = &steps[step_count];

	if (++step_count > MAX_STEPS)
		die("too many steps", target);
	*step = (struct step){.method = xstrdup(method), .target = xstrdup(target), .status = 200, .close_after = -1};
	step->truncate = -1;
	step->uses = 1;
	text_init(&step->headers, MAX_HEAD);
	text_init(&step->body, MAX_BODY);
	return step;
}

static char *beside_script(const char *name)
{
	const char *slash = strrchr(script_file, '/');

	return *name == '/' || !slash ? xstrdup(name)
				      : xasprintf("%.*s/%s", (int)(slash - script_file), script_file, name);
}

static void set_option(struct step *step, const char *word, const char *rest)
{
	if (strcmp(word, "status") == 0)
		step->status = (int)strtol(rest, NULL, 10);
	else if (strcmp(word, "header") == 0)
		text_printf(&step->headers, "%s\r\n", rest);
	else if (strcmp(word, "body") == 0)
		text_printf(&step->body, "%s\n", rest);
	else if (strcmp(word, "body-file") == 0)
		step->file = beside_script(rest);
	else if (strcmp(word, "body-command") == 0)
		step->command = xstrdup(rest);
	else if (strcmp(word, "delay") == 0)
		step->delay_ms = strtol(rest, NULL, 10);
	else if (strcmp(word, "close-after") == 0)
		step->close_after = strtol(rest, NULL, 10);
	else if (strcmp(word, "truncate") == 0)
		step->truncate = strtol(rest, NULL, 10);
	else if (strcmp(word, "chunked") == 0)
		step->chunked = true;
	else if (strcmp(word, "repeat") == 0)
		step->uses = strcmp(rest, "for ever") == 0 ? -1 : strtol(rest, NULL, 10);
	else
		die("the script has an unknown line", word);
}

static void read_script(void)
{
	FILE *file = fopen(script_file, "re");
	struct step *step = NULL;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	if (!file)
		die("could not open the script", script_file);
	while ((size = getline(&line, &capacity, file)) >= 0) {
		char *rest = line + strcspn(line, " \n");

		if (size && line[size - 1] == '\n')
			line[size - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		if (*rest)
			*rest++ = '\0';
		if (*line >= 'A' && *line <= 'Z')
			step = new_step(line, rest);
		else if (step)
			set_option(step, line, rest);
		else
			die("the script does not begin with a step", line);
	}
	free(line);
	fclose(file);
}

static bool matches(const struct step *step, const struct request *request)
{
	size_t size = strlen(step->target);

	if (step->uses == 0 || (strcmp(step->method, "ANY") != 0 && strcmp(step->method, request->method) != 0))
		return false;
	if (size && step->target[size - 1] == '$')
		return strlen(request->target) == size - 1 && strncmp(step->target, request->target, size - 1) == 0;
	return strncmp(step->target, request->target, size) == 0;
}

static struct step *take_step(const struct request *request)
{
	struct step *found = NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < step_count && !found; i++)
		if (matches(&steps[i], request))
			found = &steps[i];
	if (found && found->uses > 0)
		found->uses--;
	pthread_mutex_unlock(&lock);
	return found;
}

/* ------------------------------------------------------------------ requests */

static bool send_all(int peer, const char *data, size_t size)
{
	while (size) {
		ssize_t sent = send(peer, data, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		size -= (size_t)sent;
	}
	return true;
}

static size_t content_length(const char *head)
{
	for (const char *line = head; (line = strchr(line, '\n')) != NULL; line++)
		if (strncasecmp(line + 1, "Content-Length:", 15) == 0)
			return (size_t)strtoul(line + 16, NULL, 10);
	return 0;
}

/* Reads a head and its body; what came with the head belongs to the body. */
static bool read_request(int peer, struct request *request)
{
	char piece[16384], *end = NULL;
	size_t head_size = 0, body_size = 0;
	ssize_t got;

	while (!end || request->body.size < body_size) {
		if ((got = recv(peer, piece, sizeof(piece), 0)) <= 0)
			return false;
		if (end) {
			if (!text_add(&request->body, piece, (size_t)got))
				return false;
			continue;
		}
		if (!text_add(&request->head, piece, (size_t)got))
			return false;
		if (!(end = strstr(request->head.data, "\r\n\r\n")))
			continue;
		head_size = (size_t)(end - request->head.data) + 4;
		body_size = content_length(request->head.data);
		text_add(&request->body, request->head.data + head_size, request->head.size - head_size);
		request->head.size = head_size;
		request->head.data[head_size] = '\0';
	}
	return sscanf(request->head.data, "%15s %4095s", request->method, request->target) == 2;
}

static void log_request(const struct request *request)
{
	if (!log_file)
		return;
	pthread_mutex_lock(&lock);
	for (const char *c = request->head.data; *c; c++)
		if (*c != '\r')
			fputc(*c, log_file);
	fwrite(request->body.data, 1, request->body.size, log_file);
	fprintf(log_file, "\n--- end\n");
	fflush(log_file);
	pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ replies */

static void read_file(const char *path, struct text *body)
{
	FILE *file = fopen(path, "re");
	char piece[65536];
	size_t got;

	if (!file)
		die("could not open a body-file", path);
	while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
		text_add(body, piece, got);
	fclose(file);
}

static void run_command(const char *command, const struct request *request, struct text *body)
{
	FILE *input = tmpfile();
	int output[2], status;
	char piece[65536];
	ssize_t got;
	pid_t child;

	if (!input || pipe2(output, O_CLOEXEC) != 0)
		die("could not prepare a body-command", strerror(errno));
	fwrite(request->body.data, 1, request->body.size, input);
	rewind(input);
	child = fork();
	if (child == 0) {
		dup2(fileno(input), STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		setenv("REQUEST_METHOD", request->method, 1);
		setenv("REQUEST_TARGET", request->target, 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(output[1]);
	while ((got = read(output[0], piece, sizeof(piece))) > 0)
		text_add(body, piece, (size_t)got);
	close(output[0]);
	fclose(input);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		fprintf(stderr, "stub-http: the body-command failed: %s\n", command);
}

static bool send_body(int peer, const char *data, size_t size, bool chunked)
{
	char length[32];
	size_t half = size / 2 ? size / 2 : size;

	if (!chunked)
		return send_all(peer, data, size);
	/* In two chunks, so that a reader has to put them together. */
	for (size_t at = 0; at < size; at += half) {
		size_t piece = size - at < half ? size - at : half;

		snprintf(length, sizeof(length), "%zx\r\n", piece);
		if (!send_all(peer, length, strlen(length)) || !send_all(peer, data + at, piece) ||
		    !send_all(peer, "\r\n", 2))
			return false;
	}
	return true;
}

static void reset_at_close(int peer)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	/* Lets the peer read what was sent: a reset throws away what is still on its way. */
	usleep(50000);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void send_step(int peer, const struct step *step, const struct request *request)
{
	long cut = step->close_after >= 0 ? step->close_after : step->truncate;
	struct text head, body;
	size_t size;

	text_init(&head, 2 * MAX_HEAD);
	text_init(&body, MAX_BODY);
	usleep((useconds_t)step->delay_ms * 1000);
	text_add(&body, step->body.data, step->body.size);
	if (step->file)
		read_file(step->file, &body);
	if (step->command)
		run_command(step->command, request, &body);
	text_printf(&head, "HTTP/1.1 %d Stub\r\n%sConnection: close\r\n", step->status, step->headers.data);
	if (step->chunked)
		text_puts(&head, "Transfer-Encoding: chunked\r\n\r\n");
	else
		text_printf(&head, "Content-Length: %zu\r\n\r\n", body.size);
	size = cut >= 0 && (size_t)cut < body.size ? (size_t)cut : body.size;
	if (send_all(peer, head.data, head.size) && strcmp(request->method, "HEAD") != 0 &&
	    send_body(peer, body.data, size, step->chunked) && step->chunked && cut < 0)
		send_all(peer, "0\r\n\r\n", 5);
	if (step->close_after >= 0)
		reset_at_close(peer);
	text_release(&head);
	text_release(&body);
}

static void send_nothing(int peer, const struct request *request)
{
	char head[256];

	snprintf(
	    head, sizeof(head),
	    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nno step for %s %.100s\n",
	    request->method, request->target);
	send_all(peer, head, strlen(head));
}

static void send_root_file(int peer, const struct request *request)
{
	char path[PATH_MAX], head[256];
	size_t size = strcspn(request->target, "?");
	struct stat facts;
	int file = -1;

	if (root_folder && !strstr(request->target, "..") &&
	    snprintf(path, sizeof(path), "%s%.*s", root_folder, (int)size, request->target) < (int)sizeof(path))
		file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
		send_nothing(peer, request);
	} else {
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %lld\r\n\r\n",
			 (long long)facts.st_size);
		send_all(peer, head, strlen(head));
		while (strcmp(request->method, "HEAD") != 0 && sendfile(peer, file, NULL, 1 << 20) > 0)
			;
	}
	if (file >= 0)
		close(file);
}

static void *serve(void *argument)
{
	int peer = (int)(intptr_t)argument;
	struct timeval idle = {IDLE_S, 0};
	struct request request = {0};
	struct step *step;

	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof(idle));
	text_init(&request.head, MAX_HEAD);
	text_init(&request.body, MAX_BODY);
	if (read_request(peer, &request)) {
		log_request(&request);
		step = take_step(&request);
		if (step)
			send_step(peer, step, &request);
		else
			send_root_file(peer, &request);
	}
	text_release(&request.head);
	text_release(&request.body);
	close(peer);
	return NULL;
}

/* ------------------------------------------------------------------ main */

static int listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 128) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		die("could not listen", strerror(errno));
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

static void accept_until(int listener, double end_s)
{
	while (clock_monotonic_s() < end_s) {
		struct pollfd ready = {listener, POLLIN, 0};
		pthread_t thread;
		int peer;

		if (poll(&ready, 1, 200) <= 0 || (peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
			continue;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer) == 0)
			pthread_detach(thread);
		else
			close(peer);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"script", required_argument, NULL, 's'}, {"root", required_argument, NULL, 'r'},
	    {"log", required_argument, NULL, 'l'},    {"seconds", required_argument, NULL, 't'},
	    {"port", required_argument, NULL, 'p'},   {0}};
	long seconds = 60, port = 0;
	int option;

	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			script_file = optarg;
		else if (option == 'r')
			root_folder = optarg;
		else if (option == 'l' && !(log_file = fopen(optarg, "ae")))
			die("could not open the log", optarg);
		else if (option == 't')
			seconds = strtol(optarg, NULL, 10);
		else if (option == 'p')
			port = strtol(optarg, NULL, 10);
		else if (option == '?')
			return 2;
	}
	if (script_file)
		read_script();
	accept_until(listen_on((int)port), clock_monotonic_s() + (double)seconds);
	return 0;
}
