#ifndef MODEL_API_REFUSALS_H
#define MODEL_API_REFUSALS_H

/* Models that failed their tests, so that a broken one is not fetched again at every look. Used by one thread. */

#include <stdbool.h>

#include "common/fail.h"
#include "common/spec.h"
#include "model-api/model.h"

enum { MAX_REFUSALS = 32 };

struct refusal {
	char pipeline[SPEC_MAX_NAME + 1];
	int promotion_id; /* 0: it is pinned */
	int model_id;
	double until_s; /* clock_monotonic_s(): try it again then */
};

struct refusals {
	struct refusal list[MAX_REFUSALS];
	int count;
};

/* Zeroed storage holds none. */
void refusals_note(struct refusals *refusals, const struct model_address *address);
void refusals_forget(struct refusals *refusals, const struct model_address *address);
/* True, with a sentence in fail, while this very model is refused. */
bool refusals_hold(struct refusals *refusals, const struct model_address *address, struct fail *fail);
void refusals_retry_all(struct refusals *refusals); /* they are tried again at the next look */

#endif
