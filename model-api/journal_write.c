#include "model-api/journal_internal.h"

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"

static const double rotate_s = 3600, longest_pause_s = 30;

void journal_lose(struct journal *journal, uint64_t count, double from_s)
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

void journal_give_up(struct journal *journal, const struct fail *fail)
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
	journal_give_up(journal, fail);
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
		journal_lose(journal, journal->batch_count, journal->batch_from_s);
		pthread_mutex_unlock(&journal->lock);
	}
	text_release(&journal->batch);
	text_init(&journal->batch, JOURNAL_BUFFER_BYTES);
	journal->batch_count = 0;
}

/* What was taken from the buffer and what is known to be lost. A batch that the server refuses for good is lost; one
 * that a broken connection left in doubt is written again, and its ids tell when it was there already. */
bool journal_write_log(struct journal *journal, struct fail *fail)
{
	if (journal->batch_count == 0) {
		pthread_mutex_lock(&journal->lock);
		if (journal->line_count) {
			struct text empty = journal->batch;

			journal->batch = journal->lines;
			journal->batch_count = journal->line_count;
			journal->batch_from_s = journal->lines_from_s;
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

enum journal_outcome journal_store_truth(struct journal *journal, const char *id, const char *truth, struct fail *fail)
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
