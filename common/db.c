#include "common/db.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/number.h"
#include "common/xalloc.h"

enum { MAX_VALUES = 32, MAX_PASSWORD = 4096, CONNECT_TRIES = 6 };

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

/* The server's or libpq's message in one line. */
static void one_line(char *line, size_t size, const char *message)
{
	size_t used = 0;

	for (; *message && used + 1 < size; message++)
		line[used++] = *message == '\n' || *message == '\t' ? ' ' : *message;
	while (used && line[used - 1] == ' ')
		used--;
	line[used] = '\0';
}

static bool fail_from(PGconn *db, const PGresult *result, struct fail *fail)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	bool lost = PQstatus(db) != CONNECTION_OK;
	char message[768];

	snprintf(last_sqlstate, sizeof(last_sqlstate), "%s", state ? state : lost ? "08006" : "");
	one_line(message, sizeof(message), primary ? primary : PQerrorMessage(db));
	if (lost)
		return fail_set(fail, EXIT_TRY_AGAIN, "lost the database connection: %s", message);
	return fail_set(fail, is_transient(last_sqlstate) ? EXIT_TRY_AGAIN : EXIT_FAILED, "database: %s%s%s%s", message,
			state ? " (SQLSTATE " : "", state ? state : "", state ? ")" : "");
}

/* ------------------------------------------------------------------ connecting */

/* The first version's names, and the session's fixed settings. */
struct connection {
	const char *keys[24], *values[24];
	int count;
	char password[MAX_PASSWORD];
	char options[1024];
};

/* A killed client must not hold its locks: the server notices within half a second. Parallel workers are off so that
 * the backend's CPU time is the whole cost of a statement. */
static const char session_options[] =
    "-c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO -c lock_timeout=120s -c statement_timeout=3600s "
    "-c idle_in_transaction_session_timeout=3600s -c client_connection_check_interval=500ms "
    "-c max_parallel_workers_per_gather=0 -c client_min_messages=warning";

static void add_key(struct connection *connection, const char *key, const char *value)
{
	if (value && *value) {
		connection->keys[connection->count] = key;
		connection->values[connection->count++] = value;
	}
}

/* Secret volumes are readable by the group, which libpq refuses for a password file: so the file is read here. */
static bool read_password(struct connection *connection, struct fail *fail)
{
	const char *path = getenv("DB_PASS_FILE");
	FILE *file;
	size_t size;

	add_key(connection, "password", getenv("DB_PASS"));
	if ((getenv("DB_PASS") && *getenv("DB_PASS")) || !path || !*path)
		return true;
	file = fopen(path, "re");
	if (!file)
		return fail_set(fail, EXIT_WRONG_USE, "could not open file \"%s\" named by DB_PASS_FILE: %s", path,
				strerror(errno));
	size = fread(connection->password, 1, sizeof(connection->password) - 1, file);
	fclose(file);
	while (size && (connection->password[size - 1] == '\n' || connection->password[size - 1] == '\r'))
		size--;
	connection->password[size] = '\0';
	add_key(connection, "password", connection->password);
	return true;
}

static bool fill_connection(struct connection *connection, struct fail *fail)
{
	memset(connection, 0, sizeof(*connection));
	add_key(connection, "host", getenv("DB_HOST"));
	add_key(connection, "dbname", getenv("DB_NAME"));
	add_key(connection, "user", getenv("DB_USER"));
	if (!getenv("PGCONNECT_TIMEOUT"))
		add_key(connection, "connect_timeout", "10");
	add_key(connection, "keepalives_idle", "30");
	add_key(connection, "keepalives_interval", "10");
	add_key(connection, "keepalives_count", "3");
	add_key(connection, "tcp_user_timeout", "60000");
	add_key(connection, "application_name", log_program());
	add_key(connection, "client_encoding", "UTF8");
	snprintf(connection->options, sizeof(connection->options), "%s %s", session_options,
		 getenv("PGOPTIONS") ? getenv("PGOPTIONS") : "");
	add_key(connection, "options", connection->options);
	return read_password(connection, fail);
}

static bool is_refused_for_good(const char *message)
{
	static const char *const final[] = {
	    "password authentication failed", "no password supplied",		"does not exist",
	    "no pg_hba.conf entry",	      "permission denied for database", "invalid connection option",
	    "peer authentication failed",     "certificate verify failed"};

	for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++)
		if (strstr(message, final[i]) && !strstr(message, "starting up"))
			return true;
	return false;
}

static void pause_before_retry(int attempt)
{
	double seconds =
	    fmin(0.2 * pow(2, attempt), 5.0) * (0.5 + (double)(getpid() * 7919 + attempt * 104729) / 0x7fffffff);
	struct timespec wait = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};

	nanosleep(&wait, NULL);
}

static PGconn *try_connect(const struct connection *connection, struct fail *fail)
{
	PGconn *db = PQconnectdbParams(connection->keys, connection->values, 0);
	char message[512];

	if (PQstatus(db) == CONNECTION_OK)
		return db;
	one_line(message, sizeof(message), PQerrorMessage(db));
	snprintf(last_sqlstate, sizeof(last_sqlstate), "08001");
	/* libpq does not hand out the SQLSTATE of a refused connection; its message has to tell. A missing socket or
	 * host name may come up in a moment and reads "No such file" or "could not translate". */
	fail_set(fail, is_refused_for_good(message) ? EXIT_FAILED : EXIT_TRY_AGAIN,
		 "could not connect to the database: %s", message);
	PQfinish(db);
	return NULL;
}

/* DB_CONNECT_TRIES: how often to try before giving up with EXIT_TRY_AGAIN. */
static int connect_tries(void)
{
	const char *text = getenv("DB_CONNECT_TRIES");
	int32_t tries;

	return text && number_int32(text, strlen(text), &tries) && tries > 0 ? tries : CONNECT_TRIES;
}

PGconn *db_connect(struct fail *fail)
{
	struct connection connection;
	int tries = connect_tries();

	if (!fill_connection(&connection, fail))
		return NULL;
	for (int attempt = 0;; attempt++) {
		struct fail reason = {0};
		PGconn *db = try_connect(&connection, &reason);

		if (db)
			return db;
		if (reason.code != EXIT_TRY_AGAIN || attempt + 1 >= tries) {
			fail_set(fail, reason.code, "%s", reason.text);
			return NULL;
		}
		log_warning(reason.text, "attempt", "%d", attempt + 1, NULL);
		pause_before_retry(attempt);
	}
}

void db_close(PGconn *db)
{
	if (db)
		PQfinish(db);
}

/* ------------------------------------------------------------------ statements */

static bool is_success(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

PGresult *db_query(PGconn *db, struct fail *fail, const char *sql, int count, const char *const *values)
{
	PGresult *result = PQexecParams(db, sql, count, NULL, values, NULL, NULL, 0);

	last_sqlstate[0] = '\0';
	if (is_success(result))
		return result;
	fail_from(db, result, fail);
	PQclear(result);
	return NULL;
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
	int count = (int)strlen(types);

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
		default:
			values[i] = va_arg(arguments, const char *);
		}
	}
	return db_query(db, fail, sql, count, values);
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
		return fail_prefix(fail, "it is unknown whether the work was committed, a rerun finds out");
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
		fail_from(db, result, fail);
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
			good = fail_from(db, result, fail);
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
		fail_from(db, result, fail);
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
