#ifndef COMMON_FOREST_TABLE_H
#define COMMON_FOREST_TABLE_H

/*
 * The exact look-up table of a forest: the thresholds of a feature cut its values into intervals, and within a cell
 *(one interval per feature) every row gets the same scores. So a table of all cells answers for every possible row what
 * the trees would answer, to the bit, with one access. It is made by painting each leaf's box once: trees * cells
 * additions at most, whatever the depth. That pays where features have few distinct thresholds and rows are many.
 *
 *	struct forest_table *table = forest_table_new(forest, max_bytes);	NULL: it would be larger, or > 255 trees
 *	const uint32_t *scores = forest_table_scores(table, keys);		class_count scores, as forest_predict's
 *	forest_table_free(table);
 *
 * The table keeps a pointer to the forest. Looking up is thread-safe. forest_table_predict() answers with the class
 * alone, which stands in a smaller table of its own.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/forest.h"

struct forest_table;

/* Bytes the table would take; SIZE_MAX: none is possible. */
size_t forest_table_size(const struct forest *forest);

struct forest_table *forest_table_new(const struct forest *forest, size_t max_bytes);
void forest_table_free(struct forest_table *table); /* NULL is fine */

const uint32_t *forest_table_scores(const struct forest_table *table, const int32_t *keys);
/* The classes of many rows, keys row-major. */
void forest_table_predict(const struct forest_table *table, const int32_t *keys, size_t rows, uint16_t *classes);

#endif
