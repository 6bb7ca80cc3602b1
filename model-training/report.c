#include "model-training/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"

bool report_load(PGconn *db, const char *pipeline, int model_id, json_t **report, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "sd",
				  "SELECT metrics || jsonb_build_object('model_id', model_id, 'plan_id', plan_id, "
				  "'sha256', encode(sha256, 'hex')) FROM green_ml.model JOIN green_ml.pipeline p "
				  "USING (pipeline_id) WHERE p.name = $1 AND model_id = $2",
				  pipeline, model_id);
	bool known = row && PQntuples(row) == 1;

	*report = NULL;
	if (!row)
		return fail_prefix(fail, "could not read the report of model %d", model_id);
	if (!known)
		fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no model %d: see green_ml.model", pipeline,
			 model_id);
	else if (!(*report = json_loads(db_text(row, 0, 0), 0, NULL)))
		fail_set(fail, EXIT_FAILED, "the stored report of model %d is damaged", model_id);
	db_free(row);
	return *report != NULL;
}

static void print_text(const json_t *report)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)report, key, value)
	{
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		printf("%-20s %s\n", key, text);
		free(text);
	}
}

bool report_print(const json_t *report, bool as_json, struct fail *fail)
{
	if (as_json) {
		json_dumpf(report, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_text(report);
	}
	return (fflush(stdout) == 0 && !ferror(stdout)) ||
	       fail_set(fail, EXIT_FAILED, "could not write to stdout: %s", strerror(errno));
}
