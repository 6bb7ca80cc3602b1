#include "model-api/server.h"

#include <malloc.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "model-api/handle.h"
#include "model-api/listen.h"

enum {
	CONNECTION_MEMORY = 8192, /* headers: nearly all of it; the library zeroes it for each request */
	REPLY_FACTOR = 4,
	BODIES_AT_ONCE = 8,
	THREAD_STACK = 1024 * 1024,
	MIN_REPLY_BYTES = 1 << 20,
	ADMIN_CONNECTIONS = 64,
};

/* ------------------------------------------------------------------ waiting callers */

static void resume(struct server *server, bool all)
{
	double now_s = clock_monotonic_s();
	struct exchange **link;

	pthread_mutex_lock(&server->wait_lock);
	link = &server->waiting;
	while (*link) {
		struct exchange *exchange = *link;

		if (!all && !route_finished(server->service, &exchange->ticket) && now_s < exchange->wait_until_s) {
			link = &exchange->next_waiting;
			continue;
		}
		*link = exchange->next_waiting;
		exchange->since_ms = (int64_t)(now_s * 1000);
		exchange_move(exchange, EXCHANGE_WAIT, EXCHANGE_ANSWER);
		MHD_resume_connection(exchange->connection);
	}
	pthread_mutex_unlock(&server->wait_lock);
}

void server_finished(void *server)
{
	resume(server, false);
}

/* The memory of many connections stays with the process after they have gone, unless it is asked for. */
static void give_back_memory(struct server *server)
{
	int now = atomic_load(&server->all.count);

	if (now > server->most_connections)
		server->most_connections = now;
	if (server->most_connections >= 256 && now < server->most_connections / 4) {
		malloc_trim(0);
		server->most_connections = now;
	}
}

void server_tick(struct server *server)
{
	int expired = exchange_expire(&server->all);

	give_back_memory(server);
	if (expired)
		log_info("requests ended that took too long", "count", "%d", expired, NULL);
	resume(server, false);
}

/* ------------------------------------------------------------------ life */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void on_log(void *context UNUSED, const char *format, va_list arguments)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("HTTP library", "text", "%s", text, NULL);
}
#pragma GCC diagnostic pop

static bool start_door(struct door *door, const struct server_settings *settings, struct fail *fail)
{
	bool is_public = door->kind == DOOR_PUBLIC, is_pool = is_public && settings->threads > 1;
	/* One epoll thread of the library alone stalls from 128 connections on. */
	unsigned int flags = (is_pool ? MHD_USE_EPOLL_INTERNAL_THREAD : MHD_USE_POLL_INTERNAL_THREAD) | MHD_USE_TURBO |
			     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
	int64_t connections = is_public ? settings->max_connections : ADMIN_CONNECTIONS;
	/* The library's own time-out must not come before the 408. */
	double idle_s = settings->idle_timeout_s > settings->request_timeout_s + 2 ? settings->idle_timeout_s
										   : settings->request_timeout_s + 2;
	struct MHD_OptionItem more[] = {
	    {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)settings->threads, NULL},
	    {MHD_OPTION_END, 0, NULL},
	};

	door->listening = listen_open(settings->host, is_public ? settings->port : settings->admin_port,
				      (int)connections, &door->port, fail);
	if (door->listening < 0)
		return false;
	door->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, handle_request, door, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, door->listening, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned int)connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned int)settings->max_connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned int)(idle_s + 0.999), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	    MHD_OPTION_NOTIFY_COMPLETED, handle_completed, door, MHD_OPTION_NOTIFY_CONNECTION, handle_connection, door,
	    MHD_OPTION_URI_LOG_CALLBACK, handle_line, door, MHD_OPTION_ARRAY, is_pool ? more : more + 1,
	    MHD_OPTION_END);
	return door->daemon || fail_set(fail, EXIT_FAILED, "could not start the HTTP server with %lld threads",
					(long long)settings->threads);
}

struct server *server_start(const struct server_settings *settings, struct service *service, struct fail *fail)
{
	struct server *server = xcalloc(1, sizeof(*server));

	server->service = service;
	server->access_log = settings->access_log;
	server->connections_series = metrics_series(service->metrics, METRIC_CONNECTIONS, "");
	server->failed_series = metrics_series(service->metrics, METRIC_CONNECTIONS_FAILED, "");
	server->aborted_series = metrics_series(service->metrics, METRIC_REQUESTS_ABORTED, "");
	server->all.request_s = settings->request_timeout_s;
	server->all.idle_s = settings->idle_timeout_s;
	server->all.max_body = (size_t)settings->max_body_bytes;
	server->all.max_reply = server->all.max_body * REPLY_FACTOR + MIN_REPLY_BYTES;
	server->all.max_body_memory = server->all.max_body * 2 * BODIES_AT_ONCE;
	exchanges_init(&server->all);
	pthread_mutex_init(&server->wait_lock, NULL);
	route_name_all(service->metrics);
	for (int i = 0; i < 2; i++)
		server->doors[i] = (struct door){.server = server, .kind = (enum route_door)i, .listening = -1};
	if (listen_allow(settings->max_connections + (settings->admin_port < 0 ? 0 : ADMIN_CONNECTIONS), fail) &&
	    start_door(&server->doors[DOOR_PUBLIC], settings, fail) &&
	    (settings->admin_port < 0 || start_door(&server->doors[DOOR_ADMIN], settings, fail)))
		return server;
	server_stop(server);
	return NULL;
}

int server_port(const struct server *server)
{
	return server->doors[DOOR_PUBLIC].port;
}

int server_admin_port(const struct server *server)
{
	return server->doors[DOOR_ADMIN].port;
}

void server_quiesce(struct server *server)
{
	for (int i = 0; i < 2; i++) {
		struct door *door = &server->doors[i];

		if (!door->daemon)
			continue;
		/* Refuses from now on. Closed only in the end: the library's threads may still name the descriptor. */
		if (MHD_quiesce_daemon(door->daemon) >= 0)
			shutdown(door->listening, SHUT_RDWR);
		door->quiesced = true;
	}
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->wait_lock);
	server->stopping = true;
	pthread_mutex_unlock(&server->wait_lock);
	resume(server, true);
	for (int i = 0; i < 2; i++) {
		struct door *door = &server->doors[i];

		if (door->daemon)
			MHD_stop_daemon(door->daemon);
		/* A daemon that was not quiesced has closed it. */
		if (door->listening >= 0 && (!door->daemon || door->quiesced))
			close(door->listening);
	}
	pthread_mutex_destroy(&server->wait_lock);
	exchanges_release(&server->all);
	free(server);
}
