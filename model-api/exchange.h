#ifndef MODEL_API_EXCHANGE_H
#define MODEL_API_EXCHANGE_H

/*
 * What the server knows of a connection and of the request that is on it. One per connection, reused by its requests
 * one after the other, so that a request needs no memory of its own.
 *
 * The library's time-out only sees idleness: a client that sends a byte now and then keeps a connection for ever. So
 * every exchange has a state and the time it began, and exchange_expire() ends those that take too long. It runs in
 * another thread; who moves the state first (exchange_move) owns the socket:
 *
 *	IDLE     no request; expires request_s after the first byte of a request line, or after idle_s + request_s
 *	HEADERS  the request line was read
 *	BODY     headers are understood, the body is coming; expires with a 408
 *	ANSWER   it is being answered or sent
 *	WAIT     suspended until the registry was looked at or feedback stored; never expires here
 *	DEAD     expired: whoever finds this closes
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/text.h"
#include "model-api/reply.h"
#include "model-api/route.h"

struct MHD_Connection;
struct MHD_Response;

enum exchange_state { EXCHANGE_IDLE, EXCHANGE_HEADERS, EXCHANGE_BODY, EXCHANGE_ANSWER, EXCHANGE_WAIT, EXCHANGE_DEAD };

/* An answer's buffer up to this size is kept for the next one; what idle connections hold must stay small. */
enum { EXCHANGE_KEPT_SIZE = 65536 };

struct exchange {
	struct exchange *previous, *next; /* of exchanges */
	struct exchange *next_waiting;
	int fd;
	atomic_int state;
	atomic_int_fast64_t since_ms; /* begin of the request, or end of the last one */
	atomic_bool had_request;
	atomic_bool line_cut; /* it expired amid a request line */

	/* of exchange_expire(): a request line that does not end */
	int64_t looked_ms, line_of_ms; /* the last look, and the since_ms that it was about */
	int64_t line_ms;	       /* the first look that saw bytes of a line; 0: there are none */
	uint64_t bytes_before;	       /* what had come before the line */

	/* the last answer, for the next one that is the same; handle.c makes and ends it */
	struct MHD_Response *kept;
	bool kept_usual; /* 200, without headers of its own */
	const char *kept_type;
	time_t kept_at;
	struct text kept_body;

	/* the request */
	struct MHD_Connection *connection;
	bool understood; /* its headers were */
	int route;
	struct route_names names;
	double begun_s;
	size_t received; /* bytes of its body */
	bool refused;	 /* the reply is there; what comes of the body is thrown away */
	struct text body;
	size_t budget_taken; /* bytes of body memory that count in exchanges.body_memory */
	struct reply reply;
	size_t sent_size;
	struct ticket ticket;
	double wait_until_s;
};

/* All exchanges of a server. */
struct exchanges {
	pthread_mutex_t lock; /* of the list; not taken per request */
	struct exchange *first;
	atomic_int count;
	double request_s, idle_s;
	size_t max_body, max_reply;
	size_t max_body_memory;
	atomic_size_t body_memory; /* of all bodies that are longer than a few KiB */
};

void exchanges_init(struct exchanges *all);
void exchanges_release(struct exchanges *all);

struct exchange *exchange_new(struct exchanges *all, int fd);
void exchange_free(struct exchanges *all, struct exchange *exchange); /* before its socket is closed */

/* False when it was not in state `from`. */
bool exchange_move(struct exchange *exchange, enum exchange_state from, enum exchange_state to);
void exchange_begin(struct exchange *exchange); /* a request starts now */

/* Appends to the body; refuses the request (413, 503) where a limit is passed. */
void exchange_take(struct exchanges *all, struct exchange *exchange, const char *data, size_t size);
/* The request is over: ready for the next one. Gives long buffers back; `kept` must not use a long one any more. */
void exchange_end(struct exchanges *all, struct exchange *exchange);

/* Ends what has taken too long; returns how many. */
int exchange_expire(struct exchanges *all);

/* Writes an error past the library; only for who owns the socket in state BODY. */
void exchange_send_error(const struct exchange *exchange, int status, const char *reason, const char *message);

#endif
