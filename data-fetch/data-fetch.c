/* data-fetch: rows of a CSV into their source's table, each exactly once. */
#include <string.h>

#include "common/db.h"
#include "common/fail.h"
#include "common/http.h"
#include "common/log.h"
#include "common/number.h"
#include "common/run.h"
#include "common/setting.h"
#include "common/spec.h"
#include "data-fetch/load.h"
#include "data-fetch/report.h"
#include "data-fetch/resume.h"

static const char *pipeline_file, *pipeline_name, *start_row;
static bool as_json, resumes;
static struct window window;
static struct input_settings source;
static int64_t max_bytes;

static const struct setting settings[] = {
    {"pipeline", "PIPELINE_SPEC", SETTING_TEXT, &pipeline_file, NULL, 0, 0, NULL, "FILE",
     "pipeline spec; names the source"},
    {"as", "PIPELINE_NAME", SETTING_TEXT, &pipeline_name, NULL, 0, 0, NULL, "NAME", "run the spec under this name"},
    {"csv", "CSV_PATH", SETTING_TEXT, &source.path, NULL, 0, 0, NULL, "FILE|URL",
     "file below the data root or http(s) URL, gzipped or not"},
    {"n-rows", "N_ROWS", SETTING_INT, &window.n_rows, "0", 0, 2147483647, NULL, "N",
     "data rows to load, 0: to the end"},
    {"start-row", "START_ROW", SETTING_TEXT, &start_row, "0", 0, 0, NULL, "N|auto",
     "data rows to skip before them; auto: those that loads from here cover without a gap"},
    {"min-new-rows", "MIN_NEW_ROWS", SETTING_INT, &window.min_rows, "0", 0, 2147483647, NULL, "N",
     "load nothing (exit code 0) where fewer rows are there; with auto at least 1"},
    {"max-rejects", "MAX_REJECTS", SETTING_INT, &window.max_rejects, "0", 0, 2147483647, NULL, "N",
     "unreadable rows to leave out; more fail the load"},
    {"keep-rejects", "KEEP_REJECTS", SETTING_FLAG, &window.keep_rejects, "false", 0, 0, NULL, NULL,
     "store the content of rejected rows, not only line and reason"},
    {"data-root", "DATA_ROOT", SETTING_TEXT, &source.data_root, NULL, 0, 0, NULL, "DIR",
     "files are read only below it; /data where that exists, else the current folder"},
    {"max-bytes", "MAX_BYTES", SETTING_INT, &max_bytes, "68719476736", 1, 1e15, NULL, "N",
     "most bytes of CSV, decompressed"},
    {"max-ratio", "MAX_RATIO", SETTING_REAL, &source.limits.max_ratio, "200", 1, 2000, NULL, "R",
     "most decompressed bytes per compressed one, from 100 MiB on"},
    {"download-timeout-s", "DOWNLOAD_TIMEOUT_S", SETTING_REAL, &source.timeout_s, "21600", 1, 1e6, NULL, "S",
     "longest time a whole download may take"},
    {"ca-file", "CA_FILE", SETTING_TEXT, &source.ca_file, NULL, 0, 0, NULL, "FILE",
     "certificates to trust for https instead of the system's"},
    {"json", NULL, SETTING_FLAG, &as_json, "false", 0, 0, NULL, NULL, "print the result as one JSON object"},
};

static const struct program program = {
    .name = "data-fetch",
    .purpose = "Loads rows of a CSV into the raw table of a pipeline's source, each row exactly once.",
    .usage = "--pipeline FILE --csv FILE|URL [OPTIONS]",
    .notes = "The database: DB_HOST DB_NAME DB_USER DB_PASS (or DB_PASS_FILE), or libpq's PG* variables.\n"
	     "Exit codes: 0 loaded or already loaded, 1 failed, 2 wrong setting, 3 bad data, 75 try again.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

/* A number of rows, or "auto", whose number the database knows. */
static bool read_window(struct fail *fail)
{
	resumes = strcmp(start_row, "auto") == 0;
	if (!resumes && (!number_int64(start_row, strlen(start_row), &window.start_row) || window.start_row < 0 ||
			 window.start_row > INT32_MAX))
		return fail_set(
		    fail, EXIT_WRONG_USE,
		    "start row (--start-row, START_ROW) is \"%s\": expected a whole number from 0 to %d, or auto",
		    start_row, (int)INT32_MAX);
	if (window.n_rows && window.min_rows > window.n_rows)
		return fail_set(fail, EXIT_WRONG_USE,
				"--min-new-rows %lld (MIN_NEW_ROWS) is more than the %lld rows of --n-rows (N_ROWS): "
				"nothing would ever be loaded",
				(long long)window.min_rows, (long long)window.n_rows);
	if (resumes && window.min_rows == 0)
		window.min_rows = 1;
	return true;
}

static bool work(const struct spec *spec, struct input *input, struct fail *fail)
{
	PGconn *db = db_connect(fail);
	struct columns columns = {0};
	struct load_result result = {0};
	struct run *run = NULL;
	bool good = false;

	if (!db || !columns_read(db, spec, &columns, fail) || !(run = run_open(db, spec->name, fail)))
		goto out;
	good = (!resumes || resume_row(db, columns.source_id, input->location, &window.start_row, fail)) &&
	       load_run(db, run, &columns, input, &window, &result, fail);
	if (good)
		good = report_load(&result, &window, spec->source, input->location, as_json, fail);
	else
		run_failed(run, db, fail->text);
out:
	run_free(run);
	columns_release(&columns);
	db_close(db);
	return good;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	struct input input = {0};
	struct spec spec;
	bool good = false;

	log_init(program.name);
	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	http_init();
	source.limits.max_bytes = max_bytes;
	if (!pipeline_file) {
		fail_set(&fail, EXIT_WRONG_USE, "no pipeline is given: set --pipeline or PIPELINE_SPEC to its spec");
	} else if (read_window(&fail) && spec_load(pipeline_file, pipeline_name, &spec, &fail)) {
		good = input_open(&source, &input, &fail) && work(&spec, &input, &fail);
		input_release(&input);
		spec_release(&spec);
	}
	return good ? EXIT_DONE : fail_exit(&fail);
}
