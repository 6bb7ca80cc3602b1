#ifndef MODEL_API_JOURNAL_INTERNAL_H
#define MODEL_API_JOURNAL_INTERNAL_H

/* Between journal.c (what other threads call, and the thread) and journal_write.c (what that thread does with the
 * database). */

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/text.h"
#include "model-api/journal.h"

enum { JOURNAL_BUFFER_BYTES = 2 << 20, JOURNAL_MAX_FEEDBACK = 1024 };

struct feedback {
	char id[JOURNAL_ID_SIZE];
	char *truth;
	enum journal_outcome outcome;
};

struct losses {
	uint64_t count;
	double from_s, until_s;
};

struct journal {
	struct journal_settings settings;
	struct metrics *metrics;
	int written_series, dropped_series, feedback_series[FEEDBACK_OUTCOME_COUNT];
	uint64_t threshold; /* a draw below it is logged */
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool stopping;
	struct text lines; /* for COPY */
	uint64_t line_count;
	double lines_from_s; /* when the first of them was added */
	struct losses losses;
	struct feedback ring[JOURNAL_MAX_FEEDBACK];
	uint64_t asked;
	atomic_uint_fast64_t finished;

	/* of the thread alone */
	PGconn *db;
	struct text batch;
	uint64_t batch_count;
	double batch_from_s;
	double try_at_s, rotate_at_s;
	int failures;
};

/* Counts predictions that the log will never hold; with the lock held. */
void journal_lose(struct journal *journal, uint64_t count, double from_s);
/* Writes what is in the buffer and what is known to be lost. */
bool journal_write_log(struct journal *journal, struct fail *fail) MUST_USE;
/* Closes the connection after an error and says when to try again. */
void journal_give_up(struct journal *journal, const struct fail *fail);
enum journal_outcome journal_store_truth(struct journal *journal, const char *id, const char *truth, struct fail *fail);

#endif
