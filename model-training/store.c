#include "model-training/store.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/smoke.h"
#include "model-training/marks.h"
#include "model-training/result.h"
#include "model-training/shares.h"

enum { MAX_MARKS = 1 << 29 };

bool store_lock(PGconn *db, int pipeline_id, struct fail *fail)
{
	return db_runf(db, fail, "d", "SELECT pg_advisory_xact_lock(hashtext('green_ml.promotion'), $1)",
		       pipeline_id) ||
	       fail_prefix(fail, "could not wait for another training of the pipeline");
}

static json_t *load_json(const char *text, struct fail *fail)
{
	json_t *object = json_loads(text, 0, NULL);

	if (!object)
		fail_set(fail, EXIT_FAILED, "a stored JSON object is damaged");
	return object;
}

bool store_find(PGconn *db, int plan_id, json_t **result, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "d",
		      "SELECT g.model_id, coalesce((g.numbers ->> 'promotion_id')::int, 0), g.reason, "
		      "encode(m.sha256, 'hex'), m.metrics FROM green_ml.gate g JOIN green_ml.model m USING (model_id) "
		      "WHERE g.plan_id = $1",
		      plan_id);
	json_t *metrics = NULL;

	*result = NULL;
	if (!row)
		return fail_prefix(fail, "could not look up the result of plan %d", plan_id);
	if (PQntuples(row) == 1 && (metrics = load_json(db_text(row, 0, 4), fail)) != NULL) {
		struct result_outcome outcome = {.plan_id = plan_id,
						 .model_id = (int)db_int(row, 0, 0),
						 .promotion_id = (int)db_int(row, 0, 1),
						 .reason = db_text(row, 0, 2),
						 .sha256 = db_text(row, 0, 3),
						 .repeated = true};

		*result = result_make(metrics, &outcome);
	}
	json_decref(metrics);
	db_free(row);
	return fail->code == EXIT_DONE;
}

static const char *simulated_now(char text[CLOCK_TEXT_SIZE])
{
	return clock_is_simulated() ? clock_format(clock_now_s(), text) : NULL;
}

/* "12" or NULL, as a parameter. */
static const char *id_or_null(int id, char text[16])
{
	snprintf(text, 16, "%d", id);
	return id ? text : NULL;
}

static bool take_id(PGresult *row, int *id)
{
	if (!row)
		return false;
	*id = PQntuples(row) == 1 ? (int)db_int(row, 0, 0) : 0;
	db_free(row);
	return true;
}

static bool store_model(PGconn *db, const struct store_record *record, int *model_id, struct fail *fail)
{
	const struct plan *plan = record->plan;
	char parent[16], now[CLOCK_TEXT_SIZE], *metrics, *report, *smoke;
	bool stored;

	if (!take_id(
		db_queryf(db, fail, "ds",
			  "SELECT model_id FROM green_ml.model WHERE pipeline_id = $1 AND sha256 = decode($2, 'hex')",
			  plan->pipeline_id, record->sha256),
		model_id))
		return false;
	if (*model_id != 0)
		return true;
	smoke = smoke_make(record->forest);
	metrics = json_dumps(record->metrics, JSON_COMPACT);
	report = json_dumps(record->report, JSON_COMPACT);
	stored = take_id(
	    db_queryf(
		db, fail, "dddsysllslsss",
		"INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, parent_model_id, bytes, sha256, "
		"holdout_n, holdout_k, metrics, run_id, simulated_at, smoke, report) VALUES "
		"($1, $2, $3, $4, $5, decode($6, 'hex'), $7, $8, $9, $10, $11, $12, $13) RETURNING model_id",
		plan->pipeline_id, plan->id, plan->feature_set_id, id_or_null(record->champion->model_id, parent),
		record->bytes->data, record->bytes->size, record->sha256, record->input->rows, record->input->right,
		metrics, record->run_id, simulated_now(now), smoke, report),
	    model_id);
	free(metrics);
	free(report);
	free(smoke);
	return stored;
}

static bool store_promotion(PGconn *db, const struct store_record *record, int model_id, int *promotion_id,
			    struct fail *fail)
{
	char now[CLOCK_TEXT_SIZE], previous[16], reason[96];

	snprintf(reason, sizeof(reason), "gate of plan %d: %s", record->plan->id, record->verdict->reason);
	return take_id(
	    db_queryf(db, fail, "ddsss",
		      "INSERT INTO green_ml.promotion (pipeline_id, model_id, supersedes, reason, simulated_at) "
		      "VALUES ($1, $2, $3, $4, $5) RETURNING promotion_id",
		      record->plan->pipeline_id, model_id, id_or_null(record->champion->promotion_id, previous), reason,
		      simulated_now(now)),
	    promotion_id);
}

static bool store_gate(PGconn *db, const struct store_record *record, int model_id, int promotion_id, struct fail *fail)
{
	json_t *numbers = result_numbers(record->input, record->verdict, record->champions);
	char champion[16], *text;
	struct text marks;
	bool stored;

	text_init(&marks, MAX_MARKS);
	marks_write(record->rows, record->right, &marks);
	if (promotion_id)
		json_object_set_new(numbers, "promotion_id", json_integer(promotion_id));
	text = json_dumps(numbers, JSON_COMPACT);
	stored = db_runf(db, fail, "ddsbssly",
			 "INSERT INTO green_ml.gate (plan_id, model_id, champion_model_id, promoted, reason, numbers, "
			 "run_id, marks) "
			 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			 record->plan->id, model_id, id_or_null(record->champion->model_id, champion),
			 (int)record->verdict->promoted, record->verdict->reason, text, record->run_id, marks.data,
			 marks.size);
	text_release(&marks);
	free(text);
	json_decref(numbers);
	return stored;
}

bool store_result(PGconn *db, const struct store_record *record, json_t **result, struct fail *fail)
{
	struct result_outcome outcome = {
	    .plan_id = record->plan->id, .reason = record->verdict->reason, .sha256 = record->sha256};

	if (!store_model(db, record, &outcome.model_id, fail) ||
	    (record->verdict->promoted &&
	     !store_promotion(db, record, outcome.model_id, &outcome.promotion_id, fail)) ||
	    !store_gate(db, record, outcome.model_id, outcome.promotion_id, fail))
		return fail_prefix(fail, "could not store the model of plan %d", record->plan->id);
	if (!shares_remove(db, record->plan->id, fail))
		return false;
	*result = result_make(record->metrics, &outcome);
	return true;
}
