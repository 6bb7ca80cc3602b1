#include "scheduler/store.h"

#include <math.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "scheduler/inputs.h"

/* A number as a parameter, NULL where it is not known. */
static const char *number_or_null(double value, char text[32])
{
	if (!isfinite(value))
		return NULL;
	snprintf(text, 32, "%.17g", value);
	return text;
}

static const char *time_or_null(double at_s, char text[CLOCK_TEXT_SIZE])
{
	return isfinite(at_s) ? clock_format(at_s, text) : NULL;
}

static const char *id_or_null(int64_t id, char text[32])
{
	if (id == 0)
		return NULL;
	snprintf(text, 32, "%lld", (long long)id);
	return text;
}

/* PostgreSQL's array text; free(). */
static char *reasons_array(const struct decision *decision)
{
	struct text text;
	char *array;

	text_init(&text, 1 << 16);
	text_puts(&text, "{");
	for (int i = 0; i < decision->reason_count; i++) {
		text_puts(&text, i ? ",\"" : "\"");
		for (const char *c = decision->reasons[i]; *c; c++)
			text_printf(&text, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		text_puts(&text, "\"");
	}
	text_puts(&text, "}");
	array = text_take(&text);
	text_release(&text);
	return array;
}

/* $1 is the run: its id, or its whole row (common/run.h). */
#define INSERT_DECISION                                                                                                \
	"INSERT INTO green_ml.decision (run_id, pipeline_id, decided_at, simulated, verdict, rule, reasons, "          \
	"start_at, "                                                                                                   \
	"due_at, latest_start_at, policy, rung, drop, drop_ci_low, drop_ci_high, accuracy_reference, accuracy_new, "   \
	"rows_evidence, look, reading_gco2_per_kwh, reading_age_s, source, champion_model_id, evaluation_id, "         \
	"retrain_id, workflow, inputs) "
#define VALUES_BEHIND_RUN                                                                                              \
	", $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, "     \
	"$24, "                                                                                                        \
	"$25, $26, $27) RETURNING decision_id"

static bool insert_decision(PGconn *db, const char *sql, const char *run, struct tick *tick,
			    const struct writer *writer, struct fail *fail)
{
	const struct decision *decision = &tick->decision;
	const struct evidence *evidence = &tick->evidence;
	const struct reading *reading = &tick->signal.reading;
	char n[11][32], start[CLOCK_TEXT_SIZE], due[CLOCK_TEXT_SIZE], latest[CLOCK_TEXT_SIZE];
	char *reasons = reasons_array(decision), *inputs = inputs_json(&tick->policy, &tick->signal);
	PGresult *row = db_queryf(
	    db, fail,
	    "sdtbsss"
	    "sssss"
	    "sssss"
	    "ls"
	    "sss"
	    "sssss",
	    sql, run, evidence->pipeline_id, writer->now_s, writer->simulated, verdict_name(decision->verdict),
	    decision->rule, reasons, time_or_null(decision->start_at_s, start), time_or_null(decision->due_at_s, due),
	    time_or_null(decision->latest_start_at_s, latest), tick->policy.name, decision->rung,
	    number_or_null(decision->drop, n[0]), number_or_null(decision->low, n[1]),
	    number_or_null(decision->high, n[2]), number_or_null(decision->accuracy_reference, n[3]),
	    number_or_null(decision->accuracy_new, n[4]), evidence->rows, id_or_null(evidence->look, n[5]),
	    reading->known ? number_or_null(reading->gco2_per_kwh, n[6]) : NULL,
	    reading->known ? number_or_null(reading->age_s, n[7]) : NULL, reading->source,
	    evidence->champion.exists ? id_or_null(evidence->champion.model_id, n[8]) : NULL,
	    id_or_null(evidence->evaluation_id, n[9]), id_or_null(tick->retrain_id, n[10]),
	    *tick->workflow ? tick->workflow : NULL, inputs);

	free(reasons);
	free(inputs);
	if (!row)
		return fail_prefix(fail, "could not store the decision");
	tick->decision_id = db_int(row, 0, 0);
	db_free(row);
	return true;
}

bool store_decision(PGconn *db, struct tick *tick, const struct writer *writer, struct fail *fail)
{
	char run[32];

	snprintf(run, sizeof(run), "%lld", (long long)writer->run_id);
	return insert_decision(db, INSERT_DECISION "VALUES ($1" VALUES_BEHIND_RUN, run, tick, writer, fail);
}

bool store_quiet_decision(PGconn *db, struct run *run, struct tick *tick, const struct writer *writer,
			  struct fail *fail)
{
	char *json = run_brief_json(run, tick->spec->name);
	char *sql = xasprintf("WITH run AS (%s) " INSERT_DECISION "VALUES ((SELECT run_id FROM run)" VALUES_BEHIND_RUN,
			      run_brief_sql);
	bool done = insert_decision(db, sql, json, tick, writer, fail);

	free(sql);
	free(json);
	return done;
}
