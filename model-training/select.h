#ifndef MODEL_TRAINING_SELECT_H
#define MODEL_TRAINING_SELECT_H

/*
 * Which columns of a CSV file are worth training on: a forest is grown on the candidates, and each is ranked by its
 * permutation importance - how much worse the forest predicts the rows that its trees did not draw (oob.h) when the
 * column's values are taken from other rows (Breiman, Random Forests, 2001, section 10). The measure is the Brier
 * score, whose difference has a standard error; the accuracy lost is reported beside it.
 *
 *	struct select_request request = {.file = "rows.csv", .label = "y", .id = "id", .name = "mine", ...};
 *	struct selected selected;
 *	select_columns(&request, &selected, &fail)
 *	selected_spec(&request, &selected, &spec_json, &fail)		a spec that migrate takes
 *	selected_release(&selected);
 *
 * A column is chosen when its importance is positive by more than three standard errors; the first one always is. Left
 * out, with a reason: texts that are nearly all different, and columns of numbers of which more than max_missing are
 * missing, since each such row would be dropped. A missing text is a category of its own.
 *
 * The holdout of the resulting pipeline (a fifth, by its name and the ids) is not looked at.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"

struct select_request {
	const char *file;
	const char *label;
	const char *id;
	const char *name;    /* of the pipeline and its source */
	const char *columns; /* candidates, commas between them; NULL: all but id and label */
	double max_missing;  /* share of the rows */
	int trees, threads;
	int64_t most; /* columns to choose; 0: no limit */
	uint64_t seed;
};

struct candidate {
	char *name;
	enum column_type type;
	double missing; /* share of the rows */
	double importance, importance_se;
	double accuracy_lost;
	bool chosen;
	const char *why_not; /* NULL when it was ranked */
};

struct selected {
	int count;
	struct candidate *candidates; /* by importance, those that were left out last */
	int64_t rows;		      /* looked at */
	double accuracy;	      /* out of bag, with all ranked candidates */
	bool integer_label;
};

/* EXIT_WRONG_USE: columns that are not there; EXIT_BAD_DATA: nothing to learn from. */
bool select_columns(const struct select_request *request, struct selected *selected, struct fail *fail) MUST_USE;
void selected_release(struct selected *selected); /* a zeroed one is fine */

/* The caller's. */
json_t *selected_ranking(const struct selected *selected);
bool selected_spec(const struct select_request *request, const struct selected *selected, json_t **spec,
		   struct fail *fail) MUST_USE;

#endif
