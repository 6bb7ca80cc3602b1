#include "scheduler/costs.h"

#include <math.h>

#include "common/db.h"

static const char costs_sql[] =
    "WITH energy AS (SELECT watt_per_busy_core * pue / 3.6e6 AS kwh_per_s FROM green_ml.energy_model WHERE machine = "
    "'default'), "
    "training AS ("
    "	SELECT r.wall_s, r.cpu_s + coalesce(r.postgres_cpu_s, 0) AS busy_s FROM green_ml.run r "
    "	JOIN green_ml.model m USING (run_id) WHERE r.program = 'model-training' AND r.pipeline = $1 AND r.state = "
    "'done' "
    "	ORDER BY r.run_id DESC LIMIT 20), "
    "tick AS ("
    "	SELECT d.verdict, r.cpu_s + coalesce(r.postgres_cpu_s, 0) AS busy_s, "
    "	       row_number() OVER (PARTITION BY d.verdict ORDER BY r.run_id DESC) AS age "
    "	FROM green_ml.run r JOIN green_ml.decision d USING (run_id) "
    "	WHERE r.program = 'scheduler' AND r.pipeline = $1 AND r.state = 'done' AND d.verdict IN ('wait', 'skip') "
    "	AND NOT EXISTS (SELECT FROM green_ml.evaluation e WHERE e.run_id = r.run_id)) " /* a look is no matter of the
											   need */
    "SELECT ceil((SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY wall_s) FROM training)), "
    "       (SELECT avg(busy_s) FROM training) * kwh_per_s, "
    "       (SELECT avg(busy_s) FROM tick WHERE verdict = 'wait' AND age <= 96) * kwh_per_s, "
    "       (SELECT avg(busy_s) FROM tick WHERE verdict = 'skip' AND age <= 96) * kwh_per_s "
    "FROM (SELECT 1) AS one LEFT JOIN energy ON true";

bool costs_read(PGconn *db, const char *pipeline, struct signal *signal, struct fail *fail)
{
	double *const targets[] = {&signal->duration_s, &signal->retrain_kwh, &signal->open_tick_kwh,
				   &signal->idle_tick_kwh};
	PGresult *row = db_queryf(db, fail, "s", costs_sql, pipeline);

	if (!row)
		return fail_prefix(fail, "could not read what earlier runs cost");
	for (int i = 0; i < 4; i++)
		*targets[i] = db_text(row, 0, i) ? db_real(row, 0, i) : NAN;
	db_free(row);
	return true;
}
