#ifndef MODEL_API_LOOK_H
#define MODEL_API_LOOK_H

/*
 * One look at the registry: which champions are there, load those that are new, publish the set. Remembers which
 * champions were refused, so that a broken one is not fetched again at every look. Used by one thread: watch.c.
 */

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/fail.h"
#include "model-api/champions.h"
#include "model-api/metrics.h"
#include "model-api/refusals.h"

enum look_result {
	LOOK_UNCHANGED,
	LOOK_CHANGED,
	LOOK_REFUSED, /* the table has what is servable; at least one champion is not */
	LOOK_FAILED,  /* the database is at fault; the table is as it was */
	LOOK_RESULT_COUNT
};

struct look;

struct look_settings {
	char **pipelines;   /* serve these and no others; kept by pointer */
	int pipeline_count; /* 0: every registered pipeline */
	char **pins;	    /* "insurance=7": models to serve besides; kept by pointer */
	int pin_count;
	const char *copies; /* folder of model-api/copy.h; NULL: no copies */
};

struct look *look_new(const struct look_settings *settings, struct metrics *metrics);
void look_free(struct look *look); /* NULL is fine */

/* force: try refused champions again now. */
enum look_result look_take(struct look *look, PGconn *db, struct model_table *table, bool force, struct fail *fail);

/* Before anything was published: serves the local copies. False: there is none that is good. */
bool look_copies(struct look *look, struct model_table *table);

/* Gives the published models their look-up tables; true when it made one. */
bool look_make_tables(struct look *look, struct model_table *table);

/* What is refused at present. */
const struct refusals *look_refusals(const struct look *look);

#endif
