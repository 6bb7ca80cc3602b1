#include "model-api/verify.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/http.h"
#include "common/log.h"
#include "common/xalloc.h"

enum { PAUSE_MS = 500 };

bool verify_reply(const struct verify *verify, long status, const char *body, size_t size, struct fail *fail)
{
	json_t *reply, *pipeline, *promotion;

	if (status != 200)
		return fail_set(fail, EXIT_FAILED, "it answered with status %ld", status);
	reply = json_loadb(body, size, 0, NULL);
	pipeline = json_object_get(reply, "pipeline");
	promotion = json_object_get(reply, "promotion_id");
	if (!json_is_string(pipeline) || !json_is_integer(promotion))
		fail_set(fail, EXIT_FAILED, "its answer has no pipeline and promotion_id: is it a model-api?");
	else if (strcmp(json_string_value(pipeline), verify->pipeline) != 0)
		fail_set(fail, EXIT_FAILED, "it answered for pipeline \"%s\"", json_string_value(pipeline));
	else if (json_integer_value(promotion) < verify->promotion_id)
		fail_set(fail, EXIT_FAILED, "it serves promotion %" JSON_INTEGER_FORMAT, json_integer_value(promotion));
	json_decref(reply);
	return fail->code == 0;
}

static bool ask(const struct verify *verify, const char *address, struct fail *fail)
{
	bool is_v6 = strchr(address, ':') != NULL;
	char *url = xasprintf("http://%s%s%s:%" PRId64 "/version?pipeline=%s", is_v6 ? "[" : "", address,
			      is_v6 ? "]" : "", verify->port, verify->pipeline);
	struct http_request request = {.url = url, .timeout_s = 5, .connect_timeout_s = 2, .max_body_size = 65536};
	struct http_reply reply;
	bool served = false;

	if (http_request(&request, &reply, fail)) {
		served = verify_reply(verify, reply.status, reply.body.data, reply.body.size, fail);
		http_reply_release(&reply);
	}
	free(url);
	return served || fail_prefix(fail, "server %s", address);
}

/* One look at all addresses; servers is how many serve it when the answer is true. */
static bool look(const struct verify *verify, int *servers, struct fail *fail)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *list = NULL;
	int error = getaddrinfo(verify->service, NULL, &hints, &list);
	char address[INET6_ADDRSTRLEN];

	*servers = 0;
	if (error)
		return fail_set(fail, EXIT_FAILED, "no address is known for \"%s\": %s", verify->service,
				gai_strerror(error));
	for (const struct addrinfo *entry = list; entry && !fail->code; entry = entry->ai_next) {
		error =
		    getnameinfo(entry->ai_addr, entry->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST);
		if (error)
			fail_set(fail, EXIT_FAILED, "an address of \"%s\" cannot be read: %s", verify->service,
				 gai_strerror(error));
		else if (ask(verify, address, fail))
			(*servers)++;
	}
	freeaddrinfo(list);
	return fail->code == 0;
}

bool verify_promotion(struct verify *verify, struct fail *fail)
{
	double start_s = clock_monotonic_s();
	struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	for (;;) {
		struct fail last = {0};
		bool all = look(verify, &verify->servers, &last);

		verify->after_s = clock_monotonic_s() - start_s;
		if (all)
			return true;
		log_debug("not yet", "reason", "%s", last.text, NULL);
		if (verify->after_s >= verify->within_s)
			return fail_set(
			    fail, EXIT_FAILED,
			    "promotion %" PRId64 " of pipeline \"%s\" was not served by all of \"%s\" within "
			    "%g s: %s",
			    verify->promotion_id, verify->pipeline, verify->service, verify->within_s, last.text);
		nanosleep(&pause, NULL);
	}
}
