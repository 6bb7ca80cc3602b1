#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/container.h"
#include "common/db.h"
#include "common/xalloc.h"
#include "model-training/command.h"
#include "model-training/result.h"
#include "model-training/select.h"

static struct {
	const char *csv, *source, *label, *id, *name, *columns;
	int64_t trees, threads, most, seed;
	double max_missing;
} config;

static const struct setting settings[] = {
    {"csv", NULL, SETTING_TEXT, &config.csv, NULL, .value_name = "FILE", .help = "a CSV file with a header line"},
    {"source", NULL, SETTING_TEXT, &config.source, NULL, .value_name = "NAME",
     .help = "instead: the raw rows of this source in the database"},
    {"label", NULL, SETTING_TEXT, &config.label, NULL, .value_name = "COLUMN", .help = "the column to predict"},
    {"id", NULL, SETTING_TEXT, &config.id, "id", .value_name = "COLUMN", .help = "the column that identifies a row"},
    {"columns", NULL, SETTING_TEXT, &config.columns, NULL, .value_name = "A,B,...",
     .help = "the candidates; default: all but label and id"},
    {"name", NULL, SETTING_TEXT, &config.name, "selected", .value_name = "NAME", .help = "of the pipeline in the spec"},
    {"most", NULL, SETTING_INT, &config.most, "0", 0, SPEC_MAX_FEATURES, .value_name = "N",
     .help = "choose the best N at most, 0: all that help"},
    {"max-missing", NULL, SETTING_REAL, &config.max_missing, "0.05", 0, 1, .value_name = "SHARE",
     .help = "leave out columns of numbers with more missing values"},
    {"trees", NULL, SETTING_INT, &config.trees, "100", 10, 10000, .value_name = "N",
     .help = "of the forest that ranks"},
    {"seed", NULL, SETTING_INT, &config.seed, "0", 0, 1e15, .value_name = "N", .help = "of that forest"},
    {"threads", NULL, SETTING_INT, &config.threads, "0", 0, 1024, .value_name = "N",
     .help = "0 = all processors; the result is the same for any number"},
};

static bool check_settings(struct fail *fail)
{
	if ((config.csv != NULL) == (config.source != NULL))
		return fail_set(fail, EXIT_WRONG_USE,
				"the rows come from --csv FILE or from --source NAME: give one of them");
	if (!config.label)
		return fail_set(fail, EXIT_WRONG_USE, "no label is given: name its column with --label");
	if (config.threads == 0)
		config.threads = container_processors();
	return true;
}

/* ------------------------------------------------------------------ rows of the database */

static bool write_line(void *context, const char *line, int size, struct fail *fail)
{
	FILE *file = context;

	return (fwrite(line, 1, (size_t)size, file) == (size_t)size && putc('\n', file) != EOF) ||
	       fail_set(fail, EXIT_FAILED, "could not write the rows to a temporary file: %s", strerror(errno));
}

/* The source's rows as a CSV, its id under the column's own name. */
static bool copy_source(PGconn *db, FILE *file, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "s",
	    "SELECT s.id_column, string_agg(format(', %I', c.name), '' ORDER BY c.position) FROM green_ml.source s "
	    "JOIN green_ml.source_column c USING (source_id) WHERE s.name = $1 GROUP BY s.id_column",
	    config.source);
	char *table, *id, *sql;
	bool done;

	if (!row || PQntuples(row) == 0) {
		db_free(row);
		return fail_set(fail, EXIT_WRONG_USE, "there is no source \"%s\" in this database", config.source);
	}
	table = db_data_table(db, config.source);
	id = db_identifier(db, config.id);
	sql = xasprintf("COPY (SELECT _id AS %s%s FROM %s) TO STDOUT (FORMAT csv, HEADER)", id, db_text(row, 0, 1),
			table);
	done = strcmp(config.id, db_text(row, 0, 0)) == 0
		   ? db_copy_out(db, fail, sql, write_line, file)
		   : fail_set(fail, EXIT_WRONG_USE,
			      "the rows of source \"%s\" are identified by column \"%s\": say --id %s", config.source,
			      db_text(row, 0, 0), db_text(row, 0, 0));
	if (done && fflush(file) != 0)
		done = fail_set(fail, EXIT_FAILED, "could not write the rows to a temporary file: %s", strerror(errno));
	free(sql);
	free(table);
	PQfreemem(id);
	db_free(row);
	return done;
}

/* To a temporary file, because it is read twice. *path: free() and unlink() when set. */
static bool fetch_source(char **path, struct fail *fail)
{
	const char *folder = getenv("TMPDIR");
	char *wanted = xasprintf("%s/green-ml-select.XXXXXX", folder && *folder ? folder : "/tmp");
	int number = mkstemp(wanted);
	FILE *file = number >= 0 ? fdopen(number, "w") : NULL;
	PGconn *db = NULL;
	bool done = file != NULL;

	if (number >= 0)
		*path = wanted;
	if (!done)
		fail_set(fail, EXIT_FAILED, "could not make the temporary file \"%s\": %s", wanted, strerror(errno));
	done = done && (db = db_connect(fail)) != NULL && copy_source(db, file, fail);
	if (file)
		fclose(file);
	if (number < 0)
		free(wanted);
	db_close(db);
	return done;
}

/* ------------------------------------------------------------------ what is said */

static void print_ranking(const struct selected *selected)
{
	fprintf(stderr, "%lld rows, out-of-bag accuracy %.4f with all of them\n", (long long)selected->rows,
		selected->accuracy);
	fprintf(stderr, "  %-32s %-9s %12s %10s %10s %8s\n", "column", "type", "importance", "se", "accuracy",
		"missing");
	for (int i = 0; i < selected->count; i++) {
		const struct candidate *candidate = &selected->candidates[i];

		if (candidate->why_not)
			fprintf(stderr, "  %-32s %-9s %s (%.1f %% missing)\n", candidate->name,
				column_type_name(candidate->type), candidate->why_not, 100 * candidate->missing);
		else
			fprintf(stderr, "%c %-32s %-9s %12.6f %10.6f %10.4f %6.1f %%\n", candidate->chosen ? '*' : ' ',
				candidate->name, column_type_name(candidate->type), candidate->importance,
				candidate->importance_se, candidate->accuracy_lost, 100 * candidate->missing);
	}
}

static bool print(const struct selected *selected, json_t *spec, bool as_json, struct fail *fail)
{
	json_t *object;
	bool done;

	if (!as_json) {
		print_ranking(selected);
		json_dumpf(spec, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
		return result_end_output(fail);
	}
	object = json_pack("{s:O, s:o, s:I, s:f}", "spec", spec, "ranking", selected_ranking(selected), "rows",
			   (json_int_t)selected->rows, "oob_accuracy", selected->accuracy);
	done = result_print_json(object, fail);
	json_decref(object);
	return done;
}

static bool work(const struct command_call *call, struct fail *fail)
{
	struct select_request request = {.file = config.csv,
					 .label = config.label,
					 .id = config.id,
					 .name = config.name,
					 .columns = config.columns,
					 .max_missing = config.max_missing,
					 .trees = (int)config.trees,
					 .threads = (int)config.threads,
					 .most = config.most,
					 .seed = (uint64_t)config.seed};
	struct selected selected = {0};
	json_t *spec = NULL;
	char *path = NULL;
	bool done = !config.source || fetch_source(&path, fail);

	if (path)
		request.file = path;
	done = done && select_columns(&request, &selected, fail) && selected_spec(&request, &selected, &spec, fail) &&
	       print(&selected, spec, call->json, fail);
	json_decref(spec);
	selected_release(&selected);
	if (path)
		unlink(path);
	free(path);
	return done;
}

const struct command select_command = {
    .name = "select",
    .usage = "--csv FILE --label COLUMN [OPTIONS]",
    .purpose = "Ranks the columns of a CSV file by what they are worth to a forest, and prints a spec with the best.",
    .notes =
	"The spec goes to stdout, the ranking to stderr; with --json both to stdout. A column is chosen (*) when its\n"
	"out-of-bag permutation importance, in Brier score, is above three standard errors. With --source the database "
	"is\n"
	"named as for every program. Exit codes: 0 done, 1 failed for good, 2 wrong usage, 3 bad data, 75 try again.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .alone = true,
    .check = check_settings,
    .work = work,
};
