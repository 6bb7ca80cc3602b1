#include "preprocessing/take_in.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/output.h"
#include "common/run.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "preprocessing/columns.h"
#include "preprocessing/compact.h"
#include "preprocessing/load.h"

enum { MAX_WORDS = 1 << 16 };

static bool find_due(PGconn *db, struct target *target, int64_t load_id, struct fail *fail)
{
	PGresult *rows =
	    db_queryf(db, fail, "dl",
		      "SELECT load_id FROM green_ml.preprocessing_due WHERE feature_set_id = $1 AND $2 IN (0, load_id) "
		      "ORDER BY load_id",
		      target->feature_set_id, load_id);

	if (!rows)
		return fail_prefix(fail, "could not look up the loads that are due");
	target->loads = xcalloc((size_t)PQntuples(rows), sizeof(*target->loads));
	target->load_count = PQntuples(rows);
	for (int i = 0; i < target->load_count; i++)
		target->loads[i].load_id = (int)db_int(rows, i, 0);
	db_free(rows);
	return true;
}

static void describe_missing(const struct feature_columns *set, const struct encoded_load *load,
			     struct taken_load *taken)
{
	json_t *missing = json_object();
	struct text words;

	text_init(&words, MAX_WORDS);
	for (int i = 0; i < set->count; i++) {
		if (!load->missing[i])
			continue;
		json_object_set_new(missing, set->columns[i].name, json_integer(load->missing[i]));
		text_printf(&words, "%s%s %lld", words.size ? ", " : "", set->columns[i].name,
			    (long long)load->missing[i]);
	}
	taken->missing = json_dumps(missing, JSON_COMPACT);
	taken->missing_words = text_take(&words);
	text_release(&words);
	json_decref(missing);
}

static bool take_in_load(PGconn *db, struct feature_columns *set, const struct run *run, struct taken_load *taken,
			 struct fail *fail)
{
	struct encoded_load load = {.load_id = taken->load_id};
	bool good = encode_load(db, set, &load, fail);

	if (good) {
		taken->rows = load.rows;
		taken->dropped = load.dropped;
		taken->cells = load.cells;
		describe_missing(set, &load, taken);
		good = db_runf(db, fail, "ddllsll",
			       "INSERT INTO green_ml.preprocessing (feature_set_id, load_id, rows, dropped, missing, "
			       "cells, run_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			       set->id, load.load_id, load.rows, load.dropped, taken->missing, load.cells, run_id(run));
	}
	free(load.missing);
	return good;
}

static bool work(PGconn *db, struct target *target, int64_t load_id, struct run *run, struct fail *fail)
{
	struct feature_columns set = {0};
	bool good = db_begin(db, fail) && db_run(db, fail, "SET LOCAL synchronize_seqscans = off", 0, NULL) &&
		    feature_columns_lock(db, target->feature_set_id, &set, fail) && find_due(db, target, load_id, fail);

	for (int i = 0; good && i < target->load_count; i++) {
		output_progress(i, target->load_count);
		good = take_in_load(db, &set, run, &target->loads[i], fail);
	}
	output_progress_end();
	good = good && compact(db, &set, &target->compacted, fail) && run_done(run, db, fail) && db_commit(db, fail);
	feature_columns_release(&set);
	return good;
}

bool take_in(PGconn *db, struct target *target, int64_t load_id, struct fail *fail)
{
	struct run *run = run_open(db, target->pipeline, fail);
	bool good;

	if (!run)
		return fail_prefix(fail, "pipeline \"%s\"", target->pipeline);
	good = target->done = work(db, target, load_id, run, fail);
	if (!good) {
		target_clear(target);
		fail_prefix(fail, "pipeline \"%s\"", target->pipeline);
		run_failed(run, db, fail->text);
	}
	run_free(run);
	return good;
}
