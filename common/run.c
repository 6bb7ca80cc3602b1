#include "common/run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/version.h"
#include "common/xalloc.h"

struct run {
	int64_t id;
	double started_monotonic_s;
	double cpu_start_s; /* of this process: what earlier runs in it have answered for */
	double postgres_start_s; /* the backend's CPU seconds at run_open; negative: unknown */
	PGconn *db;		 /* the connection run_open was given; its backend is the one that is counted */
	pthread_t renewer;
	pthread_mutex_t lock;
	pthread_cond_t ended_changed;
	bool ended;
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

static void renew_once(const struct run *run)
{
	struct fail fail = {0};
	PGconn *db = db_connect(&fail);

	if (!db || !db_runf(db, &fail, "ld",
			    "UPDATE green_ml.run SET lease_until = clock_timestamp() + $2 * interval '1 s' "
			    "WHERE run_id = $1 AND state = 'running'",
			    run->id, (int)RUN_LEASE_S))
		log_warning("could not renew the lease of this run", "run_id", "%lld", (long long)run->id, "error",
			    "%s", fail.text, NULL);
	db_close(db);
}

static void *renew(void *argument)
{
	struct run *run = argument;
	struct timespec until;

	pthread_mutex_lock(&run->lock);
	while (!run->ended) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += RUN_LEASE_S / 3;
		if (pthread_cond_timedwait(&run->ended_changed, &run->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&run->lock);
		renew_once(run);
		pthread_mutex_lock(&run->lock);
	}
	pthread_mutex_unlock(&run->lock);
	return NULL;
}

struct run *run_open(PGconn *db, const char *pipeline, struct fail *fail)
{
	struct run *run = xcalloc(1, sizeof(*run));
	char now[CLOCK_TEXT_SIZE];
	PGresult *row;

	run->started_monotonic_s = clock_monotonic_s();
	run->cpu_start_s = cpu_accounted_s;
	run->db = db;
	if (!db_backend_cpu_s(db, &run->postgres_start_s))
		run->postgres_start_s = -1;
	row = db_queryf(
	    db, fail, "ssdssss",
	    "INSERT INTO green_ml.run (program, pipeline, lease_until, simulated_at, workflow, node, version) VALUES "
	    "($1, $2, clock_timestamp() + $3 * interval '1 s', $4, $5, $6, $7) RETURNING run_id",
	    log_program(), pipeline, (int)RUN_LEASE_S, clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL,
	    getenv("ARGO_WORKFLOW_NAME"), getenv("ARGO_NODE_ID"), green_ml_version);
	if (!row) {
		fail_prefix(fail, "could not open a run");
		free(run);
		return NULL;
	}
	run->id = db_int(row, 0, 0);
	db_free(row);
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->ended_changed, NULL);
	if (pthread_create(&run->renewer, NULL, renew, run) != 0) {
		fail_set(fail, EXIT_FAILED, "could not start the thread that renews the run's lease");
		free(run);
		return NULL;
	}
	return run;
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
	    "cpu_s = $5, peak_rss_mb = $6, error = $7 WHERE run_id = $1",
	    run->id, state, run_wall_s(run), postgres_s < 0 ? NULL : postgres_text, cpu_s, run_peak_rss_mb(),
	    error);
}

bool run_done(struct run *run, PGconn *db, struct fail *fail)
{
	return close_row(run, db, "done", NULL, fail) || fail_prefix(fail, "could not close the run");
}

void run_failed(struct run *run, PGconn *db, const char *error)
{
	struct fail fail = {0};
	PGconn *own = NULL;

	db_rollback(db);
	if (!db || PQstatus(db) != CONNECTION_OK)
		db = own = db_connect(&fail);
	if (!db || !close_row(run, db, "failed", error, &fail))
		log_warning("could not mark the run as failed, it will read lost", "run_id", "%lld", (long long)run->id,
			    "error", "%s", fail.text, NULL);
	db_close(own);
}

void run_free(struct run *run)
{
	if (!run)
		return;
	pthread_mutex_lock(&run->lock);
	run->ended = true;
	pthread_cond_signal(&run->ended_changed);
	pthread_mutex_unlock(&run->lock);
	pthread_join(run->renewer, NULL);
	pthread_mutex_destroy(&run->lock);
	pthread_cond_destroy(&run->ended_changed);
	free(run);
}
