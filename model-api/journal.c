#include "model-api/journal_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/xalloc.h"

static const double flush_s = 0.5;

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
	taken = !journal->lines.overflow && !journal->stopping;
	if (taken) {
		if (journal->line_count++ == 0)
			journal->lines_from_s = (double)now_ms / 1000;
	} else {
		journal->lines.size = before;
		journal->lines.overflow = false;
		journal_lose(journal, 1, (double)now_ms / 1000);
	}
	pthread_mutex_unlock(&journal->lock);
	return taken;
}

uint64_t journal_feedback(struct journal *journal, const char *id, const char *truth)
{
	uint64_t ticket = 0;

	pthread_mutex_lock(&journal->lock);
	if (journal->asked - atomic_load(&journal->finished) < JOURNAL_MAX_FEEDBACK && !journal->stopping) {
		struct feedback *feedback = &journal->ring[++journal->asked % JOURNAL_MAX_FEEDBACK];

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
	outcome = journal->asked - ticket < JOURNAL_MAX_FEEDBACK ? journal->ring[ticket % JOURNAL_MAX_FEEDBACK].outcome
								 : FEEDBACK_FAILED;
	pthread_mutex_unlock(&journal->lock);
	return outcome;
}

/* ------------------------------------------------------------------ the thread */

/* Everybody who has asked by now; the log was written before, so that no prediction of this server is unknown. */
static void answer_feedback(struct journal *journal, uint64_t until, struct fail *fail)
{
	for (uint64_t ticket = atomic_load(&journal->finished) + 1; ticket <= until; ticket++) {
		struct feedback *feedback = &journal->ring[ticket % JOURNAL_MAX_FEEDBACK];
		/* Nobody else touches a slot between asking and finishing. */
		enum journal_outcome outcome =
		    fail->code ? FEEDBACK_FAILED : journal_store_truth(journal, feedback->id, feedback->truth, fail);

		pthread_mutex_lock(&journal->lock);
		feedback->outcome = outcome;
		pthread_mutex_unlock(&journal->lock);
		metrics_add(journal->metrics, journal->feedback_series[outcome], 1);
		atomic_store(&journal->finished, ticket);
	}
}

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

		if (journal_write_log(journal, &fail))
			journal->failures = 0;
		answer_feedback(journal, until, &fail);
		if (fail.code && journal->db)
			journal_give_up(journal, &fail);
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
	text_init(&journal->lines, JOURNAL_BUFFER_BYTES);
	text_init(&journal->batch, JOURNAL_BUFFER_BYTES);
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
	for (int i = 0; i < JOURNAL_MAX_FEEDBACK; i++)
		free(journal->ring[i].truth);
	text_release(&journal->lines);
	text_release(&journal->batch);
	pthread_mutex_destroy(&journal->lock);
	pthread_cond_destroy(&journal->wake);
	free(journal);
}
