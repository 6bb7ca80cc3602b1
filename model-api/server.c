#include "model-api/server.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "model-api/exchange.h"
#include "model-api/listen.h"

enum {
	CONNECTION_MEMORY = 16384, /* headers: nearly all of it */
	DISCARD_FACTOR = 8,	   /* a refused body is read and thrown away up to this many times the limit */
	REPLY_FACTOR = 4,
	BODIES_AT_ONCE = 8,
	THREAD_STACK = 1024 * 1024,
	MIN_REPLY_BYTES = 1 << 20,
};

/* Longer than a look takes when the database is well. */
static const double update_patience_s = 5;

struct server {
	struct service *service;
	struct exchanges all;
	struct MHD_Daemon *daemon;
	int listening;
	bool quiesced;
	int port;
	int most_connections; /* since memory was given back */
	int connections_series, failed_series, aborted_series;
	pthread_mutex_t wait_lock; /* of waiting and stopping */
	struct exchange *waiting;
	bool stopping;
};

/* ------------------------------------------------------------------ answering */

static enum MHD_Result queue_reply(struct server *server, struct exchange *exchange)
{
	struct reply *reply = &exchange->reply;
	/* The body stays untouched until the next request of this connection. */
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type) == MHD_YES &&
	    (!reply->allow || MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow) == MHD_YES) &&
	    (!atomic_load_explicit(&server->service->draining, memory_order_relaxed) ||
	     MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES))
		result = MHD_queue_response(exchange->connection, (unsigned int)reply->status, response);
	MHD_destroy_response(response);
	return result;
}

/* Suspends the connection until the watch has served the ticket. False: it has already. */
static bool wait_for_look(struct server *server, struct exchange *exchange)
{
	bool suspended = false;

	pthread_mutex_lock(&server->wait_lock);
	if (!server->stopping && watch_finished(server->service->watch) < exchange->ticket) {
		exchange->wait_until_s = clock_monotonic_s() + update_patience_s;
		exchange->next_waiting = server->waiting;
		server->waiting = exchange;
		exchange_move(exchange, EXCHANGE_ANSWER, EXCHANGE_WAIT);
		MHD_suspend_connection(exchange->connection);
		suspended = true;
	}
	pthread_mutex_unlock(&server->wait_lock);
	return suspended;
}

static enum MHD_Result answer(struct server *server, struct exchange *exchange)
{
	struct call call = {.body = exchange->body.data, .size = exchange->body.size, .ticket = exchange->ticket};

	if (!exchange->refused) {
		call.pipeline = MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, "pipeline");
		route_answer(exchange->route, server->service, &call, &exchange->reply);
		if (exchange->reply.ticket) {
			exchange->ticket = exchange->reply.ticket;
			if (wait_for_look(server, exchange))
				return MHD_YES;
			call.ticket = exchange->ticket;
			route_answer(exchange->route, server->service, &call, &exchange->reply);
		}
	}
	return queue_reply(server, exchange);
}

/* ------------------------------------------------------------------ the steps of a request */

static bool is_longer(const char *length, size_t limit)
{
	unsigned long long value;

	if (!length)
		return false;
	errno = 0;
	value = strtoull(length, NULL, 10);
	return errno != 0 || value > limit;
}

static const char *header(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* The headers are understood. A refusal is sent when the body has been read, because a client that is still sending
 * would not see it; at once when the client asked first or the body is endless. */
static enum MHD_Result begin(struct server *server, struct exchange *exchange, const char *url, const char *method)
{
	const char *length = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const char *expect = header(exchange, MHD_HTTP_HEADER_EXPECT);
	struct reply *reply = &exchange->reply;

	metrics_request_begin(server->service->metrics);
	exchange->understood = true;
	exchange->begun_s = clock_monotonic_s();
	exchange->route = route_find(url);
	exchange->refused = !route_allows(exchange->route, method, reply) ||
			    !route_accepts(exchange->route, header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE), reply);
	if (!exchange->refused && is_longer(length, server->all.max_body)) {
		reply_error(reply, 413, "the body is longer than %zu bytes", server->all.max_body);
		exchange->refused = true;
	}
	if (!exchange_move(exchange, EXCHANGE_HEADERS, EXCHANGE_BODY))
		return MHD_NO;
	if (exchange->refused && ((expect && strcasecmp(expect, "100-continue") == 0) ||
				  is_longer(length, server->all.max_body * DISCARD_FACTOR)))
		return exchange_move(exchange, EXCHANGE_BODY, EXCHANGE_ANSWER) ? queue_reply(server, exchange) : MHD_NO;
	return MHD_YES;
}

static enum MHD_Result take_body(struct server *server, struct exchange *exchange, const char *data, size_t *size)
{
	exchange_take(&server->all, exchange, data, *size);
	*size = 0;
	if (exchange->received <= server->all.max_body * DISCARD_FACTOR)
		return MHD_YES;
	if (exchange_move(exchange, EXCHANGE_BODY, EXCHANGE_ANSWER))
		exchange_send_error(exchange, 413, "Content Too Large", "the body is far too long");
	return MHD_NO;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection UNUSED, const char *url,
				  const char *method, const char *version UNUSED, const char *data, size_t *size,
				  void **request)
{
	struct server *server = context;
	struct exchange *exchange = *request;

	switch ((enum exchange_state)atomic_load(&exchange->state)) {
	case EXCHANGE_HEADERS:
		return begin(server, exchange, url, method);
	case EXCHANGE_BODY:
		if (*size)
			return take_body(server, exchange, data, size);
		return exchange_move(exchange, EXCHANGE_BODY, EXCHANGE_ANSWER) ? answer(server, exchange) : MHD_NO;
	case EXCHANGE_ANSWER: /* resumed */
		return answer(server, exchange);
	case EXCHANGE_IDLE:
	case EXCHANGE_WAIT:
	case EXCHANGE_DEAD:
		break;
	}
	return MHD_NO;
}

/* The request line was read. What is returned becomes *request of the other calls, on_completed() included even where
 * on_request() was never called. */
static void *on_line(void *context UNUSED, const char *uri UNUSED, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *exchange = info->socket_context;

	exchange->connection = connection;
	exchange_begin(exchange);
	exchange_move(exchange, EXCHANGE_IDLE, EXCHANGE_HEADERS); /* else it is DEAD and on_request says so */
	return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection UNUSED, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct server *server = context;
	struct exchange *exchange = *request;
	int state = atomic_load(&exchange->state), status = 0;

	*request = NULL;
	if (!exchange->understood) {
		metrics_add(server->service->metrics, server->failed_series, 1);
		return;
	}
	if (state == EXCHANGE_ANSWER)
		status = exchange->reply.status;
	else if (state == EXCHANGE_DEAD)
		status = 408;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		metrics_add(server->service->metrics, server->aborted_series, 1);
	metrics_request_end(server->service->metrics, exchange->route, status, clock_monotonic_s() - exchange->begun_s);
	exchange_end(&server->all, exchange);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct server *server = context;
	struct exchange *exchange = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		*socket_context = exchange_new(&server->all, info->connect_fd);
		metrics_add(server->service->metrics, server->connections_series, 1);
		return;
	}
	if (!exchange->had_request)
		metrics_add(server->service->metrics, server->failed_series, 1);
	exchange_free(&server->all, exchange);
	*socket_context = NULL;
}

/* ------------------------------------------------------------------ waiting callers */

static void resume(struct server *server, bool all)
{
	uint64_t finished = watch_finished(server->service->watch);
	double now_s = clock_monotonic_s();
	struct exchange **link;

	pthread_mutex_lock(&server->wait_lock);
	link = &server->waiting;
	while (*link) {
		struct exchange *exchange = *link;

		if (!all && exchange->ticket > finished && now_s < exchange->wait_until_s) {
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

void server_looked(void *server)
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

static bool start_daemon(struct server *server, const struct server_settings *settings, struct fail *fail)
{
	unsigned int flags =
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	/* The library's own time-out must not come before the 408. */
	double idle_s = settings->idle_timeout_s > settings->request_timeout_s + 2 ? settings->idle_timeout_s
										   : settings->request_timeout_s + 2;

	server->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, server->listening, MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)settings->threads,
	    MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned int)settings->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)(idle_s + 0.999),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
	    server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_line, server,
	    MHD_OPTION_END);
	return server->daemon || fail_set(fail, EXIT_FAILED, "could not start the HTTP server with %lld threads",
					  (long long)settings->threads);
}

struct server *server_start(const struct server_settings *settings, struct service *service, struct fail *fail)
{
	struct server *server = xcalloc(1, sizeof(*server));

	server->service = service;
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
	server->listening = -1;
	if (listen_allow(settings->max_connections, fail))
		server->listening =
		    listen_open(settings->host, settings->port, (int)settings->max_connections, &server->port, fail);
	if (server->listening >= 0 && start_daemon(server, settings, fail))
		return server;
	server_stop(server);
	return NULL;
}

int server_port(const struct server *server)
{
	return server->port;
}

void server_quiesce(struct server *server)
{
	/* Refuses from now on. Closed only in the end: the library's threads may still name the descriptor. */
	if (MHD_quiesce_daemon(server->daemon) >= 0)
		shutdown(server->listening, SHUT_RDWR);
	server->quiesced = true;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->wait_lock);
	server->stopping = true;
	pthread_mutex_unlock(&server->wait_lock);
	if (server->daemon) {
		resume(server, true);
		MHD_stop_daemon(server->daemon);
	}
	/* A daemon that was not quiesced has closed it. */
	if (server->listening >= 0 && (!server->daemon || server->quiesced))
		close(server->listening);
	pthread_mutex_destroy(&server->wait_lock);
	exchanges_release(&server->all);
	free(server);
}
