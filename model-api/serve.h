#ifndef MODEL_API_SERVE_H
#define MODEL_API_SERVE_H

/*
 * The life of the server process: signals, the parts in their order of starting and stopping.
 *
 * SIGTERM, SIGINT: stop being ready, keep answering for drain_s, then no new connections, let what is under way end,
 * stop. A second one ends the waiting. SIGHUP: look at the registry now, refused models included.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/fail.h"
#include "model-api/server.h"

struct serve_settings {
	struct server_settings server;
	struct look_settings look;
	struct journal_settings journal; /* sample 0: predictions are not logged */
	const char *token_file;		 /* NULL: no token is asked for */
	const char *default_pipeline;	 /* NULL: champions_find() */
	const char *instance;
	const char *port_file; /* NULL: none */
	int64_t max_rows;
	double poll_s;
	double drain_s;
};

/* Returns when the server was told to stop; fail is set when it could not start. */
void serve(const struct serve_settings *settings, struct fail *fail);

#endif
