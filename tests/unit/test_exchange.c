/* Limits of bodies and of time, with a socket pair in place of a client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/clock.h"
#include "model-api/exchange.h"

enum { MAX_BODY = 100000 };

struct pair {
	struct exchanges all;
	struct exchange *exchange;
	int client, server;
};

static struct pair *make_pair(void)
{
	static struct pair pair;
	int fds[2];

	memset(&pair, 0, sizeof(pair));
	exchanges_init(&pair.all);
	pair.all.request_s = 10;
	pair.all.idle_s = 60;
	pair.all.max_body = MAX_BODY;
	pair.all.max_reply = 1 << 20;
	pair.all.max_body_memory = 300000;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pair.client = fds[0];
	pair.server = fds[1];
	pair.exchange = exchange_new(&pair.all, pair.server);
	return &pair;
}

static void free_pair(struct pair *pair)
{
	exchange_free(&pair->all, pair->exchange);
	assert_int_equal(atomic_load(&pair->all.count), 0);
	assert_int_equal(atomic_load(&pair->all.body_memory), 0);
	exchanges_release(&pair->all);
	close(pair->client);
	close(pair->server);
}

/* What the client gets until the connection is closed. */
static const char *read_client(const struct pair *pair)
{
	static char text[4096];
	ssize_t size = recv(pair->client, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	assert_int_equal(recv(pair->client, &(char){0}, 1, 0), 0);
	return text;
}

static void put_body(struct pair *pair, struct exchange *exchange, size_t size)
{
	static const char block[1000];

	for (size_t done = 0; done < size; done += sizeof(block))
		exchange_take(&pair->all, exchange, block, size - done < sizeof(block) ? size - done : sizeof(block));
}

static void a_body_up_to_the_limit_is_taken(void **state UNUSED)
{
	struct pair *pair = make_pair();

	exchange_begin(pair->exchange);
	put_body(pair, pair->exchange, MAX_BODY);
	assert_false(pair->exchange->refused);
	assert_int_equal(pair->exchange->body.size, MAX_BODY);
	put_body(pair, pair->exchange, 1);
	assert_true(pair->exchange->refused);
	assert_int_equal(pair->exchange->reply.status, 413);
	assert_string_equal(pair->exchange->reply.body.data, "{\"error\":\"the body is longer than 100000 bytes\"}\n");
	/* Its memory is given back at once, what follows is counted and thrown away. */
	assert_int_equal(atomic_load(&pair->all.body_memory), 0);
	put_body(pair, pair->exchange, 5000);
	assert_int_equal(pair->exchange->body.size, 0);
	assert_int_equal(pair->exchange->received, MAX_BODY + 5001);
	exchange_end(&pair->all, pair->exchange);
	exchange_begin(pair->exchange);
	assert_false(pair->exchange->refused);
	assert_int_equal(pair->exchange->received, 0);
	assert_int_equal(pair->exchange->reply.status, 200);
	free_pair(pair);
}

static void all_bodies_together_are_bounded(void **state UNUSED)
{
	struct pair *pair = make_pair();
	struct exchange *others[3];
	int refused = 0;

	for (int i = 0; i < 3; i++) {
		others[i] = exchange_new(&pair->all, -1);
		exchange_begin(others[i]);
		put_body(pair, others[i], MAX_BODY);
		refused += others[i]->refused;
	}
	/* 128 KiB each: two fit into 300,000 bytes. */
	assert_int_equal(refused, 1);
	assert_int_equal(others[2]->reply.status, 503);
	exchange_end(&pair->all, others[0]);
	exchange_begin(others[2]);
	put_body(pair, others[2], MAX_BODY);
	assert_false(others[2]->refused);
	for (int i = 0; i < 3; i++)
		exchange_free(&pair->all, others[i]);
	free_pair(pair);
}

static void a_long_answer_is_given_back(void **state UNUSED)
{
	static const char block[1000];
	struct pair *pair = make_pair();
	struct text *texts[] = {&pair->exchange->reply.body, &pair->exchange->kept_body};

	for (size_t i = 0; i < 2; i++) {
		const char *data;

		text_add(texts[i], block, sizeof(block));
		data = texts[i]->data;
		exchange_end(&pair->all, pair->exchange);
		/* A short one is kept, for the next answer that is the same. */
		assert_ptr_equal(texts[i]->data, data);
		assert_int_equal(texts[i]->size, sizeof(block));
		while (texts[i]->capacity <= EXCHANGE_KEPT_SIZE)
			text_add(texts[i], block, sizeof(block));
		exchange_end(&pair->all, pair->exchange);
		assert_in_range(texts[i]->capacity, 1, EXCHANGE_KEPT_SIZE);
		assert_int_equal(texts[i]->size, 0);
		assert_int_equal(texts[i]->max_size, pair->all.max_reply);
	}
	free_pair(pair);
}

static void expire_after(struct pair *pair, double seconds)
{
	pair->exchange->since_ms = (int64_t)((clock_monotonic_s() - seconds) * 1000);
	exchange_expire(&pair->all);
}

static void a_stalled_body_is_a_408(void **state UNUSED)
{
	struct pair *pair = make_pair();

	exchange_begin(pair->exchange);
	assert_true(exchange_move(pair->exchange, EXCHANGE_IDLE, EXCHANGE_HEADERS));
	assert_true(exchange_move(pair->exchange, EXCHANGE_HEADERS, EXCHANGE_BODY));
	expire_after(pair, 9);
	assert_int_equal(pair->exchange->state, EXCHANGE_BODY);
	expire_after(pair, 10.1);
	assert_int_equal(pair->exchange->state, EXCHANGE_DEAD);
	/* The body that comes in this moment finds the socket taken. */
	assert_false(exchange_move(pair->exchange, EXCHANGE_BODY, EXCHANGE_ANSWER));
	assert_string_equal(read_client(pair),
			    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
			    "Content-Length: 47\r\n\r\n{\"error\":\"the request did not arrive in time\"}\n");
	free_pair(pair);
}

static void other_states_are_cut_without_a_word(void **state UNUSED)
{
	static const struct {
		enum exchange_state state;
		double spared_s, cut_s; /* 0: never */
	} cases[] = {
	    {EXCHANGE_IDLE, 69, 70.1},
	    {EXCHANGE_HEADERS, 9, 10.1},
	    {EXCHANGE_ANSWER, 9, 10.1},
	    {EXCHANGE_WAIT, 100, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair *pair = make_pair();

		pair->exchange->state = cases[i].state;
		expire_after(pair, cases[i].spared_s);
		assert_int_equal(pair->exchange->state, cases[i].state);
		if (cases[i].cut_s > 0) {
			expire_after(pair, cases[i].cut_s);
			assert_int_equal(pair->exchange->state, EXCHANGE_DEAD);
			assert_string_equal(read_client(pair), "");
		}
		free_pair(pair);
	}
}

/* A connection over TCP, in which the kernel counts bytes. */
static struct pair *make_tcp_pair(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct pair *pair = make_pair();
	int listening = socket(AF_INET, SOCK_STREAM, 0);

	close(pair->client);
	close(pair->server);
	pair->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(connect(pair->client, (struct sockaddr *)&address, size), 0);
	pair->exchange->fd = pair->server = accept(listening, NULL, NULL);
	assert_true(pair->server >= 0);
	close(listening);
	return pair;
}

/* As if the last look had been so long ago, and the line's first bytes with it. */
static void look_after(struct pair *pair, double seconds)
{
	int64_t passed_ms = (int64_t)(seconds * 1000);

	pair->exchange->looked_ms -= passed_ms;
	if (pair->exchange->line_ms)
		pair->exchange->line_ms -= passed_ms;
	exchange_expire(&pair->all);
}

static void send_and_read(struct pair *pair)
{
	assert_int_equal(send(pair->client, "G", 1, 0), 1);
	assert_int_equal(recv(pair->server, &(char){0}, 1, 0), 1);
}

static void a_request_line_must_end(void **state UNUSED)
{
	struct pair *pair = make_tcp_pair();

	/* The first line: from its first byte on. */
	pair->exchange->since_ms -= 30000;
	look_after(pair, 30);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	send_and_read(pair);
	look_after(pair, 1);
	look_after(pair, 9.9);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	look_after(pair, 1);
	assert_int_equal(pair->exchange->state, EXCHANGE_DEAD);
	assert_string_equal(read_client(pair), "");
	free_pair(pair);
	/* Not what a request before it has sent. */
	pair = make_tcp_pair();
	send_and_read(pair);
	exchange_begin(pair->exchange);
	exchange_end(&pair->all, pair->exchange);
	pair->exchange->since_ms -= 30000;
	look_after(pair, 1);
	look_after(pair, 29);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	send_and_read(pair);
	look_after(pair, 1);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	/* The next request ends it, and begins anew. */
	exchange_begin(pair->exchange);
	exchange_end(&pair->all, pair->exchange);
	pair->exchange->since_ms -= 2000;
	look_after(pair, 11);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	send_and_read(pair);
	look_after(pair, 1);
	look_after(pair, 10.1);
	assert_int_equal(pair->exchange->state, EXCHANGE_DEAD);
	free_pair(pair);
}

static void a_client_that_left_is_noticed(void **state UNUSED)
{
	struct pair *pair = make_pair();

	expire_after(pair, 2);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	shutdown(pair->client, SHUT_WR);
	expire_after(pair, 0.5);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	expire_after(pair, 2);
	assert_int_equal(pair->exchange->state, EXCHANGE_DEAD);
	free_pair(pair);
	/* Not while a request is waiting to be read. */
	pair = make_pair();
	assert_int_equal(send(pair->client, "x", 1, 0), 1);
	shutdown(pair->client, SHUT_WR);
	expire_after(pair, 2);
	assert_int_equal(pair->exchange->state, EXCHANGE_IDLE);
	free_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_up_to_the_limit_is_taken), cmocka_unit_test(all_bodies_together_are_bounded),
	    cmocka_unit_test(a_stalled_body_is_a_408),	       cmocka_unit_test(other_states_are_cut_without_a_word),
	    cmocka_unit_test(a_client_that_left_is_noticed),   cmocka_unit_test(a_long_answer_is_given_back),
	    cmocka_unit_test(a_request_line_must_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
