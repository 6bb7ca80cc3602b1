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
#include "common/meter.h"
#include "common/number.h"
#include "common/text.h"
#include "common/version.h"
#include "common/xalloc.h"

struct used {
	double process_s; /* getrusage() */
	double cgroup_s;  /* its control group, where that is ours */
	bool cgroup_known;
};

struct run {
	int64_t id;
	int lease_s, request_millicpu, request_memory_mb; /* requests: negative, nobody told */
	const char *machine;
	double started_monotonic_s;
	struct used start;	 /* of this process: what earlier runs in it have answered for */
	struct meter meter;	 /* under lock while the renewer runs */
	double postgres_start_s; /* the backend's CPU seconds at run_open; negative: unknown */
	PGconn *db;		 /* the connection run_open was given; its backend is the one that is counted */
	pthread_t renewer;
	pthread_mutex_t lock;
	pthread_cond_t ended_changed;
	bool has_renewer, ended;
};

/* The first run answers for the start of the process too, a later one for what came after the run before it. */
static struct used accounted;

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
	accounted.process_s += cpu_s;
	accounted.cgroup_s += cpu_s;
}

static struct used used_now(const struct meter *meter)
{
	struct used used = {.process_s = run_cpu_s()};

	used.cgroup_known = meter_cpu_s(meter, &used.cgroup_s);
	return used;
}

/* What the control group used before this process is not ours to answer for. */
static struct used used_start(const struct meter *meter)
{
	struct used now = used_now(meter);

	if (now.cgroup_known && !accounted.cgroup_known) {
		accounted.cgroup_s = now.cgroup_s - now.process_s + accounted.process_s;
		accounted.cgroup_known = true;
	}
	return accounted;
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
		meter_sample(&run->meter);
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

static bool read_whole(const char *name, int least, int most, int *value, struct fail *fail)
{
	const char *text = getenv(name);
	int32_t number;

	if (!text || !*text)
		return true;
	if (!number_int32(text, strlen(text), &number) || number < least || number > most)
		return fail_set(fail, EXIT_WRONG_USE,
				"environment variable %s is \"%s\": expected a whole number from %d to %d", name, text,
				least, most);
	*value = number;
	return true;
}

static bool read_settings(struct run *run, struct fail *fail)
{
	run->lease_s = RUN_LEASE_S;
	run->request_millicpu = run->request_memory_mb = -1;
	run->machine = getenv("GREEN_ML_MACHINE");
	if (!run->machine || !*run->machine)
		run->machine = "default";
	return read_whole("GREEN_ML_LEASE_S", 1, 86400, &run->lease_s, fail) &&
	       read_whole("GREEN_ML_REQUEST_MILLICPU", 0, 1000000, &run->request_millicpu, fail) &&
	       read_whole("GREEN_ML_REQUEST_MEMORY_MB", 0, 100000000, &run->request_memory_mb, fail);
}

struct run *run_brief(PGconn *db, struct fail *fail)
{
	struct run *run = xcalloc(1, sizeof(*run));

	run->started_monotonic_s = clock_monotonic_s();
	if (!read_settings(run, fail)) {
		free(run);
		return NULL;
	}
	meter_open(&run->meter, &meter_of_this_machine);
	run->start = used_start(&run->meter);
	run->db = db;
	if (!db_backend_cpu_s(db, &run->postgres_start_s))
		run->postgres_start_s = -1;
	return run;
}

/* ------------------------------------------------------------------ the row, as JSON */

/* The columns of either statement that are known from the beginning. */
static json_t *known_json(const struct run *run, const char *pipeline)
{
	char now[CLOCK_TEXT_SIZE];
	json_t *json = json_pack(
	    "{s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:s}", "program", log_program(), "pipeline", pipeline, "simulated_at",
	    clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL, "workflow", getenv("ARGO_WORKFLOW_NAME"),
	    "node", getenv("ARGO_NODE_ID"), "version", green_ml_version, "machine", run->machine);

	if (run->request_millicpu >= 0)
		json_object_set_new(json, "requested_cpu", json_real(run->request_millicpu / 1e3));
	if (run->request_memory_mb >= 0)
		json_object_set_new(json, "requested_memory_mb", json_real(run->request_memory_mb));
	return json;
}

/* What it has cost so far; what is not known is left out. */
static void add_cost(json_t *json, struct run *run, PGconn *db)
{
	struct used now = used_now(&run->meter);
	double process_s = now.process_s - run->start.process_s, postgres_s = run_postgres_cpu_s(run, db), energy_j;
	bool by_cgroup = now.cgroup_known && run->start.cgroup_known, energy_known;
	double cpu_s = by_cgroup ? now.cgroup_s - run->start.cgroup_s : process_s;

	if (run->has_renewer)
		pthread_mutex_lock(&run->lock);
	energy_known = meter_energy_j(&run->meter, cpu_s, &energy_j);
	if (run->has_renewer)
		pthread_mutex_unlock(&run->lock);
	json_object_set_new(json, "wall_s", json_real(run_wall_s(run)));
	json_object_set_new(json, "cpu_s", json_real(cpu_s));
	json_object_set_new(json, "process_cpu_s", json_real(process_s));
	json_object_set_new(json, "cpu_method", json_string(by_cgroup ? meter_cpu_method(&run->meter) : "getrusage"));
	json_object_set_new(json, "peak_rss_mb", json_real(run_peak_rss_mb()));
	if (postgres_s >= 0)
		json_object_set_new(json, "postgres_cpu_s", json_real(postgres_s));
	if (energy_known) {
		json_object_set_new(json, "measured_j", json_real(energy_j));
		json_object_set_new(json, "measured_by", json_string("rapl"));
	}
	accounted = now;
}

static char *take_text(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));

	json_decref(json);
	return text;
}

#define KNOWN "program, pipeline, simulated_at, workflow, node, version, machine, requested_cpu, requested_memory_mb"
#define COST "wall_s, cpu_s, process_cpu_s, cpu_method, postgres_cpu_s, peak_rss_mb, measured_j, measured_by"
/* Columns that are not in the JSON are null. */
#define FROM_JSON "FROM jsonb_populate_record(NULL::green_ml.run, $1::jsonb)"

const char run_brief_sql[] =
    "INSERT INTO green_ml.run (" KNOWN ", " COST ", state, started_at, lease_until, finished_at) "
    "SELECT " KNOWN ", " COST ", 'done', clock_timestamp() - wall_s * interval '1 s', clock_timestamp(), "
    "clock_timestamp() " FROM_JSON " RETURNING run_id";

char *run_brief_json(struct run *run, const char *pipeline)
{
	json_t *json = known_json(run, pipeline);

	add_cost(json, run, run->db);
	return take_text(json);
}

/* A machine that is not in the table gives no row, and so a sentence of its own. */
static PGresult *insert_row(const struct run *run, const char *pipeline, struct fail *fail)
{
	char *json = take_text(known_json(run, pipeline));
	PGresult *row = db_queryf(run->db, fail, "sd",
				  "INSERT INTO green_ml.run (" KNOWN ", lease_until) SELECT " KNOWN
				  ", clock_timestamp() + $2 * interval '1 s' " FROM_JSON
				  " WHERE machine IN (SELECT machine FROM green_ml.energy_model) RETURNING run_id",
				  json, run->lease_s);

	free(json);
	if (!row || PQntuples(row) == 1)
		return row;
	db_free(row);
	fail_set(
	    fail, EXIT_WRONG_USE,
	    "environment variable GREEN_ML_MACHINE is \"%s\": the table green_ml.energy_model has no such machine; "
	    "insert one, or leave the variable empty for \"default\"",
	    run->machine);
	return NULL;
}

bool run_lease(struct run *run, const char *pipeline, struct fail *fail)
{
	PGresult *row = insert_row(run, pipeline, fail);

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
	struct run *run = run_brief(db, fail);

	if (run && run_lease(run, pipeline, fail))
		return run;
	run_free(run);
	return NULL;
}

static bool close_row(struct run *run, PGconn *db, const char *state, const char *error, struct fail *fail)
{
	json_t *json = json_object();
	char *text;
	bool done;

	add_cost(json, run, db);
	text = take_text(json);
	done = db_runf(db, fail, "slss",
		       "UPDATE green_ml.run SET (" COST ", state, finished_at, error) = (SELECT " COST
		       ", $3, clock_timestamp(), $4 " FROM_JSON ") WHERE run_id = $2 AND state = 'running'",
		       text, run->id, state, error);
	free(text);
	return done;
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

void run_failed_after_all(struct run *run, PGconn *db, const char *error)
{
	struct fail fail = {0};
	char text[sizeof(fail.text)];

	snprintf(text, sizeof(text), "%s", error);
	text_make_utf8(text);
	if (run->id &&
	    !db_runf(db, &fail, "sl", "UPDATE green_ml.run SET state = 'failed', error = $1 WHERE run_id = $2", text,
		     run->id))
		log_warning("could not mark the run as failed", "run_id", "%lld", (long long)run->id, "error", "%s",
			    fail.text, NULL);
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
