#include "model-api/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"

enum { DISCARD_FACTOR = 8 }; /* a refused body is read and thrown away up to this many times the limit */

/* Longer than the database takes when it is well. */
static const double wait_patience_s = 5;

/* ------------------------------------------------------------------ headers */

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

/* ------------------------------------------------------------------ answering */

static bool is_draining(const struct server *server)
{
	return atomic_load_explicit(&server->service->draining, memory_order_relaxed);
}

/* The header Date, written once a second; the library would do so for each answer. */
static const char *date_at(time_t second)
{
	static _Thread_local time_t written;
	static _Thread_local char text[32];
	struct tm parts;

	if (second != written && gmtime_r(&second, &parts) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
		written = second;
	return text;
}

static struct MHD_Response *make_response(const struct server *server, const struct reply *reply,
					  const struct text *body, time_t now)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type) == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date_at(now)) == MHD_YES &&
	    (!reply->allow || MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow) == MHD_YES) &&
	    (!reply->asks_token ||
	     MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer") == MHD_YES) &&
	    (!is_draining(server) || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

static void end_kept(struct exchange *exchange)
{
	if (exchange->kept)
		MHD_destroy_response(exchange->kept);
	exchange->kept = NULL;
	exchange->kept_usual = false;
}

/* The library's response is made anew only where the answer is not the connection's last one again: there are as many
 * answers to a row as the model has classes. Its bytes stay untouched as long as it is kept,
 * which is for a second at most, because of its Date. */
static enum MHD_Result queue_reply(struct server *server, struct exchange *exchange)
{
	struct reply *reply = &exchange->reply;
	bool usual = reply->status == 200 && !is_draining(server);
	time_t now = time(NULL);

	if (!usual || !exchange->kept_usual || exchange->kept_at != now || exchange->kept_type != reply->type ||
	    exchange->kept_body.size != reply->body.size ||
	    memcmp(exchange->kept_body.data, reply->body.data, reply->body.size) != 0) {
		struct text unused = exchange->kept_body;

		end_kept(exchange);
		exchange->kept_body = reply->body;
		reply->body = unused;
		exchange->kept = make_response(server, reply, &exchange->kept_body, now);
		exchange->kept_usual = usual && exchange->kept;
		exchange->kept_type = reply->type;
		exchange->kept_at = now;
	}
	exchange->sent_size = exchange->kept_body.size;
	if (!exchange->kept)
		return MHD_NO;
	return MHD_queue_response(exchange->connection, (unsigned int)reply->status, exchange->kept);
}

/* Suspends the connection until its ticket is finished. False: it is already. */
static bool wait_for_ticket(struct server *server, struct exchange *exchange)
{
	bool suspended = false;

	pthread_mutex_lock(&server->wait_lock);
	if (!server->stopping && !route_finished(server->service, &exchange->ticket)) {
		exchange->wait_until_s = clock_monotonic_s() + wait_patience_s;
		exchange->next_waiting = server->waiting;
		server->waiting = exchange;
		exchange_move(exchange, EXCHANGE_ANSWER, EXCHANGE_WAIT);
		MHD_suspend_connection(exchange->connection);
		suspended = true;
	}
	pthread_mutex_unlock(&server->wait_lock);
	return suspended;
}

/* What only some routes want to know: looking a name up costs more than a prediction. */
static void look_up_rest(const struct exchange *exchange, struct call *call)
{
	const char *json_size;

	if (route_wants(exchange->route, ROUTE_WANTS_QUERY))
		call->pipeline = MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, "pipeline");
	if (!route_wants(exchange->route, ROUTE_WANTS_JSON_SIZE))
		return;
	json_size = header(exchange, "Inference-Header-Content-Length");
	if (json_size)
		call->json_size = is_longer(json_size, call->size) ? call->size + 1 : strtoul(json_size, NULL, 10);
}

static enum MHD_Result answer(struct server *server, struct exchange *exchange)
{
	struct call call = {.body = exchange->body.data,
			    .size = exchange->body.size,
			    .json_size = exchange->body.size,
			    .names = &exchange->names,
			    .ticket = exchange->ticket};

	if (!exchange->refused) {
		look_up_rest(exchange, &call);
		route_answer(exchange->route, server->service, &call, &exchange->reply);
		if (exchange->reply.ticket.of != TICKET_NONE) {
			exchange->ticket = exchange->reply.ticket;
			if (wait_for_ticket(server, exchange))
				return MHD_YES;
			call.ticket = exchange->ticket;
			route_answer(exchange->route, server->service, &call, &exchange->reply);
		}
	}
	return queue_reply(server, exchange);
}

/* ------------------------------------------------------------------ the steps of a request */

/* The headers are understood. A refusal is sent when the body has been read, because a client that is still sending
 * would not see it; at once when the client asked first or the body is endless. */
static enum MHD_Result begin(struct door *door, struct exchange *exchange, const char *url, const char *method)
{
	struct server *server = door->server;
	const char *length = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH), *expect;
	struct reply *reply = &exchange->reply;

	metrics_request_begin(server->service->metrics);
	exchange->understood = true;
	exchange->begun_s = clock_monotonic_s();
	exchange->route = route_find(url, &exchange->names);
	exchange->refused = !route_is_open(exchange->route, server->service, door->kind, reply) ||
			    !route_allows(exchange->route, method, reply) ||
			    (route_wants(exchange->route, ROUTE_WANTS_TOKEN) &&
			     !route_permits(exchange->route, server->service,
					    header(exchange, MHD_HTTP_HEADER_AUTHORIZATION), reply)) ||
			    !route_accepts(exchange->route, header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE), reply);
	if (!exchange->refused && is_longer(length, server->all.max_body)) {
		reply_error(reply, 413, "the body is longer than %zu bytes", server->all.max_body);
		exchange->refused = true;
	}
	if (!exchange_move(exchange, EXCHANGE_HEADERS, EXCHANGE_BODY))
		return MHD_NO;
	expect = exchange->refused ? header(exchange, MHD_HTTP_HEADER_EXPECT) : NULL;
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

enum MHD_Result handle_request(void *context, struct MHD_Connection *connection UNUSED, const char *url,
			       const char *method, const char *version UNUSED, const char *data, size_t *size,
			       void **request)
{
	struct door *door = context;
	struct server *server = door->server;
	struct exchange *exchange = *request;

	switch ((enum exchange_state)atomic_load(&exchange->state)) {
	case EXCHANGE_HEADERS:
		return begin(door, exchange, url, method);
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

/* The request line was read. What is returned becomes *request of the other calls, handle_completed() included even
 * where handle_request() was never called. */
void *handle_line(void *context UNUSED, const char *uri UNUSED, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *exchange = info->socket_context;

	exchange->connection = connection;
	exchange_begin(exchange);
	exchange_move(exchange, EXCHANGE_IDLE, EXCHANGE_HEADERS); /* else it is DEAD and handle_request() says so */
	return exchange;
}

void handle_completed(void *context, struct MHD_Connection *connection UNUSED, void **request,
		      enum MHD_RequestTerminationCode code)
{
	struct server *server = ((struct door *)context)->server;
	struct exchange *exchange = *request;
	int state = atomic_load(&exchange->state), status = 0;
	double took_s;

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
	took_s = clock_monotonic_s() - exchange->begun_s;
	metrics_request_end(server->service->metrics, exchange->route, status, took_s);
	if (server->access_log)
		log_info("request", "route", "%s", route_path(exchange->route), "status", "%d", status, "bytes_in",
			 "%zu", exchange->received, "bytes_out", "%zu", exchange->sent_size, "seconds", "%.6f", took_s,
			 NULL);
	/* Sent: the library's own reference, if it still has one, reads no more of it. */
	if (exchange->kept_body.capacity > EXCHANGE_KEPT_SIZE)
		end_kept(exchange);
	exchange_end(&server->all, exchange);
}

void handle_connection(void *context, struct MHD_Connection *connection, void **socket_context,
		       enum MHD_ConnectionNotificationCode code)
{
	struct server *server = ((struct door *)context)->server;
	struct exchange *exchange = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		/* Here every serving thread comes by before its first request. */
		if (((struct door *)context)->kind == DOOR_PUBLIC)
			metrics_claim_lane();
		*socket_context = exchange_new(&server->all, info->connect_fd);
		metrics_add(server->service->metrics, server->connections_series, 1);
		return;
	}
	if (!exchange->had_request || exchange->line_cut)
		metrics_add(server->service->metrics, server->failed_series, 1);
	end_kept(exchange);
	exchange_free(&server->all, exchange);
	*socket_context = NULL;
}
