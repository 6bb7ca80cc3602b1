#include "common/run.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/number.h"
#include "common/text.h"
#include "common/version.h"
#include "common/xalloc.h"

struct run {
	int64_t id;
	int lease_s;
	double started_monotonic_s;
	double cpu_start_s;	 /* of this process: what earlier runs in it have answered for */
	double postgres_start_s; /* the backend's CPU seconds at run_open; negative: unknown */
	PGconn *db;		 /* the connection run_open was given; its backend is the one that is counted */
	pthread_t renewer;
	pthread_mutex_t lock;
	pthread_cond_t ended_changed;
	bool has_renewer, ended;
};

/* The first run answers for the start of the process too, a later one for what came after the run before it. */
static double cpu_accounted_s;

double run_cpu_s(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec +
			children.ru_stime.tv_sec) +
	       (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec + children.ru_utime.tv_usec +
			children.ru_stime.tv_usec) /
		   1e6;
}

void run_leave_out(double cpu_s)
{
	cpu_accounted_s += cpu_s;
}

double run_wall_s(const struct run *run)
{
	return clock_monotonic_s() - run->started_monotonic_s;
}

double run_peak_rss_mb(void)
{
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	return (double)self.ru_maxrss / 1024;
}

double run_postgres_cpu_s(const struct run *run, PGconn *db)
{
	double now_s;

	if (run->postgres_start_s < 0 || db != run->db || !db_backend_cpu_s(db, &now_s))
		return -1;
	return now_s - run->postgres_start_s;
}

int64_t run_id(const struct run *run)
{
	return run->id;
}

/* A row that is locked is just being closed: waiting for it would block run_free(). */
static void renew_once(const struct run *run)
{
	struct fail fail = {0};
	PGconn *db = db_connect(&fail);

	if (!db ||
	    !db_runf(db, &fail, "ld",
		     "UPDATE green_ml.run SET lease_until = clock_timestamp() + $2 * interval '1 s' WHERE run_id = "
		     "(SELECT run_id FROM green_ml.run WHERE run_id = $1 AND state = 'running' "
		     "FOR UPDATE SKIP LOCKED)",
		     run->id, run->lease_s))
		log_warning("could not renew the lease of this run", "run_id", "%lld", (long long)run->id, "error",
			    "%s", fail.text, NULL);
	db_close(db);
}

static void add_ms(struct timespec *time, long ms)
{
	time->tv_nsec += ms % 1000 * 1000000;
	time->tv_sec += ms / 1000 + time->tv_nsec / 1000000000;
	time->tv_nsec %= 1000000000;
}

static void *renew(void *argument)
{
	struct run *run = argument;
	struct timespec until;

	pthread_mutex_lock(&run->lock);
	while (!run->ended) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		add_ms(&until, run->lease_s * 1000L / 3);
		if (pthread_cond_timedwait(&run->ended_changed, &run->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&run->lock);
		renew_once(run);
		pthread_mutex_lock(&run->lock);
	}
	pthread_mutex_unlock(&run->lock);
	return NULL;
}

static bool start_renewer(struct run *run)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	bool started;

	pthread_mutex_init(&run->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&run->ended_changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&run->renewer, NULL, renew, run) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!started) {
		pthread_mutex_destroy(&run->lock);
		pthread_cond_destroy(&run->ended_changed);
	}
	return started;
}

static bool read_lease(int *lease_s, struct fail *fail)
{
	const char *text = getenv("GREEN_ML_LEASE_S");
	int32_t number;

	*lease_s = RUN_LEASE_S;
	if (!text || !*text)
		return true;
	if (!number_int32(text, strlen(text), &number) || number < 1 || number > 86400)
		return fail_set(
		    fail, EXIT_WRONG_USE,
		    "environment variable GREEN_ML_LEASE_S is \"%s\": expected a whole number from 1 to 86400", text);
	*lease_s = number;
	return true;
}

struct run *run_brief(PGconn *db)
{
	struct run *run = xcalloc(1, sizeof(*run));

	run->started_monotonic_s = clock_monotonic_s();
	run->cpu_start_s = cpu_accounted_s;
	run->db = db;
	if (!db_backend_cpu_s(db, &run->postgres_start_s))
		run->postgres_start_s = -1;
	return run;
}

bool run_lease(struct run *run, const char *pipeline, struct fail *fail)
{
	char now[CLOCK_TEXT_SIZE];
	PGresult *row;

	if (!read_lease(&run->lease_s, fail))
		return false;
	row = db_queryf(
	    run->db, fail, "ssdssss",
	    "INSERT INTO green_ml.run (program, pipeline, lease_until, simulated_at, workflow, node, version) VALUES "
	    "($1, $2, clock_timestamp() + $3 * interval '1 s', $4, $5, $6, $7) RETURNING run_id",
	    log_program(), pipeline, run->lease_s, clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL,
	    getenv("ARGO_WORKFLOW_NAME"), getenv("ARGO_NODE_ID"), green_ml_version);
	if (!row)
		return fail_prefix(fail, "could not open a run");
	run->id = db_int(row, 0, 0);
	db_free(row);
	run->has_renewer = start_renewer(run);
	if (run->has_renewer)
		return true;
	fail_set(fail, EXIT_FAILED, "could not start the thread that renews the run's lease");
	run_failed(run, run->db, fail->text);
	return false;
}

struct run *run_open(PGconn *db, const char *pipeline, struct fail *fail)
{
	struct run *run = run_brief(db);

	if (run_lease(run, pipeline, fail))
		return run;
	run_free(run);
	return NULL;
}

const char run_brief_sql[] =
    "INSERT INTO green_ml.run (program, pipeline, state, started_at, lease_until, finished_at, simulated_at, wall_s, "
    "cpu_s, postgres_cpu_s, peak_rss_mb, workflow, node, version) "
    "SELECT program, pipeline, 'done', clock_timestamp() - wall_s * interval '1 s', clock_timestamp(), "
    "clock_timestamp(), simulated_at, wall_s, cpu_s, postgres_cpu_s, peak_rss_mb, workflow, node, version "
    "FROM jsonb_to_record($1::jsonb) AS j (program text, pipeline text, simulated_at timestamptz, wall_s double "
    "precision, cpu_s double precision, postgres_cpu_s double precision, peak_rss_mb double precision, workflow text, "
    "node text, version text) RETURNING run_id";

char *run_brief_json(const struct run *run, const char *pipeline)
{
	double postgres_s = run_postgres_cpu_s(run, run->db), cpu_s = run_cpu_s() - run->cpu_start_s;
	char now[CLOCK_TEXT_SIZE], *text;
	json_t *json =
	    json_pack("{s:s, s:s?, s:s?, s:f, s:f, s:f, s:s?, s:s?, s:s}", "program", log_program(), "pipeline",
		      pipeline, "simulated_at", clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL,
		      "wall_s", run_wall_s(run), "cpu_s", cpu_s, "peak_rss_mb", run_peak_rss_mb(), "workflow",
		      getenv("ARGO_WORKFLOW_NAME"), "node", getenv("ARGO_NODE_ID"), "version", green_ml_version);

	if (postgres_s >= 0)
		json_object_set_new(json, "postgres_cpu_s", json_real(postgres_s));
	cpu_accounted_s = run->cpu_start_s + cpu_s;
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(json);
	return text;
}

static bool close_row(struct run *run, PGconn *db, const char *state, const char *error, struct fail *fail)
{
	double postgres_s = run_postgres_cpu_s(run, db);
	double cpu_s = run_cpu_s() - run->cpu_start_s;
	char postgres_text[32];

	cpu_accounted_s = run->cpu_start_s + cpu_s;
	snprintf(postgres_text, sizeof(postgres_text), "%.6f", postgres_s);
	return db_runf(
	    db, fail, "lsfsffs",
	    "UPDATE green_ml.run SET state = $2, finished_at = clock_timestamp(), wall_s = $3, postgres_cpu_s = $4, "
	    "cpu_s = $5, peak_rss_mb = $6, error = $7 WHERE run_id = $1 AND state = 'running'",
	    run->id, state, run_wall_s(run), postgres_s < 0 ? NULL : postgres_text, cpu_s, run_peak_rss_mb(), error);
}

bool run_done(struct run *run, PGconn *db, struct fail *fail)
{
	return close_row(run, db, "done", NULL, fail) || fail_prefix(fail, "could not close the run");
}

void run_failed(struct run *run, PGconn *db, const char *error)
{
	struct fail fail = {0};
	PGconn *own = NULL;
	char text[sizeof(fail.text)];

	if (!run || run->id == 0)
		return;
	snprintf(text, sizeof(text), "%s", error);
	text_make_utf8(text);
	db_rollback(db);
	if (!db || PQstatus(db) != CONNECTION_OK)
		db = own = db_connect(&fail);
	if (!db || !close_row(run, db, "failed", text, &fail))
		log_warning("could not mark the run as failed, it will read lost", "run_id", "%lld", (long long)run->id,
			    "error", "%s", fail.text, NULL);
	db_close(own);
}

void run_free(struct run *run)
{
	if (!run || !run->has_renewer) {
		free(run);
		return;
	}
	pthread_mutex_lock(&run->lock);
	run->ended = true;
	pthread_cond_signal(&run->ended_changed);
	pthread_mutex_unlock(&run->lock);
	pthread_join(run->renewer, NULL);
	pthread_mutex_destroy(&run->lock);
	pthread_cond_destroy(&run->ended_changed);
	free(run);
}
