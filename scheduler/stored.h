#ifndef SCHEDULER_STORED_H
#define SCHEDULER_STORED_H

/*
 * The decisions that were stored, for the commands that look back (history, replay): which of them, and the query.
 *
 *	static struct stored_range range;
 *	static const struct setting settings[] = {STORED_SETTINGS(range, "50"), ...};
 *	if (!stored_with(&range, print, &fail)) ...	connects, calls print(db, "{insurance,...}", fail) once
 *	rows = stored_query(db, &range, pipelines, "green_ml.history", fail);	in print(); db_free()
 */

#include <libpq-fe.h>
#include <stdint.h>

#include "common/fail.h"

struct stored_range {
	const char *pipeline, *as; /* a spec, or a folder of them */
	const char *from, *until;  /* times; NULL: no limit */
	int64_t last;		   /* the newest so many; 0: all */
};

/* clang-format off */
#define STORED_SETTINGS(range, newest) \
	{"pipeline", "PIPELINE_SPEC", SETTING_TEXT, &(range).pipeline, NULL, .value_name = "PATH", \
	 .help = "the pipeline's spec, or a folder of specs"}, \
	{"as", "PIPELINE_NAME", SETTING_TEXT, &(range).as, NULL, .value_name = "NAME", \
	 .help = "the name the spec is registered under, where it is not its own"}, \
	{"from", NULL, SETTING_TEXT, &(range).from, NULL, .value_name = "TIME", \
	 .help = "only decisions from then on, such as 2026-01-01T00:00:00Z"}, \
	{"until", NULL, SETTING_TEXT, &(range).until, NULL, .value_name = "TIME", .help = "only those before"}, \
	{"last", NULL, SETTING_INT, &(range).last, newest, 0, 1e9, .value_name = "N", \
	 .help = "the newest so many of them; 0: all"}
/* clang-format on */

bool stored_with(const struct stored_range *range, bool (*work)(PGconn *db, const char *pipelines, struct fail *fail),
		 struct fail *fail) MUST_USE;

/* All columns of that relation, which has decision_id, decided_at and pipeline; oldest first. */
PGresult *stored_query(PGconn *db, const struct stored_range *range, const char *pipelines, const char *relation,
		       struct fail *fail) MUST_USE;

#endif
