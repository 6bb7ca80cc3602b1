#include "common/db.h"

#include <stdarg.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/db_internal.h"
#include "common/log.h"
#include "common/xalloc.h"

enum { MAX_VALUES = 32 };

static _Thread_local char last_sqlstate[6];

const char *db_sqlstate(void)
{
	return last_sqlstate;
}

static bool is_transient(const char *state)
{
	static const char *const transient[] = {"08", "53300", "57P01", "57P02", "57P03", "40001", "40P01", "55P03"};

	for (size_t i = 0; i < sizeof(transient) / sizeof(*transient); i++)
		if (strncmp(state, transient[i], strlen(transient[i])) == 0)
			return true;
	return false;
}

void db_note_sqlstate(const char *state)
{
	snprintf(last_sqlstate, sizeof(last_sqlstate), "%s", state);
}

void db_one_line(char *line, size_t size, const char *message)
{
	size_t used = 0;

	for (; *message && used + 1 < size; message++)
		line[used++] = *message == '\n' || *message == '\t' ? ' ' : *message;
	while (used && line[used - 1] == ' ')
		used--;
	line[used] = '\0';
}

bool db_fail_from(PGconn *db, const PGresult *result, struct fail *fail)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	char message[768];
	bool lost;

	/* An error of libpq's own. When it is a write that failed, only the next read finds that the server is gone. */
	if (!state)
		(void)PQconsumeInput(db);
	lost = PQstatus(db) != CONNECTION_OK;
	db_note_sqlstate(state ? state : lost ? "08006" : "");
	db_one_line(message, sizeof(message), primary ? primary : PQerrorMessage(db));
	if (lost)
		return fail_set(fail, EXIT_TRY_AGAIN, "lost the database connection: %s", message);
	return fail_set(fail, is_transient(last_sqlstate) ? EXIT_TRY_AGAIN : EXIT_FAILED, "database: %s%s%s%s", message,
			state ? " (SQLSTATE " : "", state ? state : "", state ? ")" : "");
}

/* ------------------------------------------------------------------ statements */

static bool is_success(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

/* How a statement's values are sent: NULL, all as text; else which are bytes, and how many. */
struct forms {
	int binary[MAX_VALUES];
	int sizes[MAX_VALUES];
};

static PGresult *query(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values,
		       const struct forms *forms, int result_format)
{
	PGresult *result = PQexecParams(db, sql, count, NULL, values, forms ? forms->sizes : NULL,
					forms ? forms->binary : NULL, result_format);

	last_sqlstate[0] = '\0';
	if (is_success(result))
		return result;
	db_fail_from(db, result, fail);
	PQclear(result);
	return NULL;
}

PGresult *db_query(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values)
{
	return query(db, fail, sql, count, values, NULL, 0);
}

PGresult *db_query_binary(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values)
{
	return query(db, fail, sql, count, values, NULL, 1);
}

bool db_run(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values)
{
	PGresult *result = db_query(db, fail, sql, count, values);

	PQclear(result);
	return result != NULL;
}

static PGresult *query_list(PGconn *db, struct fail *fail, const char *types, const char *sql, va_list arguments)
{
	char texts[MAX_VALUES][CLOCK_TEXT_SIZE];
	const char *values[MAX_VALUES];
	struct forms forms = {0};
	int count = (int)strlen(types);
	size_t size;

	if (count > MAX_VALUES) {
		fail_set(fail, EXIT_FAILED, "a statement has more than %d values", (int)MAX_VALUES);
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		values[i] = texts[i];
		switch (types[i]) {
		case 'd':
			snprintf(texts[i], sizeof(texts[i]), "%d", va_arg(arguments, int));
			break;
		case 'l':
			snprintf(texts[i], sizeof(texts[i]), "%lld", (long long)va_arg(arguments, int64_t));
			break;
		case 'f':
			snprintf(texts[i], sizeof(texts[i]), "%.17g", va_arg(arguments, double));
			break;
		case 'b':
			snprintf(texts[i], sizeof(texts[i]), "%s", va_arg(arguments, int) ? "true" : "false");
			break;
		case 't':
			clock_format(va_arg(arguments, double), texts[i]);
			break;
		case 's':
			values[i] = va_arg(arguments, const char *);
			break;
		case 'y':
			values[i] = va_arg(arguments, const char *);
			size = va_arg(arguments, size_t);
			if (size > INT_MAX) {
				fail_set(fail, EXIT_FAILED, "a statement's value has %zu bytes, at most %d can be sent",
					 size, INT_MAX);
				return NULL;
			}
			forms.binary[i] = 1;
			forms.sizes[i] = (int)size;
			break;
		default:
			fail_set(fail, EXIT_FAILED, "\"%c\" is no type of a statement's value", types[i]);
			return NULL;
		}
	}
	return query(db, fail, sql, count, values, &forms, 0);
}

PGresult *db_queryf(PGconn *db, struct fail *fail, const char *types, const char *sql, ...)
{
	va_list arguments;
	PGresult *result;

	va_start(arguments, sql);
	result = query_list(db, fail, types, sql, arguments);
	va_end(arguments);
	return result;
}

bool db_runf(PGconn *db, struct fail *fail, const char *types, const char *sql, ...)
{
	va_list arguments;
	PGresult *result;

	va_start(arguments, sql);
	result = query_list(db, fail, types, sql, arguments);
	va_end(arguments);
	PQclear(result);
	return result != NULL;
}

void db_free(PGresult *result)
{
	PQclear(result);
}

const char *db_text(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int64_t db_int(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

double db_real(const PGresult *result, int row, int column)
{
	return strtod(PQgetvalue(result, row, column), NULL);
}

bool db_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

/* ------------------------------------------------------------------ transactions */

bool db_begin(PGconn *db, struct fail *fail)
{
	return db_run(db, fail, "BEGIN ISOLATION LEVEL READ COMMITTED", 0, NULL);
}

bool db_begin_snapshot(PGconn *db, struct fail *fail)
{
	return db_run(db, fail, "BEGIN ISOLATION LEVEL REPEATABLE READ", 0, NULL);
}

bool db_commit(PGconn *db, struct fail *fail)
{
	PGresult *result = db_query(db, fail, "COMMIT", 0, NULL);
	bool committed;

	if (!result)
		return fail_prefix(fail, PQstatus(db) == CONNECTION_OK
					     ? "nothing was committed"
					     : "it is unknown whether the work was committed, a rerun finds out");
	/* A transaction that had failed before answers COMMIT with ROLLBACK. */
	committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
	PQclear(result);
	return committed || fail_set(fail, EXIT_FAILED, "the transaction had failed and was rolled back");
}

void db_rollback(PGconn *db)
{
	if (db && PQstatus(db) == CONNECTION_OK && PQtransactionStatus(db) != PQTRANS_IDLE)
		PQclear(PQexec(db, "ROLLBACK"));
}

/* ------------------------------------------------------------------ COPY */

bool db_copy_start(PGconn *db, struct fail *fail, const char *sql)
{
	PGresult *result = PQexec(db, sql);
	bool started = PQresultStatus(result) == PGRES_COPY_IN;

	last_sqlstate[0] = '\0';
	if (!started)
		db_fail_from(db, result, fail);
	PQclear(result);
	return started;
}

/* What the server has to say when a COPY breaks off, and the connection's state after it. */
static bool copy_result(PGconn *db, struct fail *fail, int64_t *rows)
{
	PGresult *result;
	bool good = true;

	last_sqlstate[0] = '\0';
	while ((result = PQgetResult(db)) != NULL) {
		if (PQresultStatus(result) == PGRES_COMMAND_OK) {
			if (rows)
				*rows = strtoll(PQcmdTuples(result), NULL, 10);
		} else if (good) {
			good = db_fail_from(db, result, fail);
		}
		PQclear(result);
	}
	return good;
}

bool db_copy_put(PGconn *db, struct fail *fail, const char *data, int size)
{
	if (PQputCopyData(db, data, size) == 1)
		return true;
	PQputCopyEnd(db, "client stopped");
	copy_result(db, fail, NULL);
	return fail_set(fail, EXIT_TRY_AGAIN, "lost the database connection during COPY");
}

bool db_copy_end(PGconn *db, struct fail *fail, const char *reason, int64_t *rows)
{
	struct fail ignored = {0};
	bool sent = PQputCopyEnd(db, reason) == 1;

	if (reason) {
		copy_result(db, &ignored, rows);
		return true;
	}
	return copy_result(db, fail, rows) &&
	       (sent || fail_set(fail, EXIT_TRY_AGAIN, "lost the database connection during COPY"));
}

bool db_copy_out(PGconn *db, struct fail *fail, const char *sql,
		 bool (*row)(void *context, const char *line, int size, struct fail *fail), void *context)
{
	PGresult *result = PQexec(db, sql);
	bool going = PQresultStatus(result) == PGRES_COPY_OUT;
	char *line;
	int size;

	last_sqlstate[0] = '\0';
	if (!going)
		db_fail_from(db, result, fail);
	PQclear(result);
	if (!going)
		return false;
	while ((size = PQgetCopyData(db, &line, 0)) > 0) {
		/* After a refused row the rest is drained: the connection stays usable. */
		if (going)
			going = row(context, line, size - 1, fail);
		PQfreemem(line);
	}
	return copy_result(db, fail, NULL) && going;
}

/* ------------------------------------------------------------------ values and names */

unsigned char *db_bytes(const PGresult *result, int row, int column, size_t *size, struct fail *fail)
{
	unsigned char *bytes = PQunescapeBytea((unsigned char *)PQgetvalue(result, row, column), size);

	if (!bytes)
		fail_set(fail, EXIT_FAILED, "could not decode bytes from the database: out of memory");
	return bytes;
}

char *db_identifier(PGconn *db, const char *name)
{
	char *quoted = PQescapeIdentifier(db, name, strlen(name));

	if (!quoted) { /* out of memory, or bytes that are no UTF-8: no column of ours has such a name */
		log_error("could not quote a name", "name", "%s", name, NULL);
		_exit(EXIT_FAILED);
	}
	return quoted;
}

char *db_data_table(PGconn *db, const char *table)
{
	char *quoted = db_identifier(db, table), *full = xasprintf("green_ml_data.%s", quoted);

	PQfreemem(quoted);
	return full;
}

/* ------------------------------------------------------------------ cost */

static bool read_schedstat(int pid, double *cpu_s)
{
	char path[64];
	unsigned long long run_ns;
	FILE *file;
	bool found;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	found = fscanf(file, "%llu", &run_ns) == 1;
	fclose(file);
	*cpu_s = (double)run_ns / 1e9;
	return found;
}

bool db_backend_cpu_s(PGconn *db, double *cpu_s)
{
	const char *host = PQhost(db);

	/* Only over a Unix socket is the backend certain to be a process of this machine. */
	return host && host[0] == '/' && read_schedstat(PQbackendPID(db), cpu_s);
}
