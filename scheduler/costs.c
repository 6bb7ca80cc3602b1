#include "scheduler/costs.h"

#include <math.h>

#include "common/db.h"

/* The newest trainings, each with all runs of its workflow; the newest ticks of each kind, within the newest decisions.
 * A tick that took a look is left out: a look is no matter of the need. */
static const char costs_sql[] =
    "WITH training AS ("
    "	SELECT extract(epoch FROM r.finished_at - coalesce(a.finished_at, r.started_at)) AS duration_s, "
    "	(SELECT sum(c.energy_j * e.pue) / 3.6e6 FROM green_ml.run_cost c JOIN green_ml.energy_model e USING (machine) "
    "	 WHERE (c.run_id = r.run_id OR c.workflow = r.workflow) AND c.program = 'model-training') AS kwh "
    "	FROM green_ml.model m JOIN green_ml.run r USING (run_id) "
    "	JOIN green_ml.training_plan t ON t.plan_id = m.plan_id "
    "	LEFT JOIN LATERAL (SELECT s.finished_at FROM green_ml.retrain_event v JOIN green_ml.run s USING (run_id) "
    "		WHERE v.retrain_id = t.retrain_id AND v.state = 'accepted' AND s.finished_at < r.finished_at "
    "		ORDER BY v.retrain_event_id DESC LIMIT 1) AS a ON true "
    "	WHERE m.pipeline_id = $1 AND r.state = 'done' ORDER BY m.model_id DESC LIMIT 20), "
    "newest AS ("
    "	SELECT d.run_id, d.verdict FROM green_ml.decision d "
    "	WHERE d.pipeline_id = $1 ORDER BY d.decision_id DESC LIMIT 1000), "
    "numbered AS ("
    "	SELECT run_id, verdict, row_number() OVER (PARTITION BY verdict ORDER BY run_id DESC) AS age FROM newest "
    "	WHERE verdict IN ('wait', 'skip') AND run_id NOT IN (SELECT run_id FROM green_ml.evaluation)), "
    "tick AS ("
    "	SELECT n.verdict, avg(c.energy_j * e.pue) / 3.6e6 AS kwh FROM numbered n "
    "	JOIN green_ml.run_cost c USING (run_id) JOIN green_ml.energy_model e USING (machine) "
    "	WHERE c.run_id = ANY (ARRAY(SELECT run_id FROM numbered WHERE age <= 96)) GROUP BY n.verdict) "
    "SELECT (SELECT ceil(percentile_cont(0.9) WITHIN GROUP (ORDER BY duration_s)) FROM training), "
    "	(SELECT avg(kwh) FROM training), (SELECT kwh FROM tick WHERE verdict = 'wait'), "
    "	(SELECT kwh FROM tick WHERE verdict = 'skip')";

/* What the last tick of the same need was given, where it is not from another quarter of the day. */
static const char last_sql[] =
    "SELECT s ->> 'duration_s', s ->> 'retrain_kwh', s ->> 'open_tick_kwh', s ->> 'idle_tick_kwh' "
    "FROM (SELECT inputs -> 'signal' AS s, rung, retrain_id, decided_at FROM green_ml.decision WHERE pipeline_id = $1 "
    "      ORDER BY decision_id DESC LIMIT 1) AS last "
    "WHERE rung IS NOT NULL AND retrain_id = $2 "
    "AND floor(extract(epoch FROM decided_at) / 21600) = floor(extract(epoch FROM $3::timestamptz) / 21600)";

static bool take_row(PGresult *row, struct signal *signal, bool *found)
{
	double *const targets[] = {&signal->duration_s, &signal->retrain_kwh, &signal->open_tick_kwh,
				   &signal->idle_tick_kwh};

	*found = row && PQntuples(row) == 1;
	for (int i = 0; *found && i < 4; i++)
		*targets[i] = db_text(row, 0, i) ? db_real(row, 0, i) : NAN;
	db_free(row);
	return row != NULL;
}

bool costs_read(PGconn *db, int pipeline_id, int retrain_id, struct signal *signal, struct fail *fail)
{
	bool found = false;

	if ((retrain_id == 0 ||
	     take_row(db_queryf(db, fail, "ddt", last_sql, pipeline_id, retrain_id, signal->now_s), signal, &found)) &&
	    (found || take_row(db_queryf(db, fail, "d", costs_sql, pipeline_id), signal, &found)))
		return true;
	return fail_prefix(fail, "could not read what earlier runs cost");
}

static const char spent_sql[] =
    "SELECT coalesce(sum(green_ml.operational_g(m, coalesce(r.measured_j, green_ml.cpu_j(m, r.cpu_s + "
    "coalesce(r.postgres_cpu_s, 0), 0)), green_ml.intensity_at(r.pipeline, c.at, r.simulated_at IS NOT NULL))), 0) "
    "FROM green_ml.run r JOIN green_ml.energy_model m USING (machine) "
    "CROSS JOIN LATERAL (SELECT coalesce(r.simulated_at, r.started_at) AS at) c "
    "WHERE r.program = 'model-training' AND r.pipeline = $1 AND r.state IN ('done', 'failed') "
    "AND c.at >= date_trunc('month', $2::timestamptz) AND c.at <= $2::timestamptz";

bool costs_spent(PGconn *db, const char *pipeline, double now_s, double *spent_g, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "st", spent_sql, pipeline, now_s);

	if (!row)
		return fail_prefix(fail, "could not read what this month's trainings emitted");
	*spent_g = db_real(row, 0, 0);
	db_free(row);
	return true;
}
