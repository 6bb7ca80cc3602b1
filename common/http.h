#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

/*
 * One HTTP request through libcurl: http and https only (redirects included), TLS verified, every part bounded.
 *
 *	struct http_request request = {.url = url, .timeout_s = 20, .max_body_size = 1 << 20};
 *	struct http_reply reply;
 *	if (!http_request(&request, &reply, &fail))	no reply at all: refused, timeout, TLS, too large
 *		...
 *	if (reply.status != 200) ...			any status is a reply
 *	http_reply_release(&reply);
 *
 * Call http_init() once in main(): a peer that goes away must not end the program (SIGPIPE). A broken or refused
 * connection and a timeout are EXIT_TRY_AGAIN. Redirects lead from http to https, never back. Nothing is decompressed.
 * Headers of a request are sent to the target of a redirect too (all but Authorization and Cookie).
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/fail.h"
#include "common/text.h"

struct http_request {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const char *const *headers; /* "Name: value", ended by NULL; may be NULL. Never logged. */
	const char *body;	    /* NULL: none */
	size_t body_size;
	double timeout_s;	  /* whole request; 0: 30 */
	double connect_timeout_s; /* 0: 10 */
	size_t max_body_size;	  /* of the reply; 0: 1 MiB */
	const char *ca_file;	  /* PEM bundle to trust instead of the system's; NULL: the system's */
	bool follow_redirects;	  /* at most 5 */
	/* When set, the reply's body goes here piece by piece instead of into reply.body, with max_body_size as the
	 * limit (0: none); only for status 200. Returns false, with fail set, to abort. */
	bool (*sink)(void *context, const char *data, size_t size, struct fail *fail);
	void *sink_context;
};

struct http_reply {
	long status;
	struct text body;
	double retry_after_s;  /* from Retry-After; 0: not given */
	char content_type[64]; /* "" when not given */
};

void http_init(void);
bool http_request(const struct http_request *request, struct http_reply *reply, struct fail *fail) MUST_USE;
void http_reply_release(struct http_reply *reply);

/* The URL as it may be logged and stored: without user, password and fragment, and with *** for the value of a query
 * parameter whose name sounds like a secret. The caller frees it. */
char *http_url_public(const char *url);

#endif
