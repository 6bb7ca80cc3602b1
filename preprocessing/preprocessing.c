/* preprocessing: raw rows become feature rows and cells, each exactly once. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/setting.h"
#include "common/spec.h"
#include "common/text.h"
#include "preprocessing/take_in.h"
#include "preprocessing/taken.h"
#include "preprocessing/target.h"

enum { MAX_REPORT = 64 << 20 };

static const char *pipeline;
static const char *as;
static struct target_options options;
static bool json;

static const struct setting settings[] = {
    {.option = "pipeline",
     .environment = "PIPELINE_SPEC",
     .kind = SETTING_TEXT,
     .target = &pipeline,
     .value_name = "PATH",
     .help = "the spec, or a folder: every *.json in it"},
    {.option = "as",
     .environment = "PIPELINE_NAME",
     .kind = SETTING_TEXT,
     .target = &as,
     .value_name = "NAME",
     .help = "the name the spec is registered under, where it is not the spec's own"},
    {.option = "every-pipeline",
     .kind = SETTING_FLAG,
     .target = &options.every_pipeline,
     .help = "also every other registered pipeline of the same source"},
    {.option = "load",
     .kind = SETTING_INT,
     .target = &options.load_id,
     .low = 1,
     .high = INT32_MAX,
     .value_name = "ID",
     .help = "only this load instead of all that are due"},
    {.option = "json", .kind = SETTING_FLAG, .target = &json, .help = "print one JSON object"},
};

static const struct program program = {
    .name = "preprocessing",
    .purpose = "Makes feature rows and cells of the loads that a pipeline has not seen yet.",
    .usage = "--pipeline PATH [OPTIONS]",
    .notes =
	"The connection comes from PGHOST, PGDATABASE and libpq's other variables, or DB_HOST, DB_NAME, DB_USER, "
	"DB_PASS.\n"
	"Exit codes: 0 done (also when there is nothing to do), 1 failed for good, 2 wrong usage or spec, 3 bad data,\n"
	"75 try again",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

/* One pipeline's trouble must not stop the others: all are tried, the first error is returned. */
static void take_in_all(PGconn *db, struct targets *targets, struct fail *fail)
{
	for (int i = 0; i < targets->count; i++) {
		struct fail own = {0};

		if (take_in(db, &targets->list[i], options.load_id, &own))
			continue;
		if (fail->code)
			(void)fail_exit(&own);
		else
			*fail = own;
		if (PQstatus(db) != CONNECTION_OK)
			return;
	}
}

static void print_report(const struct targets *targets)
{
	struct text text;

	text_init(&text, MAX_REPORT);
	if (json)
		taken_json(targets, &text);
	else
		taken_text(targets, &text);
	fwrite(text.data, 1, text.size, stdout);
	text_release(&text);
}

static bool preprocess(const struct spec *specs, int count, struct fail *fail)
{
	struct targets targets = {0};
	PGconn *db = db_connect(fail);
	bool good = db && targets_find(db, specs, count, &options, &targets, fail);

	if (good) {
		take_in_all(db, &targets, fail);
		print_report(&targets);
		good = taken_outputs(&targets, fail) && fail->code == 0;
	}
	targets_release(&targets);
	db_close(db);
	return good;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	struct spec *specs = NULL;
	int count = 0;

	log_init("preprocessing");
	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	if (!pipeline)
		fail_set(&fail, EXIT_WRONG_USE,
			 "no spec is named: set --pipeline or PIPELINE_SPEC to a file or a folder");
	else if (spec_load_all(pipeline, as, &specs, &count, &fail))
		(void)preprocess(specs, count, &fail);
	spec_free_all(specs, count);
	return fail.code ? fail_exit(&fail) : EXIT_DONE;
}
