#include "model-api/journal.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { BUFFER_BYTES = 2 << 20, MAX_FEEDBACK = 1024 };

static const double flush_s = 0.5, rotate_s = 3600, longest_pause_s = 30;

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
	struct losses losses;
	struct feedback ring[MAX_FEEDBACK];
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

/* ------------------------------------------------------------------ adding */

/* A generator of each thread's own, seeded by the kernel: it only chooses, it makes no secrets. */
static uint64_t next_random(void)
{
	static _Thread_local uint64_t state;

	while (state == 0)
		if (getrandom(&state, sizeof(state), 0) != sizeof(state))
			state = (uint64_t)(clock_now_s() * 1e6);
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

bool journal_draw(const struct journal *journal)
{
	return journal && next_random() >> 11 < journal->threshold;
}

static void lose(struct journal *journal, uint64_t count, double from_s)
{
	struct losses *losses = &journal->losses;

	if (count == 0)
		return;
	if (losses->count == 0 || from_s < losses->from_s)
		losses->from_s = from_s;
	losses->until_s = clock_now_s();
	losses->count += count;
	metrics_add(journal->metrics, journal->dropped_series, count);
}

/* A label as a field of COPY's text format. */
static void put_field(struct text *text, const char *value)
{
	for (; *value; value++) {
		const char *escape = *value == '\\'   ? "\\\\"
				     : *value == '\t' ? "\\t"
				     : *value == '\n' ? "\\n"
				     : *value == '\r' ? "\\r"
						      : NULL;

		if (escape)
			text_add(text, escape, 2);
		else
			text_add(text, value, 1);
	}
}

bool journal_add(struct journal *journal, const struct model *model, int class, char id[JOURNAL_ID_SIZE])
{
	int64_t now_ms = (int64_t)floor(clock_now_s() * 1000);
	char at[CLOCK_TEXT_SIZE];
	unsigned char random[10];
	size_t before;
	bool taken;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	journal_make_id(now_ms, random, id);
	clock_format((double)now_ms / 1000, at);
	pthread_mutex_lock(&journal->lock);
	before = journal->lines.size;
	text_printf(&journal->lines, "%s\t%s\t%d\t%d\t", id, at, model->pipeline_id, model->model_id);
	put_field(&journal->lines, journal->settings.instance);
	text_add(&journal->lines, "\t", 1);
	put_field(&journal->lines, model->forest->labels[class]);
	text_add(&journal->lines, "\n", 1);
	taken = !journal->lines.overflow;
	if (taken) {
		journal->line_count++;
	} else {
		journal->lines.size = before;
		journal->lines.overflow = false;
		lose(journal, 1, (double)now_ms / 1000);
	}
	pthread_mutex_unlock(&journal->lock);
	return taken;
}

uint64_t journal_feedback(struct journal *journal, const char *id, const char *truth)
{
	uint64_t ticket = 0;

	pthread_mutex_lock(&journal->lock);
	if (journal->asked - atomic_load(&journal->finished) < MAX_FEEDBACK && !journal->stopping) {
		struct feedback *feedback = &journal->ring[++journal->asked % MAX_FEEDBACK];

		ticket = journal->asked;
		snprintf(feedback->id, sizeof(feedback->id), "%s", id);
		free(feedback->truth);
		feedback->truth = xstrdup(truth);
		feedback->outcome = FEEDBACK_FAILED;
		pthread_cond_signal(&journal->wake);
	}
	pthread_mutex_unlock(&journal->lock);
	return ticket;
}

uint64_t journal_finished(struct journal *journal)
{
	return atomic_load(&journal->finished);
}

enum journal_outcome journal_outcome(struct journal *journal, uint64_t ticket)
{
	enum journal_outcome outcome;

	pthread_mutex_lock(&journal->lock);
	outcome =
	    journal->asked - ticket < MAX_FEEDBACK ? journal->ring[ticket % MAX_FEEDBACK].outcome : FEEDBACK_FAILED;
	pthread_mutex_unlock(&journal->lock);
	return outcome;
}

/* ------------------------------------------------------------------ the database */

static void give_up_connection(struct journal *journal, const struct fail *fail)
{
	log_warning("the prediction log cannot be written; answers go on", "reason", "%s", fail->text, "failures", "%d",
		    ++journal->failures, NULL);
	db_close(journal->db);
	journal->db = NULL;
	journal->try_at_s = clock_monotonic_s() + fmin(longest_pause_s, 0.5 * pow(2, fmin(journal->failures, 10)));
}

static bool connect_database(struct journal *journal, struct fail *fail)
{
	if (journal->db)
		return true;
	if (clock_monotonic_s() < journal->try_at_s)
		return fail_set(fail, EXIT_TRY_AGAIN, "the database is away");
	journal->db = db_connect(fail);
	if (journal->db && db_run(journal->db, fail, "SET statement_timeout = '10s'", 0, NULL))
		return true;
	give_up_connection(journal, fail);
	return false;
}

static bool rotate(struct journal *journal, struct fail *fail)
{
	if (clock_monotonic_s() < journal->rotate_at_s)
		return true;
	if (!db_runf(journal->db, fail, "l", "SELECT green_ml.rotate_predictions($1::int)",
		     journal->settings.keep_days))
		return false;
	journal->rotate_at_s = clock_monotonic_s() + rotate_s;
	return true;
}

static bool copy_batch(struct journal *journal, struct fail *fail)
{
	if (!db_copy_start(journal->db, fail,
			   "COPY green_ml.prediction (prediction_id, at, pipeline_id, model_id, instance, prediction) "
			   "FROM STDIN"))
		return false;
	return db_copy_put(journal->db, fail, journal->batch.data, (int)journal->batch.size) &&
	       db_copy_end(journal->db, fail, NULL, NULL);
}

static bool write_losses(struct journal *journal, struct fail *fail)
{
	struct losses losses;
	bool good;

	pthread_mutex_lock(&journal->lock);
	losses = journal->losses;
	journal->losses = (struct losses){0};
	pthread_mutex_unlock(&journal->lock);
	if (losses.count == 0)
		return true;
	good =
	    db_runf(journal->db, fail, "sttl",
		    "INSERT INTO green_ml.prediction_loss (instance, from_at, until_at, lost) VALUES ($1, $2, $3, $4)",
		    journal->settings.instance, losses.from_s, losses.until_s, (int64_t)losses.count);
	if (good)
		return true;
	pthread_mutex_lock(&journal->lock);
	if (journal->losses.count == 0)
		journal->losses.until_s = losses.until_s;
	journal->losses.from_s = losses.from_s;
	journal->losses.count += losses.count;
	pthread_mutex_unlock(&journal->lock);
	return false;
}

static void end_batch(struct journal *journal, bool written)
{
	if (written) {
		metrics_add(journal->metrics, journal->written_series, journal->batch_count);
	} else {
		pthread_mutex_lock(&journal->lock);
		lose(journal, journal->batch_count, journal->batch_from_s);
		pthread_mutex_unlock(&journal->lock);
	}
	text_release(&journal->batch);
	text_init(&journal->batch, BUFFER_BYTES);
	journal->batch_count = 0;
}

/* What was taken from the buffer and what is known to be lost. A batch that the server refuses for good is lost; one
 * that a broken connection left in doubt is written again, and its ids tell when it was there already. */
static bool write_log(struct journal *journal, struct fail *fail)
{
	if (journal->batch_count == 0) {
		pthread_mutex_lock(&journal->lock);
		if (journal->line_count) {
			struct text empty = journal->batch;

			journal->batch = journal->lines;
			journal->batch_count = journal->line_count;
			journal->batch_from_s = clock_now_s() - 2 * flush_s;
			journal->lines = empty;
			journal->line_count = 0;
		}
		pthread_mutex_unlock(&journal->lock);
	}
	if (!connect_database(journal, fail) || !rotate(journal, fail))
		return false;
	if (journal->batch_count) {
		bool written = copy_batch(journal, fail) || strcmp(db_sqlstate(), "23505") == 0;

		if (!written && (fail->code == EXIT_TRY_AGAIN || PQstatus(journal->db) != CONNECTION_OK))
			return false;
		end_batch(journal, written);
		if (!written)
			return false;
		fail_clear(fail);
	}
	return write_losses(journal, fail);
}

static enum journal_outcome store_truth(struct journal *journal, const char *id, const char *truth, struct fail *fail)
{
	static const char update[] = "UPDATE green_ml.prediction SET truth = $3, truth_at = now() WHERE at = $2 AND "
				     "prediction_id = $1 AND truth IS NULL RETURNING 1";
	static const char select[] = "SELECT truth = $3 FROM green_ml.prediction WHERE at = $2 AND prediction_id = $1";
	char at[CLOCK_TEXT_SIZE];
	enum journal_outcome outcome = FEEDBACK_FAILED;
	PGresult *row;

	clock_format((double)journal_id_ms(id) / 1000, at);
	row = db_queryf(journal->db, fail, "sss", update, id, at, truth);
	if (row && PQntuples(row) == 1) {
		db_free(row);
		return FEEDBACK_STORED;
	}
	db_free(row);
	row = fail->code ? NULL : db_queryf(journal->db, fail, "sss", select, id, at, truth);
	if (row)
		outcome = PQntuples(row) == 0  ? FEEDBACK_UNKNOWN
			  : db_bool(row, 0, 0) ? FEEDBACK_KNOWN
					       : FEEDBACK_CONFLICT;
	db_free(row);
	return outcome;
}

/* Everybody who has asked by now; the log was written before, so that no prediction of this server is unknown. */
static void answer_feedback(struct journal *journal, uint64_t until, struct fail *fail)
{
	for (uint64_t ticket = atomic_load(&journal->finished) + 1; ticket <= until; ticket++) {
		struct feedback *feedback = &journal->ring[ticket % MAX_FEEDBACK];
		/* Nobody else touches a slot between asking and finishing. */
		enum journal_outcome outcome =
		    fail->code ? FEEDBACK_FAILED : store_truth(journal, feedback->id, feedback->truth, fail);

		pthread_mutex_lock(&journal->lock);
		feedback->outcome = outcome;
		pthread_mutex_unlock(&journal->lock);
		metrics_add(journal->metrics, journal->feedback_series[outcome], 1);
		atomic_store(&journal->finished, ticket);
	}
}

/* ------------------------------------------------------------------ the thread */

/* Waits for feedback, for time to write, or for the end. */
static uint64_t wait_for_work(struct journal *journal, bool *stopping)
{
	struct timespec end;
	uint64_t until;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += (long)(flush_s * 1e9);
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_mutex_lock(&journal->lock);
	while (!journal->stopping && journal->asked == atomic_load(&journal->finished))
		if (pthread_cond_timedwait(&journal->wake, &journal->lock, &end) != 0)
			break;
	until = journal->asked;
	*stopping = journal->stopping;
	pthread_mutex_unlock(&journal->lock);
	return until;
}

static void *journal_run(void *context)
{
	struct journal *journal = context;
	bool stopping = false;

	while (!stopping) {
		uint64_t until = wait_for_work(journal, &stopping);
		bool waits = until > atomic_load(&journal->finished);
		struct fail fail = {0};

		if (write_log(journal, &fail))
			journal->failures = 0;
		answer_feedback(journal, until, &fail);
		if (fail.code && journal->db)
			give_up_connection(journal, &fail);
		if (waits && journal->settings.looked)
			journal->settings.looked(journal->settings.context);
	}
	if (journal->batch_count || journal->line_count)
		log_warning("predictions of the log were not written", "count", "%lu",
			    (unsigned long)(journal->batch_count + journal->line_count), NULL);
	db_close(journal->db);
	return NULL;
}

static void name_series(struct journal *journal)
{
	static const char *const outcomes[FEEDBACK_OUTCOME_COUNT] = {
	    "result=\"stored\"", "result=\"known\"", "result=\"conflict\"", "result=\"unknown\"", "result=\"failed\""};

	journal->written_series = metrics_series(journal->metrics, METRIC_LOGGED, "result=\"written\"");
	journal->dropped_series = metrics_series(journal->metrics, METRIC_LOGGED, "result=\"dropped\"");
	for (int i = 0; i < FEEDBACK_OUTCOME_COUNT; i++)
		journal->feedback_series[i] = metrics_series(journal->metrics, METRIC_FEEDBACK, outcomes[i]);
}

struct journal *journal_start(const struct journal_settings *settings, struct metrics *metrics, struct fail *fail)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));
	int error;

	journal->settings = *settings;
	journal->metrics = metrics;
	journal->threshold = (uint64_t)(settings->sample * 0x1p53);
	name_series(journal);
	text_init(&journal->lines, BUFFER_BYTES);
	text_init(&journal->batch, BUFFER_BYTES);
	pthread_mutex_init(&journal->lock, NULL);
	pthread_cond_init(&journal->wake, NULL);
	error = pthread_create(&journal->thread, NULL, journal_run, journal);
	if (error == 0)
		return journal;
	fail_set(fail, EXIT_FAILED, "could not start the thread of the prediction log: %s", strerror(error));
	journal_free(journal);
	return NULL;
}

bool journal_stop(struct journal *journal, double patience_s)
{
	struct timespec end;

	pthread_mutex_lock(&journal->lock);
	journal->stopping = true;
	pthread_cond_signal(&journal->wake);
	pthread_mutex_unlock(&journal->lock);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += (time_t)ceil(patience_s);
	return pthread_timedjoin_np(journal->thread, NULL, &end) == 0;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	for (int i = 0; i < MAX_FEEDBACK; i++)
		free(journal->ring[i].truth);
	text_release(&journal->lines);
	text_release(&journal->batch);
	pthread_mutex_destroy(&journal->lock);
	pthread_cond_destroy(&journal->wake);
	free(journal);
}
