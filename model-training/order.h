#ifndef MODEL_TRAINING_ORDER_H
#define MODEL_TRAINING_ORDER_H

/*
 * The order in which a category's texts are split. With two classes it is the order of the share of the second class,
 * which holds an optimal split (Breiman et al. 1984); with more, the order along the first principal component of the
 * class shares, weighted by rows (Coppersmith, Hong, Hosking 1999). The component is found by a fixed number of power
 * iterations from a fixed start with + - * / only, so every machine and compiler finds the same order.
 */

#include <stdint.h>

/* How many rows of a class hold a value. */
struct order_cell {
	int value;
	int class;
	int64_t rows; /* > 0 */
};

/* cells: sorted by value, then class, every value at least once. Writes each value's place, 0..value_count-1; equal
 * scores are ordered by text. */
void order_values(const struct order_cell *cells, int64_t cell_count, char *const *texts, int value_count,
		  int class_count, int *places);

#endif
