#ifndef MODEL_API_REPLY_H
#define MODEL_API_REPLY_H

/*
 * What a route answers: a status, a content type and a body. Whoever answers fills it in one go; the body belongs to
 * the connection and is reused for its next request.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/text.h"

/* What an answer waits for: a look at the registry, or feedback on its way into the database. */
struct ticket {
	enum ticket_of { TICKET_NONE, TICKET_LOOK, TICKET_FEEDBACK } of;
	uint64_t number;
};

struct reply {
	int status;
	const char *type;
	const char *allow; /* of a 405; else NULL */
	struct text body;
	bool asks_token;      /* of a 401 */
	struct ticket ticket; /* there is no answer before this is finished; call the route again then */
};

void reply_init(struct reply *reply, size_t max_size);
void reply_release(struct reply *reply);
/* Empty again, 200, application/json; memory beyond a few KiB is given back. */
void reply_clear(struct reply *reply);

/* {"error": "..."}; bytes that are no UTF-8 become "?". */
void reply_error(struct reply *reply, int status, const char *format, ...) PRINTF_LIKE(3, 4);
/* Takes the value's reference. */
void reply_json(struct reply *reply, int status, json_t *value);

/* Replaces in place what is no UTF-8 by "?". */
void reply_clean_utf8(char *text);

#endif
