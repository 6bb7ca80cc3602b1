#ifndef MODEL_API_FEEDBACK_H
#define MODEL_API_FEEDBACK_H

/* POST /feedback without the network: {"id": "...", "truth": "1"} to the journal, and what came of it. */

#include <stddef.h>

#include "model-api/journal.h"
#include "model-api/reply.h"

/* The first call: leaves a ticket in the reply, or an error. journal NULL: predictions are not logged here. */
void feedback_take(struct journal *journal, const char *body, size_t size, struct reply *reply);
/* The second one: the ticket has been served, or was waited for long enough. */
void feedback_answer(struct journal *journal, uint64_t ticket, struct reply *reply);

#endif
