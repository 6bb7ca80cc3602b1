#ifndef MODEL_TRAINING_RANKING_H
#define MODEL_TRAINING_RANKING_H

/*
 * The distinct values of a column of numbers, ascending, and which of them each row has.
 *
 *	struct ranking ranking;
 *	ranking_find(&ranking, values, stride, counts, rows);	values of the rows: values[0], values[stride] ...
 *	ranking.keys[ranking.ranks[row]]
 *	ranking_release(&ranking);
 */

#include <stddef.h>
#include <stdint.h>

struct ranking {
	int64_t count;
	int32_t *keys;
	int64_t *rows; /* the sum of counts, by value */
	uint32_t *ranks;
};

void ranking_find(struct ranking *ranking, const int32_t *values, size_t stride, const int64_t *counts, int64_t rows);
void ranking_release(struct ranking *ranking);

#endif
