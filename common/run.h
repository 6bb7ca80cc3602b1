#ifndef COMMON_RUN_H
#define COMMON_RUN_H

/*
 * The row of green_ml.run that every execution of a program has: opened before the work in its own transaction, with a
 * lease that a thread renews over a connection of its own while the work goes on, and closed inside the work's
 * transaction with what it cost. A program killed in between leaves a row that reads "lost" once the lease has run out.
 *
 *	struct run *run = run_open(db, "insurance", &fail);
 *	db_begin(db) ... work ... run_done(run, db, &fail) && db_commit(db, &fail);
 *	on error: db_rollback(db); run_failed(run, db, fail.text);
 *	run_free(run);			after the commit or the rollback
 *
 * Where it may turn out that there is nothing to do but a single statement, the lease is spared:
 *
 *	struct run *run = run_brief(db, &fail);
 *	either: run_lease(run, "insurance", &fail), and on as above
 *	or: "WITH run AS (" run_brief_sql ") INSERT ...", whose $1 is run_brief_json(run, "insurance")
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"

struct run;

/*
 * Stored with the row, for the grams (docs/CARBON.md): CPU seconds by the control group where it is the program's own,
 * by getrusage() as the check and elsewhere; the backend's; joules where the machine counts them (common/meter.h); and,
 * as the environment says, GREEN_ML_REQUEST_MILLICPU and GREEN_ML_REQUEST_MEMORY_MB, what the pod has reserved, and
 * GREEN_ML_MACHINE, a row of green_ml.energy_model (default: "default").
 */

/* GREEN_ML_LEASE_S: another lease in seconds, for tests and experiments; it is renewed after each third of it. */
enum { RUN_LEASE_S = 120 };

/* pipeline may be NULL. The program's name is log_program()'s; the workflow comes from ARGO_WORKFLOW_NAME and
 * ARGO_NODE_ID. */
struct run *run_open(PGconn *db, const char *pipeline, struct fail *fail) MUST_USE;
int64_t run_id(const struct run *run); /* 0: it has no lease */

struct run *run_brief(PGconn *db, struct fail *fail) MUST_USE;
bool run_lease(struct run *run, const char *pipeline, struct fail *fail) MUST_USE;
extern const char run_brief_sql[]; /* INSERT ... RETURNING run_id */
/* The row as it is done, with what it has cost so far; free(). */
char *run_brief_json(struct run *run, const char *pipeline);
/* Marks the row done with what it cost so far. Inside the work's transaction. */
bool run_done(struct run *run, PGconn *db, struct fail *fail) MUST_USE;
/* Rolls back what is open on db and marks the run failed, unless it is done already (a commit whose answer was lost).
 * Opens a new connection when db is NULL or unusable; errors are only logged. Nothing happens without a run. */
void run_failed(struct run *run, PGconn *db, const char *error);
/* A run that is done, but could not do what was to follow, such as to submit what it has decided, reads failed; what it
 * cost stands. Errors are only logged. */
void run_failed_after_all(struct run *run, PGconn *db, const char *error);
void run_free(struct run *run); /* ends the renewal; NULL is fine */

/* What this process has used until now, ended children included. */
double run_cpu_s(void);
/* CPU seconds that another run answers for, such as those of a child with a run of its own. */
void run_leave_out(double cpu_s);
double run_wall_s(const struct run *run);
double run_peak_rss_mb(void);
/* CPU of db's backend since run_open, negative when it cannot be read (server elsewhere). */
double run_postgres_cpu_s(const struct run *run, PGconn *db);

#endif
