#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

/*
 * What bench-forest measures: fitting is coding the rows that are in memory (dataset.h) and growing the trees; making
 * the model's bytes and reading them back is timed apart. Predictions are of the test rows, in one thread, from keys to
 * classes: by the look-up table where the forest has one of at most 256 MiB, and down the trees; the fastest of five
 * rounds.
 */

#include <jansson.h>

#include "common/fail.h"
#include "model-training/grow.h"
#include "model-training/table.h"

/* The result is a JSON object with the keys of bench-forest's --help; json_decref(). NULL: fail is set. */
json_t *measure(const struct table *table, const struct grow_settings *settings, struct fail *fail);

#endif
