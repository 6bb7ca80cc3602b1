#include "data-fetch/resume.h"

#include "common/db.h"

bool resume_row(PGconn *db, int source_id, const char *location, int64_t *start_row, struct fail *fail)
{
	PGresult *loads = db_queryf(db, fail, "ds",
				    "SELECT start_row, start_row + rows + rows_known + rejected FROM green_ml.load "
				    "WHERE source_id = $1 AND location = $2 AND state = 'done' ORDER BY start_row",
				    source_id, location);
	int64_t covered = 0;

	if (!loads)
		return fail_prefix(fail, "could not find out where the last load ended");
	for (int i = 0; i < PQntuples(loads) && db_int(loads, i, 0) <= covered; i++) {
		int64_t end = db_int(loads, i, 1);

		if (end > covered)
			covered = end;
	}
	db_free(loads);
	*start_row = covered;
	return true;
}
