#ifndef PREPROCESSING_COMPACT_H
#define PREPROCESSING_COMPACT_H

/*
 * Training cells that come again in load after load are summed up: the base, under load id 0, holds the counts of all
 * loads whose row in green_ml.preprocessing says in_base. A training on all loads reads the base and the loads that are
 * not in it, one on some of them those loads' own blocks, which stay.
 *
 * Tried when the loads outside the base hold more cells than twice the base and 100,000; kept when the sum has at most
 * three quarters of the cells. Where it had more (wide or continuous data repeats nothing), it is tried again with
 * twice the cells. So all attempts together cost less than reading each cell four times.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "preprocessing/columns.h"

enum { COMPACT_MAX_BYTES = 512 << 20 };

bool compact(PGconn *db, struct feature_columns *set, bool *compacted, struct fail *fail) MUST_USE;

/* The rules above. try_at: feature_set.count_cells_at. */
bool compact_is_due(int64_t delta_cells, int64_t base_cells, int64_t try_at);
bool compact_is_worth_it(int64_t cells_before, int64_t cells_after);

#endif
