/* Registers pipeline specs in the database, as its owner: their tables are made, a changed column set becomes a new
 * version. Called by database/migrate --pipeline; prints what was done, one line per pipeline. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/setting.h"
#include "common/spec.h"

static const char *pipeline;
static const char *as;

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
     .help = "register it under another name"},
};

static const struct program program = {
    .name = "register",
    .purpose = "Registers pipeline specs in the database. The user must be the owner of its tables.",
    .usage = "--pipeline PATH [OPTIONS]",
    .notes = "Prints NAME: registered | changed | feature-set (a new version of the columns) | unchanged.\n"
	     "Exit codes: 0 done, 1 failed for good, 2 wrong usage or spec, 75 try again",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static bool register_spec(PGconn *db, const struct spec *spec, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "ss", "SELECT green_ml.register_pipeline($1::jsonb, $2::numeric)",
				  spec->json, spec->holdout_limit);

	if (!row) {
		/* 22023: the database has understood the spec and refuses it. */
		if (strcmp(db_sqlstate(), "22023") == 0)
			fail->code = EXIT_WRONG_USE;
		return fail_prefix(fail, "could not register spec \"%s\"", spec->file);
	}
	printf("%s: %s\n", spec->name, db_text(row, 0, 0));
	db_free(row);
	return true;
}

static bool register_all(const struct spec *specs, int count, struct fail *fail)
{
	PGconn *db = db_connect(fail);
	bool good = db != NULL;

	for (int i = 0; good && i < count; i++)
		good = register_spec(db, &specs[i], fail);
	db_close(db);
	return good;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	struct spec *specs = NULL;
	int count = 0;

	log_init("register");
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
		(void)register_all(specs, count, &fail);
	spec_free_all(specs, count);
	return fail.code ? fail_exit(&fail) : EXIT_DONE;
}
