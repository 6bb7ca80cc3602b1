#ifndef COMMON_DB_H
#define COMMON_DB_H

/*
 * PostgreSQL through libpq. The connection comes from libpq's own PG* variables; the first version's names DB_HOST
 * DB_NAME DB_USER DB_PASS are understood too and win, DB_PASS_FILE names a file with the password
 * (line ends behind it are no part of it). An empty variable counts as not given. DB_CONNECT_TRIES (6): how often to
 * try.
 *
 *	PGconn *db = db_connect(&fail);			retries with capped jittered backoff, then EXIT_TRY_AGAIN
 *	PGresult *rows = db_query(db, &fail, "SELECT model_id FROM green_ml.model WHERE sha256 = $1", 1, values);
 *	...
 *	db_free(rows);
 *	db_close(db);
 *
 * Every session: search_path = pg_catalog, TimeZone UTC, lock_timeout, client_connection_check_interval, keepalives,
 * application_name = the program. All tables are named with their schema. Notices of the server become log lines.
 *
 * Errors carry the statement's purpose in words chosen by the caller through fail_prefix(), the server's message, and a
 * code: SQLSTATE classes 08, 53300, 57P01..57P03, 40001, 40P01, 55P03 and a lost connection -> EXIT_TRY_AGAIN,
 * everything else EXIT_FAILED. A connection that is refused for good (password, no such database) is EXIT_FAILED at
 * once, a setting that libpq does not understand EXIT_WRONG_USE.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"

PGconn *db_connect(struct fail *fail) MUST_USE;
void db_close(PGconn *db); /* NULL is fine */

/* Runs one statement with text parameters (NULL = SQL NULL); the caller frees the result with db_free(). NULL on error.
 * Commands without rows return an empty result. */
PGresult *db_query(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values) MUST_USE;

/* The same with the rows in PostgreSQL's binary format: for big bytea cells, by PQgetvalue() and PQgetlength(). */
PGresult *db_query_binary(PGconn *db, struct fail *fail, const char *sql, int count,
			  const char *const *values) MUST_USE;

/* The same row by row while the server still sends; each row is a result of its own, which take() leaves alone. take()
 * returns false to stop with fail set; the rows that follow are thrown away and the connection stays usable. */
bool db_stream(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values,
	       bool (*take)(void *context, const PGresult *row, struct fail *fail), void *context) MUST_USE;

/* The same where the rows are of no interest. */
bool db_run(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values) MUST_USE;

/* Parameters by printf conversion, one value per %: s (text, NULL = SQL NULL), d (int), l (int64_t), f (double, 17
 * digits), b (bool as int), t (time: double seconds, as timestamptz), y (bytea: const void *, then its size_t).
 * Example: db_queryf(db, &fail, "slt", "INSERT ... VALUES ($1,$2,$3) RETURNING id", name, rows, now) */
PGresult *db_queryf(PGconn *db, struct fail *fail, const char *types, const char *sql, ...) MUST_USE;
bool db_runf(PGconn *db, struct fail *fail, const char *types, const char *sql, ...) MUST_USE;

void db_free(PGresult *result); /* NULL is fine */

/* Cells of a result. The int and real forms expect a non-null number. */
const char *db_text(const PGresult *result, int row, int column); /* NULL for SQL NULL */
int64_t db_int(const PGresult *result, int row, int column);
double db_real(const PGresult *result, int row, int column);
bool db_bool(const PGresult *result, int row, int column); /* SQL NULL reads false */

bool db_begin(PGconn *db, struct fail *fail) MUST_USE;		/* READ COMMITTED */
bool db_begin_snapshot(PGconn *db, struct fail *fail) MUST_USE; /* REPEATABLE READ */
/* An error says whether nothing was committed or whether that is unknown (the connection was lost on the way). */
bool db_commit(PGconn *db, struct fail *fail) MUST_USE;
void db_rollback(PGconn *db); /* errors are of no interest any more */

/* COPY ... FROM STDIN: start, then db_copy_put() any number of times, then db_copy_end(); after a db_copy_put() that
 * failed the copy is over. A row that the server refuses shows at the end. rows (how many; may be NULL) is set when it
 * succeeded. With reason != NULL the copy is abandoned on the server. */
bool db_copy_start(PGconn *db, struct fail *fail, const char *sql) MUST_USE;
bool db_copy_put(PGconn *db, struct fail *fail, const char *data, int size) MUST_USE;
bool db_copy_end(PGconn *db, struct fail *fail, const char *reason, int64_t *rows) MUST_USE;

/* COPY ... TO STDOUT: calls row() for each line (text format, without the newline). row() returns false to stop with
 * fail set; the rows that follow are thrown away and the connection stays usable. */
bool db_copy_out(PGconn *db, struct fail *fail, const char *sql,
		 bool (*row)(void *context, const char *line, int size, struct fail *fail), void *context) MUST_USE;

/* A query whose rows may be too many for the memory, in PostgreSQL's binary format: take() is given up to `batch` rows
 * at a time and may run other statements meanwhile; false with fail set stops. Within the caller's transaction, else in
 * one of its own. */
typedef bool db_batch(void *context, const PGresult *rows, struct fail *fail);
int db_binary_int(const PGresult *rows, int row, int column); /* an int4 in it */
bool db_each(PGconn *db, struct fail *fail, const char *sql, int batch, db_batch *take, void *context) MUST_USE;

/* Bytes of a bytea cell fetched in text format; caller frees with PQfreemem(). NULL on error. */
unsigned char *db_bytes(const PGresult *result, int row, int column, size_t *size, struct fail *fail) MUST_USE;

/* "schema"."name" or a quoted column, by PQescapeIdentifier; caller frees with PQfreemem(). Ends the program when
 * memory runs out. */
char *db_identifier(PGconn *db, const char *name);
char *db_data_table(PGconn *db, const char *table); /* green_ml_data."table"; free() */

/* The SQLSTATE of this thread's last db_* call, "" when it succeeded or the server gave none. */
const char *db_sqlstate(void);

/* CPU seconds the server's backend of this connection has used so far, when it runs on this machine; false elsewhere.
 */
bool db_backend_cpu_s(PGconn *db, double *cpu_s);

#endif
