#ifndef MODEL_TRAINING_TABLE_H
#define MODEL_TRAINING_TABLE_H

/*
 * A CSV file as training and test rows, without a database and without a spec: the columns' types are inferred.
 *
 *	struct table table;
 *	table_open(&table, "rows.csv", "label", "a,b,c", &fail)		reads the file once and infers the types
 *	table_read(&table, "rows.csv", "id", TABLE_TRAIN | TABLE_TEST, &fail)	reads it again: the rows, split
 *	table_read(&table, "test.csv", NULL, TABLE_TEST, &fail)			or another file's rows of one kind
 *	table_release(&table);
 *
 * A column is integer when every value that is not missing is an int32, else real when every one is a finite float32,
 * else a category. Missing are the empty field, NA, NaN, nan and null: in a column of numbers they are one value below
 * all numbers, in a category they are a text like any other. A row whose label is missing is left out and counted.
 *
 * Categories and labels are coded in the order in which they are first seen, in training and test rows alike.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"
#include "model-training/dataset.h"

struct texts {
	char **texts;
	int count, capacity;
	uint32_t *places; /* hash table: code + 1 */
	uint32_t place_count;
};

struct table_column {
	char *name;
	enum column_type type;
	int64_t missing;
	struct texts texts; /* of a category */
};

struct table {
	char *label_name;
	struct texts labels;
	int feature_count;
	struct table_column *features;
	int64_t unlabelled; /* rows left out */
	const char *source; /* of the split, the caller's; NULL: the empty string */
	struct dataset_rows train, test;
};

bool table_open(struct table *table, const char *file, const char *label, const char *features,
		struct fail *fail) MUST_USE;
enum { TABLE_TEST = 1, TABLE_TRAIN = 2 };
/* Into the rows of that kind; both kinds: a fifth of the rows into test, by id as everywhere (common/split.h) with
 * table->source. id NULL: the number of the data row, from 1. */
bool table_read(struct table *table, const char *file, const char *id, int kinds, struct fail *fail) MUST_USE;
void table_release(struct table *table); /* a zeroed one is fine */

#endif
