#ifndef MODEL_API_VERIFY_H
#define MODEL_API_VERIFY_H

/*
 * Proves that a promotion is served: every address behind a name (a headless Service has one for each ready pod) must
 * answer GET /version with this promotion or a later one. Asked again every half second until all do or the time is
 * over; a name without an address and a server that does not answer are "not yet".
 *
 *	struct verify verify = {.pipeline = "insurance", .promotion_id = 7, .service = "model-api-pods", .port = 5000,
 *				.within_s = 60};
 *	if (!verify_promotion(&verify, &fail)) ...	EXIT_FAILED, and fail says who answered what last
 *	printf("%d servers\n", verify.servers);
 *
 * http_init() has been called before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"

struct verify {
	const char *pipeline;
	int64_t promotion_id;
	const char *service; /* a host name or an address */
	int64_t port;
	double within_s;
	/* set by verify_promotion() */
	int servers; /* that answered with it */
	double after_s;
};

bool verify_promotion(struct verify *verify, struct fail *fail) MUST_USE;

/* What a reply of GET /version says; false, with why in fail, when that is not this promotion of this pipeline or a
 * later one. */
bool verify_reply(const struct verify *verify, long status, const char *body, size_t size, struct fail *fail) MUST_USE;

#endif
