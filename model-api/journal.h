#ifndef MODEL_API_JOURNAL_H
#define MODEL_API_JOURNAL_H

/*
 * The prediction log and its feedback: one thread with a database connection of its own. Answers are drawn at random,
 * kept in a bounded buffer and written in batches; nothing here ever blocks an answer. What does not fit, or could not
 * be written, is counted (and green_ml.prediction_loss says when, so that no sample with a hole counts as complete).
 *
 *	struct journal *journal = journal_start(&settings, metrics, &fail);
 *	if (journal_draw(journal) &&
 *	    journal_add(journal, model, class, id)) ...			any thread; id goes into the answer
 *	uint64_t ticket = journal_feedback(journal, id, truth);		any thread
 *	...
 *	if (journal_finished(journal) >= ticket) switch (journal_outcome(journal, ticket)) ...
 *	if (journal_stop(journal, 2)) journal_free(journal);			writes what is left
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "model-api/metrics.h"
#include "model-api/model.h"

enum { JOURNAL_ID_SIZE = 37, JOURNAL_MAX_TRUTH = 1024 };

enum journal_outcome {
	FEEDBACK_STORED,
	FEEDBACK_KNOWN,	   /* the same truth is there already */
	FEEDBACK_CONFLICT, /* another truth is: the first one stands */
	FEEDBACK_UNKNOWN,  /* no prediction has this id */
	FEEDBACK_FAILED,   /* the database did not take it */
	FEEDBACK_OUTCOME_COUNT
};

struct journal_settings {
	double sample;	   /* share of predictions, 0 .. 1 */
	int64_t keep_days; /* partitions older than this are dropped */
	const char *instance;
	/* Called by the thread after feedback was looked at; may be NULL. */
	void (*looked)(void *context);
	void *context;
};

struct journal;

struct journal *journal_start(const struct journal_settings *settings, struct metrics *metrics,
			      struct fail *fail) MUST_USE;

/* NULL draws nothing. */
bool journal_draw(const struct journal *journal);
/* False: the buffer is full, or the end has come. */
bool journal_add(struct journal *journal, const struct model *model, int class, char id[JOURNAL_ID_SIZE]);

/* 0: too many are waiting. id must be journal_is_id(), truth at most JOURNAL_MAX_TRUTH bytes. */
uint64_t journal_feedback(struct journal *journal, const char *id, const char *truth);
bool journal_is_id(const char *text);
uint64_t journal_finished(struct journal *journal);
enum journal_outcome journal_outcome(struct journal *journal, uint64_t ticket);

/* False: the thread hangs in the network and was left alone; then nothing it uses may be freed. */
bool journal_stop(struct journal *journal, double patience_s) MUST_USE;
void journal_free(struct journal *journal);

/* The time in an id, in milliseconds since 1970; for its partition. */
int64_t journal_id_ms(const char *id);
void journal_make_id(int64_t now_ms, const unsigned char random[10], char id[JOURNAL_ID_SIZE]);

#endif
