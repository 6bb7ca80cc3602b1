#ifndef MODEL_API_SERVER_H
#define MODEL_API_SERVER_H

/*
 * The HTTP server: libmicrohttpd with a pool of epoll threads around the routes of route.h, or with one thread that
 * polls. Limits on body, headers, connections, idle time and total time of a request; every answer is JSON or the
 * metrics' text.
 *
 *	struct server *server = server_start(&settings, &service, &fail);
 *	while (...) server_tick(server);	a few times per second: time limits, callers that waited enough
 *	server_quiesce(server);				no new connections
 *	server_stop(server);			cuts those that are left
 */

#include <stdint.h>

#include "common/fail.h"
#include "model-api/route.h"

struct server;

struct server_settings {
	const char *host;
	int64_t port; /* 0: any free one */
	int64_t threads;
	int64_t admin_port;		     /* -1: none; 0: any free one */
	int64_t max_connections;	     /* of all threads together */
	int64_t max_connections_per_address; /* 0: no limit */
	int64_t max_body_bytes;
	double request_timeout_s; /* from a request's first line to the last byte of its answer */
	double idle_timeout_s;	  /* of a connection without a request */
	bool access_log;	  /* a log line per request */
};

/* service is kept by pointer. */
struct server *server_start(const struct server_settings *settings, struct service *service,
			    struct fail *fail) MUST_USE;
int server_port(const struct server *server);
int server_admin_port(const struct server *server);
void server_tick(struct server *server);
/* Resumes the callers whose ticket is finished. */
void server_finished(void *server);
void server_quiesce(struct server *server);
void server_stop(struct server *server); /* frees it; NULL is fine */

#endif
