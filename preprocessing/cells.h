#ifndef PREPROCESSING_CELLS_H
#define PREPROCESSING_CELLS_H

/*
 * Cells: rows that agree in every feature, the label and the split are stored once, with their number. A training on
 * low-cardinality data reads them instead of the rows.
 *
 * A feature set begins to keep cells when its feature rows are at least 4 times its cells, and then keeps them for
 * good; one of more than 24 features never does. The cells are counted with its first load that has rows. Where they
 * are too many they are counted again when the rows have become 4 times the number just found, which can only grow, and
 * at least a quarter more. When it begins, the counts of all feature rows are written under _load_id 0 (the base) and
 * all loads are marked in_base.
 *
 * From then on a load adds its own counts under its _load_id (the delta). When the deltas have grown large, all of them
 * are summed up into the base and their loads are marked in_base; counts of a single load in the base are gone, its
 * feature rows are not.
 *
 * Measured on loads of 100,000 rows with 65,000 cells each: counting the cells of all rows costs 0.2 us a row; keeping
 * them costs the server 0.3 CPU-seconds a load for the delta and 0.2 for its share of compacting; a training that reads
 * cells saves 0.2 CPU-seconds at 600,000 rows (2.9 a cell), 0.5 at 1,000,000 (3.7) and 1.3 at 2,000,000 (5.3). So a
 * training after each load gets cheaper from about 4 rows a cell on. Wide or continuous data would store nearly every
 * row twice.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "preprocessing/columns.h"
#include "preprocessing/encode.h"

enum { CELLS_MAX_FEATURES = 24 };

/* Counts the load's feature rows, which are written already while its row in green_ml.preprocessing is not: that gets
 * load->cells (rows made in the cell table) and load->in_base. Begins to keep cells where that is due and worth it. */
bool cells_add(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail) MUST_USE;

/* Sums the deltas up where they have grown beyond twice the base and 100,000; *compacted tells whether. */
bool cells_compact(PGconn *db, struct feature_columns *set, bool *compacted, struct fail *fail) MUST_USE;

bool cells_are_worth_it(int64_t cells, int64_t rows);
int64_t cells_count_next_at(int64_t cells, int64_t rows);
bool cells_are_scattered(int64_t delta_cells, int64_t base_cells);

#endif
