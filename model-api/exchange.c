#include "model-api/exchange.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/xalloc.h"

enum { FREE_BODY_SIZE = 16384, LOOK_MS = 1000 };

static int64_t now_ms(void)
{
	return (int64_t)(clock_monotonic_s() * 1000);
}

void exchanges_init(struct exchanges *all)
{
	pthread_mutex_init(&all->lock, NULL);
}

void exchanges_release(struct exchanges *all)
{
	pthread_mutex_destroy(&all->lock);
}

struct exchange *exchange_new(struct exchanges *all, int fd)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	exchange->fd = fd;
	exchange->since_ms = now_ms();
	text_init(&exchange->body, all->max_body);
	reply_init(&exchange->reply, all->max_reply);
	text_init(&exchange->kept_body, all->max_reply);
	pthread_mutex_lock(&all->lock);
	exchange->next = all->first;
	if (all->first)
		all->first->previous = exchange;
	all->first = exchange;
	pthread_mutex_unlock(&all->lock);
	atomic_fetch_add(&all->count, 1);
	return exchange;
}

static void give_back_body(struct exchanges *all, struct exchange *exchange)
{
	if (exchange->body.capacity > FREE_BODY_SIZE) {
		text_release(&exchange->body);
		text_init(&exchange->body, all->max_body);
	}
	text_clear(&exchange->body);
	atomic_fetch_sub_explicit(&all->body_memory, exchange->budget_taken, memory_order_relaxed);
	exchange->budget_taken = 0;
}

void exchange_free(struct exchanges *all, struct exchange *exchange)
{
	pthread_mutex_lock(&all->lock);
	if (exchange->next)
		exchange->next->previous = exchange->previous;
	if (exchange->previous)
		exchange->previous->next = exchange->next;
	else
		all->first = exchange->next;
	pthread_mutex_unlock(&all->lock);
	atomic_fetch_sub(&all->count, 1);
	give_back_body(all, exchange);
	text_release(&exchange->body);
	reply_release(&exchange->reply);
	text_release(&exchange->kept_body);
	free(exchange);
}

bool exchange_move(struct exchange *exchange, enum exchange_state from, enum exchange_state to)
{
	int expected = from;

	return atomic_compare_exchange_strong(&exchange->state, &expected, to);
}

void exchange_begin(struct exchange *exchange)
{
	exchange->since_ms = now_ms();
	exchange->had_request = true;
	exchange->received = 0;
	exchange->refused = false;
	exchange->understood = false;
	exchange->ticket = (struct ticket){0};
	reply_clear(&exchange->reply);
}

void exchange_take(struct exchanges *all, struct exchange *exchange, const char *data, size_t size)
{
	size_t extra;

	exchange->received += size;
	if (exchange->refused)
		return;
	if (!text_add(&exchange->body, data, size)) {
		reply_error(&exchange->reply, 413, "the body is longer than %zu bytes", all->max_body);
		exchange->refused = true;
	} else if (exchange->body.capacity > FREE_BODY_SIZE && exchange->body.capacity > exchange->budget_taken) {
		extra = exchange->body.capacity - exchange->budget_taken;
		exchange->budget_taken += extra;
		if (atomic_fetch_add(&all->body_memory, extra) + extra > all->max_body_memory) {
			reply_error(&exchange->reply, 503, "the server has too many long requests at once: try again");
			exchange->refused = true;
		}
	}
	if (exchange->refused)
		give_back_body(all, exchange);
}

static void give_back_answer(const struct exchanges *all, struct text *text)
{
	if (text->capacity <= EXCHANGE_KEPT_SIZE)
		return;
	text_release(text);
	text_init(text, all->max_reply);
}

void exchange_end(struct exchanges *all, struct exchange *exchange)
{
	exchange->since_ms = now_ms();
	exchange->connection = NULL;
	give_back_body(all, exchange);
	give_back_answer(all, &exchange->reply.body);
	give_back_answer(all, &exchange->kept_body);
	exchange_move(exchange, EXCHANGE_ANSWER, EXCHANGE_IDLE);
	/* Ended before it was answered: the connection is about to close. */
	exchange_move(exchange, EXCHANGE_BODY, EXCHANGE_IDLE);
}

void exchange_send_error(const struct exchange *exchange, int status, const char *reason, const char *message)
{
	struct text text;

	text_init(&text, 4096);
	text_printf(
	    &text,
	    "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
	    "{\"error\":\"%s\"}\n",
	    status, reason, strlen(message) + strlen("{\"error\":\"\"}\n"), message);
	/* Nothing was written to this socket yet, so there is room; who does not read it has lost nothing. */
	if (send(exchange->fd, text.data, text.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		text_clear(&text);
	text_release(&text);
}

/* How much the client has sent so far; 0 where that is not known. */
static uint64_t bytes_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

/* The library says nothing of a request line before it is complete, but the kernel counts bytes: those that come on an
 * idle connection belong to a line. Looked for once a second; what came within the first second after another request
 * is not seen, only what follows. */
static bool line_is_late(const struct exchanges *all, struct exchange *exchange, int64_t now)
{
	int64_t since = exchange->since_ms;
	uint64_t received;

	if (now - since < LOOK_MS || now - exchange->looked_ms < LOOK_MS)
		return false;
	received = bytes_received(exchange->fd);
	exchange->looked_ms = now;
	if (exchange->line_of_ms != since) {
		exchange->line_of_ms = since;
		exchange->line_ms = 0;
		exchange->bytes_before = exchange->had_request ? received : 0;
	}
	if (exchange->line_ms == 0 && received > exchange->bytes_before)
		exchange->line_ms = now;
	return exchange->line_ms && (double)(now - exchange->line_ms) >= all->request_s * 1000;
}

static bool is_late(const struct exchanges *all, struct exchange *exchange, enum exchange_state state, int64_t now)
{
	double took_s = (double)(now - exchange->since_ms) / 1000;

	if (state == EXCHANGE_WAIT || state == EXCHANGE_DEAD)
		return false;
	if (state == EXCHANGE_IDLE)
		return took_s >= all->idle_s + all->request_s || line_is_late(all, exchange, now);
	return took_s >= all->request_s;
}

static bool expire(const struct exchanges *all, struct exchange *exchange, int64_t now)
{
	enum exchange_state state = (enum exchange_state)atomic_load(&exchange->state);

	if (!is_late(all, exchange, state, now) || !exchange_move(exchange, state, EXCHANGE_DEAD))
		return false;
	if (state == EXCHANGE_IDLE)
		exchange->line_cut = exchange->line_ms != 0;
	if (state == EXCHANGE_BODY)
		exchange_send_error(exchange, 408, "Request Timeout", "the request did not arrive in time");
	shutdown(exchange->fd, SHUT_RDWR);
	return true;
}

static bool has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* The library overlooks a client that closes its side in the moment its request is read, and would keep the connection
 * until the time-out. Asked in one call, of connections that were idle for a second. */
static void end_half_closed(struct exchanges *all, int64_t now)
{
	size_t room = (size_t)atomic_load(&all->count), count = 0;
	struct exchange **idle = xcalloc(room, sizeof(struct exchange *));
	struct pollfd *sources = xcalloc(room, sizeof(*sources));

	for (struct exchange *exchange = all->first; exchange && count < room; exchange = exchange->next)
		if (atomic_load(&exchange->state) == EXCHANGE_IDLE && now - exchange->since_ms >= 1000) {
			idle[count] = exchange;
			sources[count++] = (struct pollfd){.fd = exchange->fd, .events = POLLRDHUP};
		}
	if (count && poll(sources, count, 0) > 0)
		for (size_t i = 0; i < count; i++)
			if (sources[i].revents && has_ended(sources[i].fd) &&
			    exchange_move(idle[i], EXCHANGE_IDLE, EXCHANGE_DEAD))
				shutdown(sources[i].fd, SHUT_RDWR);
	free(idle);
	free(sources);
}

int exchange_expire(struct exchanges *all)
{
	int64_t now = now_ms();
	int expired = 0;

	pthread_mutex_lock(&all->lock);
	for (struct exchange *exchange = all->first; exchange; exchange = exchange->next)
		expired += expire(all, exchange, now);
	end_half_closed(all, now);
	pthread_mutex_unlock(&all->lock);
	return expired;
}
