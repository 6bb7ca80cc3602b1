#include "model-api/refusals.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static const double refused_for_s = 300;

/* A pipeline has one champion, and one refusal for it; pinned models have theirs each. */
static struct refusal *find(struct refusals *refusals, const struct model_address *address)
{
	for (int i = 0; i < refusals->count; i++) {
		struct refusal *refusal = &refusals->list[i];

		if (strcmp(refusal->pipeline, address->pipeline) == 0 &&
		    (address->promotion_id ? refusal->promotion_id != 0
					   : refusal->promotion_id == 0 && refusal->model_id == address->model_id))
			return refusal;
	}
	return NULL;
}

void refusals_forget(struct refusals *refusals, const struct model_address *address)
{
	struct refusal *refusal = find(refusals, address);

	if (refusal)
		*refusal = refusals->list[--refusals->count];
}

void refusals_note(struct refusals *refusals, const struct model_address *address)
{
	struct refusal *refusal = find(refusals, address);

	if (!refusal && refusals->count < MAX_REFUSALS)
		refusal = &refusals->list[refusals->count++];
	if (!refusal)
		return;
	snprintf(refusal->pipeline, sizeof(refusal->pipeline), "%s", address->pipeline);
	refusal->promotion_id = address->promotion_id;
	refusal->model_id = address->model_id;
	refusal->until_s = clock_monotonic_s() + refused_for_s;
}

bool refusals_hold(struct refusals *refusals, const struct model_address *address, struct fail *fail)
{
	const struct refusal *refusal = find(refusals, address);

	if (!refusal || refusal->promotion_id != address->promotion_id || clock_monotonic_s() >= refusal->until_s)
		return false;
	fail_set(fail, EXIT_FAILED, "model %d of pipeline \"%s\" was refused: the server's log says why",
		 address->model_id, address->pipeline);
	return true;
}

void refusals_retry_all(struct refusals *refusals)
{
	for (int i = 0; i < refusals->count; i++)
		refusals->list[i].until_s = 0;
}
