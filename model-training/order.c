#include "model-training/order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"

enum { ITERATIONS = 64 };

struct shares {
	const struct order_cell *cells;
	int64_t cell_count;
	int value_count, class_count;
	double *rows; /* of each value */
	double all_rows;
	double *mean; /* share of each class among all rows */
};

static void sum_up(struct shares *shares)
{
	for (int64_t i = 0; i < shares->cell_count; i++) {
		const struct order_cell *cell = &shares->cells[i];

		shares->rows[cell->value] += (double)cell->rows;
		shares->mean[cell->class] += (double)cell->rows;
		shares->all_rows += (double)cell->rows;
	}
	for (int k = 0; k < shares->class_count; k++)
		shares->mean[k] /= shares->all_rows;
}

/* scores[v] = (shares of v - mean) . direction */
static void project(const struct shares *shares, const double *direction, double *scores)
{
	double middle = 0;

	for (int k = 0; k < shares->class_count; k++)
		middle += shares->mean[k] * direction[k];
	memset(scores, 0, (size_t)shares->value_count * sizeof(*scores));
	for (int64_t i = 0; i < shares->cell_count; i++) {
		const struct order_cell *cell = &shares->cells[i];

		scores[cell->value] += (double)cell->rows / shares->rows[cell->value] * direction[cell->class];
	}
	for (int v = 0; v < shares->value_count; v++)
		scores[v] -= middle;
}

/* direction = sum over values of rows * scores * (shares - mean), its largest component made 1 in size. False when it
 * is zero: all values have the same shares. */
static bool turn(const struct shares *shares, const double *scores, double *direction)
{
	double sum = 0, largest = 0;

	memset(direction, 0, (size_t)shares->class_count * sizeof(*direction));
	for (int64_t i = 0; i < shares->cell_count; i++) {
		const struct order_cell *cell = &shares->cells[i];

		direction[cell->class] += (double)cell->rows * scores[cell->value];
	}
	for (int v = 0; v < shares->value_count; v++)
		sum += shares->rows[v] * scores[v];
	for (int k = 0; k < shares->class_count; k++) {
		double size;

		direction[k] -= sum * shares->mean[k];
		size = direction[k] < 0 ? -direction[k] : direction[k];
		largest = size > largest ? size : largest;
	}
	if (largest < 1e-9)
		return false;
	for (int k = 0; k < shares->class_count; k++)
		direction[k] /= largest;
	return true;
}

/* The start: from the mean towards the shares of the value that weighs most. */
static void start(const struct shares *shares, double *direction)
{
	int heaviest = 0;

	for (int v = 1; v < shares->value_count; v++)
		if (shares->rows[v] > shares->rows[heaviest])
			heaviest = v;
	for (int k = 0; k < shares->class_count; k++)
		direction[k] = -shares->mean[k];
	for (int64_t i = 0; i < shares->cell_count; i++)
		if (shares->cells[i].value == heaviest)
			direction[shares->cells[i].class] += (double)shares->cells[i].rows / shares->rows[heaviest];
	direction[shares->class_count - 1] += 1.0 / 1024; /* off the axes of a symmetric table */
}

struct ranked {
	double score;
	const char *text;
	int value;
};

static int by_score_then_text(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void rank(const double *scores, char *const *texts, int value_count, int *places)
{
	struct ranked *ranked = xcalloc((size_t)value_count, sizeof(*ranked));

	for (int v = 0; v < value_count; v++)
		ranked[v] = (struct ranked){.score = scores[v], .text = texts[v], .value = v};
	qsort(ranked, (size_t)value_count, sizeof(*ranked), by_score_then_text);
	for (int place = 0; place < value_count; place++)
		places[ranked[place].value] = place;
	free(ranked);
}

/* With two classes the component is known: (-1, 1). */
static void find_direction(const struct shares *shares, double *direction, double *scores)
{
	double last_sign;

	if (shares->class_count == 2) {
		direction[0] = 0;
		direction[1] = 1;
		return;
	}
	start(shares, direction);
	for (int i = 0; i < ITERATIONS; i++) {
		project(shares, direction, scores);
		if (!turn(shares, scores, direction))
			break;
	}
	last_sign = direction[shares->class_count - 1] < 0 ? -1 : 1;
	for (int k = 0; k < shares->class_count; k++)
		direction[k] *= last_sign;
}

void order_values(const struct order_cell *cells, int64_t cell_count, char *const *texts, int value_count,
		  int class_count, int *places)
{
	double *scores = xcalloc((size_t)value_count, sizeof(*scores));
	double *direction = xcalloc((size_t)class_count, sizeof(*direction));
	struct shares shares = {
	    .cells = cells,
	    .cell_count = cell_count,
	    .value_count = value_count,
	    .class_count = class_count,
	    .rows = xcalloc((size_t)value_count, sizeof(double)),
	    .mean = xcalloc((size_t)class_count, sizeof(double)),
	};

	sum_up(&shares);
	find_direction(&shares, direction, scores);
	project(&shares, direction, scores);
	rank(scores, texts, value_count, places);
	free(scores);
	free(direction);
	free(shares.rows);
	free(shares.mean);
}
