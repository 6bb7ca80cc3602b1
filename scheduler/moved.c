#include "scheduler/moved.h"

#include <jansson.h>

#include "common/db.h"
#include "common/profile.h"

static bool read_profile(PGconn *db, int plan_id, struct profile **profile, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "d", "SELECT profile FROM green_ml.training_plan WHERE plan_id = $1", plan_id);
	const char *json = row && PQntuples(row) == 1 ? db_text(row, 0, 0) : NULL;
	bool good = row && (!json || (*profile = profile_read(json, fail)));

	db_free(row);
	return good || fail_prefix(fail, "could not read the profile of plan %d", plan_id);
}

/* {"column": the one that moved most, "psi", "psi_noise", "columns": {name: psi, ...}} */
static char *to_json(const struct profile *profile, const struct profile_feature *most)
{
	json_t *columns = json_object(), *json;
	char *text;

	for (int i = 0; i < profile->feature_count; i++)
		json_object_set_new(columns, profile->features[i].column, json_real(profile->features[i].drift.psi));
	json = json_pack("{s:s, s:f, s:f, s:o}", "column", most->column, "psi", most->drift.psi, "psi_noise",
			 most->drift.psi_noise, "columns", columns);
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(json);
	return text;
}

bool moved_measure(PGconn *db, int plan_id, const struct forest *forest, const struct feature_rows *rows,
		   struct input_drift *most, char **json, struct fail *fail)
{
	struct profile *profile = NULL;
	const struct profile_feature *worst;

	*most = (struct input_drift){.psi = 0};
	*json = NULL;
	if (!read_profile(db, plan_id, &profile, fail))
		return false;
	if (!profile || profile->feature_count == 0 || rows->count == 0) {
		profile_free(profile);
		return true;
	}
	profile_measure(profile, forest, rows);
	worst = &profile->features[0];
	for (int i = 1; i < profile->feature_count; i++) {
		const struct profile_feature *other = &profile->features[i];

		if (other->drift.psi - other->drift.psi_noise > worst->drift.psi - worst->drift.psi_noise)
			worst = other;
	}
	snprintf(most->column, sizeof(most->column), "%s", worst->column);
	most->psi = worst->drift.psi;
	most->psi_noise = worst->drift.psi_noise;
	*json = to_json(profile, worst);
	profile_free(profile);
	return true;
}
