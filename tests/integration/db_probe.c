/* Shows what common/db.h, run.h and registry.h do with a real server: 02_common_db.sh tells it what to try. One word
 * says what, further words are its arguments; the result goes to stdout, an error to stderr and the exit code. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cell_store.h"
#include "common/db.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/registry.h"
#include "common/run.h"

/* A statement on a connection that should be usable. */
static bool say_usable(PGconn *db, struct fail *fail)
{
	PGresult *row = db_query(db, fail, "SELECT 'usable'", 0, NULL);

	if (row)
		printf("%s sqlstate=%s\n", db_text(row, 0, 0), db_sqlstate());
	db_free(row);
	return row != NULL;
}

static bool try_query(PGconn *db, char **words, struct fail *fail)
{
	PGresult *rows = db_query(db, fail, words[0], 0, NULL);

	if (!rows) {
		printf("sqlstate=%s\n", db_sqlstate());
		return fail_prefix(fail, "could not try");
	}
	for (int i = 0; i < PQntuples(rows); i++)
		for (int j = 0; j < PQnfields(rows); j++)
			printf("%s%c", db_text(rows, i, j) ? db_text(rows, i, j) : "(null)",
			       j + 1 < PQnfields(rows) ? '|' : '\n');
	db_free(rows);
	return true;
}

static bool try_values(PGconn *db, char **words UNUSED, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "ssdlfbbty",
				  "SELECT $1::text, $2::text, $3::int, $4::bigint, $5::float8, $6::bool, $7::bool, "
				  "$8::timestamptz, NULL::bool, $9::bytea",
				  "a'b\\ö", NULL, -2147483647 - 1, INT64_MIN, 0.1, true, false, 1699952400.25,
				  "\x00\xff"
				  "A",
				  (size_t)3);
	unsigned char *bytes;
	size_t size = 0;

	if (!row)
		return false;
	bytes = db_bytes(row, 0, 9, &size, fail);
	printf("%s|%s|%lld|%lld|%.17g|%d|%d|%s|%d|%zu:%02x%02x%02x\n", db_text(row, 0, 0),
	       db_text(row, 0, 1) ? "?" : "null", (long long)db_int(row, 0, 2), (long long)db_int(row, 0, 3),
	       db_real(row, 0, 4), db_bool(row, 0, 5), db_bool(row, 0, 6), db_text(row, 0, 7), db_bool(row, 0, 8), size,
	       bytes[0], bytes[1], bytes[2]);
	PQfreemem(bytes);
	db_free(row);
	row = db_queryf(db, fail, "sx", "SELECT $1", "a", "b");
	db_free(row);
	return row != NULL;
}

/* COPY with the lines of stdin: copy-in SQL [REASON]. */
static bool try_copy_in(PGconn *db, char **words, struct fail *fail)
{
	int64_t rows = -1;
	char line[256];
	bool good = db_copy_start(db, fail, words[0]);

	while (good && fgets(line, sizeof(line), stdin))
		good = db_copy_put(db, fail, line, (int)strlen(line));
	good = good && db_copy_end(db, fail, words[1], &rows);
	printf("rows=%lld sqlstate=%s\n", (long long)rows, db_sqlstate());
	if (PQstatus(db) == CONNECTION_OK) {
		struct fail ignored = {0};

		(void)say_usable(db, &ignored);
	}
	return good;
}

static bool show_line(void *context, const char *line, int size, struct fail *fail)
{
	int *left = context;

	if ((*left)-- == 0)
		return fail_set(fail, EXIT_BAD_DATA, "line \"%.*s\" is refused", size, line);
	printf("[%.*s]\n", size, line);
	return true;
}

static bool show_number(void *context, const PGresult *row, struct fail *fail)
{
	int *left = context;

	if ((*left)-- == 0)
		return fail_set(fail, EXIT_BAD_DATA, "enough");
	printf("[%d]\n", db_binary_int(row, 0, 0));
	return true;
}

/* stream SQL ROWS VALUE: refuses the row after so many. */
static bool try_stream(PGconn *db, char **words, struct fail *fail)
{
	int left = (int)strtol(words[1], NULL, 10);
	const char *values[] = {words[2]};
	bool good = db_stream(db, fail, words[0], 1, values, show_number, &left);
	struct fail ignored = {0};

	(void)say_usable(db, &ignored);
	return good;
}

/* copy-out SQL LINES: refuses the line after so many. */
static bool try_copy_out(PGconn *db, char **words, struct fail *fail)
{
	int left = (int)strtol(words[1], NULL, 10);
	bool good = db_copy_out(db, fail, words[0], show_line, &left);
	struct fail ignored = {0};

	(void)say_usable(db, &ignored);
	return good;
}

/* A transaction of these statements; a failed one does not keep the commit from being tried. */
static bool try_commit(PGconn *db, char **words, struct fail *fail)
{
	struct fail ignored = {0};
	bool good = db_begin(db, fail);

	for (; good && *words; words++)
		(void)(db_run(db, &ignored, *words, 0, NULL) || printf("failed: %s\n", ignored.text));
	good = good && db_commit(db, fail);
	if (PQstatus(db) == CONNECTION_OK)
		(void)say_usable(db, &ignored);
	return good;
}

/* The server's backend goes while rows are copied, cut by another connection. */
static bool try_copy_cut(PGconn *db, char **words UNUSED, struct fail *fail)
{
	PGconn *other = db_connect(fail);
	char line[1024];
	bool good = other && db_begin(db, fail) && db_copy_start(db, fail, "COPY probe.item (name) FROM STDIN");

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	good = good && db_runf(other, fail, "d", "SELECT pg_terminate_backend($1)", PQbackendPID(db));
	db_close(other);
	for (int i = 0; good && i < 100000; i++)
		good = db_copy_put(db, fail, line, (int)sizeof(line));
	return good && db_copy_end(db, fail, NULL, NULL) && db_commit(db, fail);
}

/* ------------------------------------------------------------------ runs */

static bool busy_statement(PGconn *db, struct fail *fail)
{
	return db_run(db, fail, "SELECT count(*) FROM generate_series(1, 300000)", 0, NULL);
}

/* run done | failed | killed | cut | wait SECONDS | closed | commit-lost */
static bool try_run(PGconn *db, char **words, struct fail *fail)
{
	struct run *run = run_open(db, "insurance", fail);
	bool good = run != NULL;

	if (!good)
		return false;
	printf("run_id=%lld\n", (long long)run_id(run));
	fflush(stdout);
	if (strcmp(words[0], "killed") == 0)
		raise(SIGKILL);
	good = db_begin(db, fail);
	if (strcmp(words[0], "wait") == 0)
		usleep((useconds_t)(strtod(words[1], NULL) * 1e6));
	good = good && busy_statement(db, fail);
	if (strcmp(words[0], "failed") == 0)
		good = fail_set(fail, EXIT_BAD_DATA, "line 7 holds \xff and a cut \xc3");
	if (strcmp(words[0], "cut") == 0) /* the server throws the connection away */
		good = good && db_run(db, fail, "SELECT pg_terminate_backend(pg_backend_pid())", 0, NULL);
	good = good && run_done(run, db, fail) && db_commit(db, fail);
	if (good)
		printf("postgres_cpu=%s wall=%s rss=%s\n", run_postgres_cpu_s(run, db) > 0 ? "positive" : "none",
		       run_wall_s(run) > 0 ? "positive" : "none", run_peak_rss_mb() > 1 ? "positive" : "none");
	if (strcmp(words[0], "closed") == 0) /* as when the commit's answer was lost */
		run_failed(run, db, "this must not overwrite done");
	if (!good)
		run_failed(run, db, fail->text);
	run_failed(NULL, NULL, "no run, nothing happens");
	run_free(run);
	return good;
}

/* The renewal must not wait for the row that the work's transaction has closed and not yet committed. */
static bool try_locked(PGconn *db, char **words UNUSED, struct fail *fail)
{
	struct run *run = run_open(db, NULL, fail);
	bool good = run && db_begin(db, fail) && run_done(run, db, fail);

	usleep(1000000);
	run_free(run);
	return good && db_commit(db, fail);
}

/* ------------------------------------------------------------------ models and feature rows */

static bool try_champion(PGconn *db, char **words, struct fail *fail)
{
	struct champion champion;

	if (!registry_champion(db, words[0], &champion, fail))
		return false;
	if (!champion.exists)
		printf("none\n");
	else
		printf("promotion=%d model=%d plan=%d set=%d sha256=%s n=%lld k=%lld at=%.0f\n", champion.promotion_id,
		       champion.model_id, champion.plan_id, champion.feature_set_id, champion.sha256,
		       (long long)champion.holdout_n, (long long)champion.holdout_k, champion.promoted_at_s);
	return true;
}

/* score MODEL SET LOADS WHICH: a line per row, its keys in the order of the model's features. */
static bool try_score(PGconn *db, char **words, struct fail *fail)
{
	unsigned char *bytes = NULL;
	size_t size = 0;
	struct forest *forest = registry_model(db, (int)strtol(words[0], NULL, 10), &bytes, &size, fail);
	struct feature_set set = {0};
	struct feature_rows rows = {0};
	uint8_t *right = NULL;
	bool good = forest && feature_set_load(db, (int)strtol(words[1], NULL, 10), &set, fail) &&
		    feature_rows_read(db, &set, forest, words[2], words[3], &rows, fail);

	if (good) {
		right = calloc((size_t)rows.count + 1, 1);
		feature_rows_score(&rows, forest, right);
		printf("model=%zu has_base=%d labels=%d\n", size, set.has_base, set.label_count);
	}
	for (int64_t i = 0; good && i < rows.count; i++) {
		printf("%d %d %d", rows.load_id[i], rows.holdout[i], rows.label[i]);
		for (int j = 0; j < forest->feature_count; j++)
			printf(" %d", rows.keys[i * forest->feature_count + j]);
		printf(" %s\n", right[i] ? "right" : "wrong");
	}
	free(right);
	feature_rows_release(&rows);
	feature_set_release(&set);
	forest_free(forest);
	free(bytes);
	return good;
}

static void print_value(enum column_type type, int32_t value)
{
	int digits = 6;
	char text[32];

	if (type != COLUMN_REAL) {
		printf("|%d", value);
		return;
	}
	do /* the shortest that reads back, as PostgreSQL writes it */
		snprintf(text, sizeof(text), "%.*g", digits, forest_key_real(value));
	while (strtof(text, NULL) != forest_key_real(value) && ++digits < 10);
	printf("|%s", text);
}

static bool print_cells(void *context, int load_id, bool holdout, const struct cells *cells, struct fail *fail UNUSED)
{
	const struct feature_set *set = context;

	for (int64_t i = 0; i < cells->count; i++) {
		const int32_t *values = cells->values + i * cells->columns;

		printf("%d|%c|%d", load_id, holdout ? 't' : 'f', values[0]);
		for (int f = 0; f < set->feature_count; f++)
			print_value(set->features[f].type, values[1 + f]);
		printf("|%d\n", cells->counts[i]);
	}
	return true;
}

/* cells SET LOADS WHICH: a line per cell: load, holdout, label, features, count. */
static bool try_cells(PGconn *db, char **words, struct fail *fail)
{
	struct feature_set set = {0};
	struct cell_source source = {.loads = words[1], .which = words[2]};
	bool good = feature_set_load(db, (int)strtol(words[0], NULL, 10), &set, fail);

	source.table = set.cell_table;
	source.columns = 1 + set.feature_count;
	good = good && cell_store_read(db, &source, print_cells, &set, fail);
	feature_set_release(&set);
	return good;
}

static const struct attempt {
	const char *name;
	int words; /* at least */
	bool (*try)(PGconn *db, char **words, struct fail *fail);
} attempts[] = {
    {"query", 1, try_query},	   {"values", 0, try_values}, {"copy-in", 1, try_copy_in},
    {"copy-out", 2, try_copy_out}, {"stream", 3, try_stream}, {"copy-cut", 0, try_copy_cut},
    {"commit", 1, try_commit},	   {"run", 1, try_run},	      {"locked", 0, try_locked},
    {"champion", 1, try_champion}, {"score", 4, try_score},   {"cells", 3, try_cells},
};

int main(int argc, char **argv)
{
	struct fail fail = {0};
	PGconn *db;

	log_init("db_probe");
	for (size_t i = 0; argc > 1 && i < sizeof(attempts) / sizeof(*attempts); i++) {
		if (strcmp(argv[1], attempts[i].name) != 0 || argc - 2 < attempts[i].words)
			continue;
		db = db_connect(&fail);
		if (db)
			(void)attempts[i].try(db, argv + 2, &fail);
		db_close(db);
		return fail.code ? fail_exit(&fail) : EXIT_DONE;
	}
	fail_set(&fail, EXIT_WRONG_USE, "nothing to try: see 02_common_db.sh");
	return fail_exit(&fail);
}
