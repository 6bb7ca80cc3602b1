#include "model-api/watch.h"

#include <errno.h>
#include <libpq-fe.h>
#include <malloc.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/xalloc.h"

/* Looks that are asked for one after the other are this far apart, so that POST /update cannot flood the database. */
static const double min_pause_s = 0.1;

struct watch {
	struct watch_settings settings;
	struct model_table *table;
	pthread_t thread;
	int wake; /* eventfd */
	atomic_bool stopping;
	atomic_bool database_up;
	atomic_uint_fast64_t asked;
	atomic_uint_fast64_t finished;
	atomic_bool forced;

	/* of the thread alone */
	PGconn *db;
	double logged_s;
	int failures; /* connections in a row that could not be made or kept */
	struct look *look;
	int series[LOOK_RESULT_COUNT];
	struct metrics *metrics;

	pthread_mutex_t lock; /* of what follows */
	bool good;
	char text[512];
	double looked_at_s;
	struct refusals refusals;
};

static void wake(struct watch *watch)
{
	/* An eventfd takes 2^64 wakes before it is full. */
	if (eventfd_write(watch->wake, 1) != 0)
		log_warning("could not wake the watch", "reason", "%s", strerror(errno), NULL);
}

/* ------------------------------------------------------------------ connection */

static void disconnect(struct watch *watch)
{
	db_close(watch->db);
	watch->db = NULL;
	atomic_store(&watch->database_up, false);
	watch->failures++;
}

static bool connect_database(struct watch *watch, struct fail *fail)
{
	if (watch->db)
		return true;
	watch->db = db_connect(fail);
	if (!watch->db || !db_run(watch->db, fail, "SET statement_timeout = '60s'", 0, NULL) ||
	    !db_run(watch->db, fail, "LISTEN green_ml_promotion", 0, NULL)) {
		disconnect(watch);
		return false;
	}
	log_info("database connected", NULL);
	atomic_store(&watch->database_up, true);
	return true;
}

/* ------------------------------------------------------------------ a look */

static void keep_result(struct watch *watch, enum look_result result, const struct fail *fail)
{
	metrics_add(watch->metrics, watch->series[result], 1);
	pthread_mutex_lock(&watch->lock);
	watch->good = result == LOOK_CHANGED || result == LOOK_UNCHANGED;
	snprintf(watch->text, sizeof(watch->text), "%.500s", watch->good ? "" : fail->text);
	watch->refusals = *look_refusals(watch->look);
	if (result != LOOK_FAILED)
		watch->looked_at_s = clock_now_s();
	pthread_mutex_unlock(&watch->lock);
}

/* Callers of /update can ask ten times a second: one line per second is enough. */
static void log_failure(struct watch *watch, const struct fail *fail)
{
	double now_s = clock_monotonic_s();

	if (watch->failures > 1 && now_s - watch->logged_s < 1)
		return;
	watch->logged_s = now_s;
	log_warning("could not read the registry; what is loaded keeps serving", "reason", "%s", fail->text, "failures",
		    "%d", watch->failures, NULL);
}

static void look_once(struct watch *watch)
{
	uint64_t ticket = atomic_load(&watch->asked);
	bool force = atomic_exchange(&watch->forced, false);
	enum look_result result = LOOK_FAILED;
	struct fail fail = {0};
	bool changed;

	if (connect_database(watch, &fail))
		result = look_take(watch->look, watch->db, watch->table, force, &fail);
	if (result != LOOK_FAILED)
		watch->failures = 0;
	else if (watch->db)
		disconnect(watch);
	if (result == LOOK_FAILED)
		log_failure(watch, &fail);
	changed = result == LOOK_CHANGED || (result == LOOK_FAILED && look_copies(watch->look, watch->table));
	keep_result(watch, result, &fail);
	/* Who waits for a ticket must find the result. */
	atomic_store(&watch->finished, ticket);
	if (watch->settings.looked)
		watch->settings.looked(watch->settings.context);
	if (look_make_tables(watch->look, watch->table) || changed)
		malloc_trim(0); /* the bytes as they came from the database, the old model, the trees */
}

/* ------------------------------------------------------------------ waiting */

/* 0.5, 1, 2 .. 30 s, each between half and all of it, so that many servers do not come back in the same moment; never
 * longer than three polls. */
static double pause_s(const struct watch *watch)
{
	double longest = fmin(0.5 * pow(2, fmin(watch->failures - 1, 10)), fmin(30, 3 * watch->settings.poll_s));

	return watch->failures == 0 ? watch->settings.poll_s : longest * (0.5 + 0.5 * drand48());
}

/* True when a promotion was notified or the connection broke. */
static bool has_news(struct watch *watch)
{
	bool news = false;

	if (!PQconsumeInput(watch->db))
		return true;
	for (PGnotify *notify = PQnotifies(watch->db); notify; notify = PQnotifies(watch->db)) {
		PQfreemem(notify);
		news = true;
	}
	return news;
}

static void wait_for_reason(struct watch *watch)
{
	double end_s = clock_monotonic_s() + pause_s(watch);

	while (!atomic_load(&watch->stopping)) {
		struct pollfd sources[2] = {{.fd = watch->wake, .events = POLLIN},
					    {.fd = watch->db ? PQsocket(watch->db) : -1, .events = POLLIN}};
		double left_s = end_s - clock_monotonic_s();

		if (left_s <= 0)
			return;
		/* Before the socket is polled: what came with the answer to a statement was read with it. */
		if (watch->db && has_news(watch))
			return;
		if (poll(sources, 2, (int)ceil(left_s * 1000)) < 0 && errno != EINTR)
			return;
		if (sources[0].revents) {
			eventfd_t count;

			if (eventfd_read(watch->wake, &count) == 0)
				return;
		}
	}
}

static void *watch_run(void *context)
{
	struct watch *watch = context;

	while (!atomic_load(&watch->stopping)) {
		double begun_s = clock_monotonic_s(), left_s;

		look_once(watch);
		wait_for_reason(watch);
		left_s = begun_s + min_pause_s - clock_monotonic_s();
		if (left_s > 0 && !atomic_load(&watch->stopping))
			usleep((useconds_t)(left_s * 1e6));
	}
	db_close(watch->db);
	watch->db = NULL;
	return NULL;
}

/* ------------------------------------------------------------------ for other threads */

struct watch *watch_start(const struct watch_settings *settings, struct model_table *table, struct metrics *metrics,
			  struct fail *fail)
{
	static const char *const names[LOOK_RESULT_COUNT] = {"result=\"unchanged\"", "result=\"changed\"",
							     "result=\"refused\"", "result=\"failed\""};
	struct watch *watch = xcalloc(1, sizeof(*watch));
	int error;

	watch->settings = *settings;
	watch->table = table;
	watch->metrics = metrics;
	for (int i = 0; i < LOOK_RESULT_COUNT; i++)
		watch->series[i] = metrics_series(metrics, METRIC_RELOADS, names[i]);
	watch->look = look_new(&settings->look, metrics);
	pthread_mutex_init(&watch->lock, NULL);
	srand48((long)getpid() ^ (long)(clock_now_s() * 1e6));
	watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = watch->wake < 0 ? errno : pthread_create(&watch->thread, NULL, watch_run, watch);
	if (error == 0)
		return watch;
	fail_set(fail, EXIT_FAILED, "could not start the thread that watches the registry: %s", strerror(error));
	watch_free(watch);
	return NULL;
}

uint64_t watch_ask(struct watch *watch, bool force)
{
	uint64_t ticket;

	if (force)
		atomic_store(&watch->forced, true);
	ticket = atomic_fetch_add(&watch->asked, 1) + 1;
	wake(watch);
	return ticket;
}

uint64_t watch_finished(struct watch *watch)
{
	return atomic_load(&watch->finished);
}

bool watch_result(struct watch *watch, char *text, size_t size)
{
	bool good;

	pthread_mutex_lock(&watch->lock);
	good = watch->good;
	snprintf(text, size, "%s", watch->text);
	pthread_mutex_unlock(&watch->lock);
	return good;
}

void watch_write(struct watch *watch, struct text *text)
{
	metrics_head(text, "green_ml_api_database_up", "gauge", "1 while the registry's database answers.");
	text_printf(text, "green_ml_api_database_up %d\n", atomic_load(&watch->database_up) ? 1 : 0);
	pthread_mutex_lock(&watch->lock);
	metrics_head(text, "green_ml_api_registry_read_timestamp_seconds", "gauge", "When the registry was last read.");
	text_printf(text, "green_ml_api_registry_read_timestamp_seconds %.3f\n", watch->looked_at_s);
	metrics_head(text, "green_ml_api_model_refused", "gauge",
		     "1 for a champion that failed its tests and is not served.");
	for (int i = 0; i < watch->refusals.count; i++)
		text_printf(text, "green_ml_api_model_refused{pipeline=\"%s\",promotion_id=\"%d\",model_id=\"%d\"} 1\n",
			    watch->refusals.list[i].pipeline, watch->refusals.list[i].promotion_id,
			    watch->refusals.list[i].model_id);
	pthread_mutex_unlock(&watch->lock);
}

bool watch_stop(struct watch *watch, double patience_s)
{
	struct timespec end;
	double end_s = patience_s;

	atomic_store(&watch->stopping, true);
	wake(watch);
	clock_gettime(CLOCK_REALTIME, &end);
	end_s += (double)end.tv_nsec / 1e9;
	end.tv_sec += (time_t)floor(end_s);
	end.tv_nsec = (long)((end_s - floor(end_s)) * 1e9);
	return pthread_timedjoin_np(watch->thread, NULL, &end) == 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	look_free(watch->look);
	pthread_mutex_destroy(&watch->lock);
	if (watch->wake >= 0)
		close(watch->wake);
	free(watch);
}
