#ifndef MODEL_API_SCORE_H
#define MODEL_API_SCORE_H

/*
 * Encoded rows to predictions, in blocks, with what every protocol does besides: count classes, draw for the prediction
 * log.
 *
 *	struct scoring scoring = {.model = model, .encoded = &encoded, .rows = rows, .journal = journal, .put = put};
 *	score_rows(&scoring);				put() is called per block, in order
 *	if (score_has_room(&scoring, &body, rest))	else the answer is refused, and nothing of it may be logged
 *		for (i < scoring.drawn_count)
 *			if (score_log(&scoring, i, id)) ...	id belongs to row scoring.drawn[i].row
 *	score_count(&scoring, metrics);			when the answer is complete
 *	score_release(&scoring);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"
#include "model-api/encode.h"
#include "model-api/journal.h"
#include "model-api/metrics.h"

struct score_block {
	size_t first, rows; /* rows first .. first + rows - 1 */
	const uint16_t *classes;
	const uint64_t *scores; /* NULL where probabilities are not wanted */
};

struct scoring {
	const struct model *model;
	const struct encoded *encoded;
	size_t rows;
	bool probabilities;
	struct journal *journal;				     /* NULL: nothing is logged */
	bool (*put)(void *context, const struct score_block *block); /* false: no more is wanted */
	void *context;

	/* set by score_rows() */
	struct drawn {
		size_t row;
		uint16_t class;
	} * drawn;
	size_t drawn_count, drawn_room;
	uint64_t *class_counts;
	uint64_t few_counts[16];
};

void score_rows(struct scoring *scoring);
/* Can the ids of all drawn rows and `rest` bytes follow what is in the body? */
bool score_has_room(const struct scoring *scoring, const struct text *body, size_t rest);
bool score_log(struct scoring *scoring, size_t index, char id[JOURNAL_ID_SIZE]);
void score_count(const struct scoring *scoring, struct metrics *metrics);
void score_release(struct scoring *scoring);

#endif
