#ifndef MODEL_API_WATCH_H
#define MODEL_API_WATCH_H

/*
 * Keeps the model table equal to the registry: one thread with one database connection that looks at the champions when
 * it is asked to, when a promotion is notified (LISTEN green_ml_promotion) and every poll_s. A new champion is loaded
 * and tested beside the old one, then the whole set is swapped. A champion that fails its test is refused: the old one
 * keeps serving, and it is tried again only after a while or by force. While the database is away everything keeps
 * serving; the connection is tried again with growing, jittered pauses of at most 30 s.
 *
 *	struct watch *watch = watch_start(&settings, table, metrics, &fail);
 *	uint64_t ticket = watch_ask(watch, false);		any thread
 *	...
 *	if (watch_finished(watch) >= ticket) watch_result(watch, text, sizeof(text));
 *	if (watch_stop(watch, 2)) watch_free(watch);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/text.h"
#include "model-api/champions.h"
#include "model-api/look.h"
#include "model-api/metrics.h"

struct watch;

struct watch_settings {
	struct look_settings look;
	double poll_s;
	/* Called by the watching thread after each look; may be NULL. */
	void (*looked)(void *context);
	void *context;
};

struct watch *watch_start(const struct watch_settings *settings, struct model_table *table, struct metrics *metrics,
			  struct fail *fail) MUST_USE;

/* Asks for a look soon; force: refused models are tried again. The ticket is served by a look that begins later. */
uint64_t watch_ask(struct watch *watch, bool force);
/* The highest ticket that has been served. */
uint64_t watch_finished(struct watch *watch);
/* What came of the last look: true when the table equals the registry, else a sentence for the client. */
bool watch_result(struct watch *watch, char *text, size_t size);

/* Gauges: database reachable, time of the last look, refused promotions. */
void watch_write(struct watch *watch, struct text *text);

/* False: the thread hangs in the network and was left alone; then nothing it uses may be freed. */
bool watch_stop(struct watch *watch, double patience_s) MUST_USE;
void watch_free(struct watch *watch); /* after watch_stop() */

#endif
