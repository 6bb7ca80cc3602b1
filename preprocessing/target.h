#ifndef PREPROCESSING_TARGET_H
#define PREPROCESSING_TARGET_H

/*
 * Which feature sets have to be brought up to date: those in force of the specs' pipelines. The newest version is
 * always in force, an older one as long as the champion was trained on it.
 *
 *	struct targets targets;
 *	if (!targets_find(db, specs, spec_count, &options, &targets, &fail)) ...
 *	for each: take_in(db, &targets.list[i], options.load_id, &fail)		(take_in.h)
 *	targets_release(&targets);
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"

struct taken_load {
	int load_id;
	int64_t rows;	 /* feature rows made */
	int64_t dropped; /* raw rows with a missing value */
	int64_t cells;
	char *missing;	     /* JSON object: {"column": rows in which it was missing} */
	char *missing_words; /* the same for people: "a 3, b 1"; "" for none */
};

struct target {
	char *pipeline;
	int feature_set_id;
	int version;
	bool is_newest;
	bool done; /* by take_in(), and then the rest says what it did */
	struct taken_load *loads;
	int load_count;
	bool compacted;
};

struct targets {
	struct target *list; /* in order of pipeline and version */
	int count;
};

struct target_options {
	int64_t load_id;     /* only this load; 0: all that are due */
	bool every_pipeline; /* all registered pipelines on the sources of the specs */
};

/* A pipeline that is not registered, or registered with other columns than its spec has, and a load that is not there
 * are EXIT_WRONG_USE. On error targets holds nothing to release. */
bool targets_find(PGconn *db, const struct spec *specs, int spec_count, const struct target_options *options,
		  struct targets *targets, struct fail *fail) MUST_USE;
/* Forgets what was done. */
void target_clear(struct target *target);
void targets_release(struct targets *targets);

#endif
