#ifndef MODEL_API_HANDLE_H
#define MODEL_API_HANDLE_H

/*
 * The library's callbacks: the steps of a connection and of the request on it. server.c starts and stops what they work
 * on; nobody else needs this.
 */

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

#include "model-api/exchange.h"
#include "model-api/route.h"

/* A port and what the library does behind it; the context of the callbacks. */
struct door {
	struct server *server;
	enum route_door kind;
	struct MHD_Daemon *daemon; /* NULL: there is none */
	int listening;
	bool quiesced;
	int port;
};

struct server {
	struct service *service;
	struct exchanges all;
	struct door doors[2];
	bool access_log;
	int most_connections; /* since memory was given back */
	int connections_series, failed_series, aborted_series;
	pthread_mutex_t wait_lock; /* of waiting and stopping */
	struct exchange *waiting;
	bool stopping;
};

enum MHD_Result handle_request(void *door, struct MHD_Connection *connection, const char *url, const char *method,
			       const char *version, const char *data, size_t *size, void **request);
void *handle_line(void *door, const char *uri, struct MHD_Connection *connection);
void handle_completed(void *door, struct MHD_Connection *connection, void **request,
		      enum MHD_RequestTerminationCode code);
void handle_connection(void *door, struct MHD_Connection *connection, void **socket_context,
		       enum MHD_ConnectionNotificationCode code);

#endif
