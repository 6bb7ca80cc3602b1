#include "scheduler/feedback.h"

#include "common/db.h"

bool feedback_read(PGconn *db, int pipeline_id, int model_id, struct feedback *feedback, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "dd",
		      "SELECT count(*) OVER (), k, n FROM green_ml.feedback WHERE pipeline_id = $1 AND "
		      "model_id = $2 AND complete AND n > 0 ORDER BY until_at DESC, feedback_sample_id DESC LIMIT 1",
		      pipeline_id, model_id);

	*feedback = (struct feedback){0};
	if (!row)
		return fail_prefix(fail, "could not read the feedback samples");
	if (PQntuples(row) == 1)
		*feedback = (struct feedback){(int)db_int(row, 0, 0), db_int(row, 0, 1), db_int(row, 0, 2)};
	db_free(row);
	return true;
}
