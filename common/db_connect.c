/* Connecting to PostgreSQL (common/db.h). */

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/db_internal.h"
#include "common/log.h"
#include "common/number.h"

enum { MAX_PASSWORD = 4096, CONNECT_TRIES = 6 };

/* The first version's names, and the session's fixed settings. */
struct connection {
	const char *keys[24], *values[24];
	int count;
	char password[MAX_PASSWORD];
	char options[1024];
};

/* A killed client must not hold its locks: the server notices within half a second. Parallel workers are off so that
 * the backend's CPU time is the whole cost of a statement; compiling statements costs more of it than it saves. */
static const char session_options[] =
    "-c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO -c lock_timeout=120s -c statement_timeout=3600s "
    "-c idle_in_transaction_session_timeout=3600s -c client_connection_check_interval=500ms "
    "-c max_parallel_workers_per_gather=0 -c cursor_tuple_fraction=1 -c jit=off -c client_min_messages=warning -c "
    "extra_float_digits=1";

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
	const char *given = getenv("DB_PASS"), *path = getenv("DB_PASS_FILE");
	FILE *file;
	size_t size;
	bool broken;

	add_key(connection, "password", given);
	if ((given && *given) || !path || !*path)
		return true;
	file = fopen(path, "re");
	if (!file)
		return fail_set(fail, EXIT_WRONG_USE, "could not open file \"%s\" named by DB_PASS_FILE: %s", path,
				strerror(errno));
	size = fread(connection->password, 1, sizeof(connection->password), file);
	broken = ferror(file);
	fclose(file);
	if (broken || size == sizeof(connection->password) || memchr(connection->password, '\0', size))
		return fail_set(fail, EXIT_WRONG_USE,
				"file \"%s\" named by DB_PASS_FILE is no password: it cannot be read, is binary or has "
				"%d bytes or more",
				path, (int)MAX_PASSWORD);
	while (size && (connection->password[size - 1] == '\n' || connection->password[size - 1] == '\r'))
		size--;
	connection->password[size] = '\0';
	add_key(connection, "password", connection->password);
	return true;
}

static bool fill_connection(struct connection *connection, struct fail *fail)
{
	const char *more = getenv("PGOPTIONS");

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
	if (snprintf(connection->options, sizeof(connection->options), "%s %s", session_options, more ? more : "") >=
	    (int)sizeof(connection->options))
		return fail_set(fail, EXIT_WRONG_USE, "environment variable PGOPTIONS is too long");
	add_key(connection, "options", connection->options);
	return read_password(connection, fail);
}

/* The server on a setting of PGOPTIONS that it does not know, that is not this user's to change, or whose value is
 * wrong. It will say the same the next time. */
static bool refuses_options(const char *message)
{
	static const char *const refusals[] = {
	    "permission denied to set parameter", "unrecognized configuration parameter", "cannot be changed",
	    "invalid value for parameter",	  "invalid command-line argument",	  "requires a value"};
	const char *given = getenv("PGOPTIONS");

	for (size_t i = 0; given && *given && i < sizeof(refusals) / sizeof(*refusals); i++)
		if (strstr(message, refusals[i]))
			return true;
	return false;
}

/* libpq does not hand out the SQLSTATE of a refused connection, so its message has to tell. A server that starts up, a
 * missing socket ("No such file") and a host name that cannot be translated may be there in a moment. */
static enum exit_code refusal_code(const char *message)
{
	static const char *const final[] = {
	    "authentication failed for user", "no password supplied",		"does not exist",
	    "no pg_hba.conf entry",	      "permission denied for database", "is not permitted to log in",
	    "certificate verify failed",      "does not support SSL",		"unsupported startup parameter"};

	if (strncmp(message, "invalid ", strlen("invalid ")) == 0 || strstr(message, "definition of service"))
		return EXIT_WRONG_USE; /* libpq itself on its settings */
	if (refuses_options(message))
		return EXIT_WRONG_USE;
	for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++)
		if (strstr(message, final[i]))
			return EXIT_FAILED;
	return EXIT_TRY_AGAIN;
}

/* 0.2, 0.4 .. 5 s, each times 0.5 to 1.5: clients that lost the server together must not come back together. A process
 * id is no use as jitter, in a container it is always the same. */
static void pause_before_retry(int attempt)
{
	uint32_t random = 0;
	double seconds;
	struct timespec wait;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)(fmod(clock_monotonic_s(), 1) * UINT32_MAX);
	seconds = fmin(0.2 * pow(2, attempt), 5.0) * (0.5 + random / (double)UINT32_MAX);
	wait = (struct timespec){(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
	nanosleep(&wait, NULL);
}

/* What the server says besides results, as a line of the log. */
static void take_notice(void *context UNUSED, const char *message)
{
	char line[512];

	db_one_line(line, sizeof(line), message);
	log_warning("the database says", "notice", "%s", line, NULL);
}

static PGconn *try_connect(const struct connection *connection, struct fail *fail)
{
	PGconn *db = PQconnectdbParams(connection->keys, connection->values, 0);
	char message[512];

	if (PQstatus(db) == CONNECTION_OK) {
		PQsetNoticeProcessor(db, take_notice, NULL);
		db_note_sqlstate("");
		return db;
	}
	db_one_line(message, sizeof(message), PQerrorMessage(db));
	db_note_sqlstate("08001");
	fail_set(fail, refusal_code(message), "could not connect to the database: %s%s", message,
		 refuses_options(message) ? ": take that setting out of environment variable PGOPTIONS" : "");
	PQfinish(db);
	return NULL;
}

static bool connect_tries(int32_t *tries, struct fail *fail)
{
	const char *text = getenv("DB_CONNECT_TRIES");

	*tries = CONNECT_TRIES;
	if (!text || !*text || (number_int32(text, strlen(text), tries) && *tries >= 1 && *tries <= 1000))
		return true;
	return fail_set(fail, EXIT_WRONG_USE,
			"environment variable DB_CONNECT_TRIES is \"%s\": expected a whole number from 1 to 1000",
			text);
}

PGconn *db_connect(struct fail *fail)
{
	struct connection connection;
	int32_t tries;

	if (!connect_tries(&tries, fail) || !fill_connection(&connection, fail))
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
