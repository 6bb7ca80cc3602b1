#ifndef MODEL_TRAINING_DATASET_H
#define MODEL_TRAINING_DATASET_H

/*
 * The coded training set: every value replaced by the number of its place in its feature's dictionary, equal rows
 * merged into one slot with a count. It does not depend on the order in which rows came.
 *
 *	struct dataset_rows rows;
 *	dataset_rows_init(&rows, features, feature_count);
 *	dataset_rows_add(&rows, label, values, count) ...
 *	struct dataset *dataset = dataset_build(&rows, &names, &fail);
 *	dataset_rows_release(&rows);
 *	dataset_write(dataset, &text);			what training_plan.data holds
 *	dataset_free(dataset);
 *	dataset = dataset_read(bytes, size, &fail);
 *
 * A feature's dictionary is ordered as the forest compares (common/forest.h): a number by its key, a category by the
 * split order that order.h computes from these rows. Up to DATASET_MAX_VALUES distinct values are kept exactly; more
 * are put into as many quantile bins, each known by its lowest and highest key, and the feature says `binned`.
 *
 * Bytes, little-endian, strings = u16 length + UTF-8: magic "GMLDATA1"; u32 feature_count, u32 class_count, u64
 * row_count, u32 slot_count; label name; class_count labels; per feature: name, u8 type (0 integer 1 real 2 category),
 * u8 binned, u32 value_count, then per value in order: u64 rows that hold it, and i32 low and i32 high key, or for a
 * category its text; per feature the codes of all slots (u8 each when value_count <= 256, else u16); u16 classes of all
 * slots; u32 counts of all slots.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"
#include "common/text.h"

enum {
	DATASET_MAX_VALUES = 65535,
	DATASET_MAX_SIZE = 500000000, /* a database replies with two digits for each byte, in less than 1 GiB */
};

struct dataset_feature {
	char *name;
	enum column_type type;
	bool binned;
	int value_count;
	int64_t *rows;	 /* training rows that hold the value */
	int32_t *low;	 /* keys; of a category: its place */
	int32_t *high;	 /* = low unless binned */
	char **texts;	 /* of a category, else NULL */
	uint16_t *codes; /* by slot */
};

struct dataset {
	int feature_count;
	struct dataset_feature *features;
	char *label_name;
	int class_count;
	char **labels; /* by number when all are integers, else by bytes */
	int64_t row_count;
	uint32_t slot_count; /* sorted by codes, then class */
	uint16_t *classes;
	uint32_t *counts;
};

/* Rows as they come: dictionary codes for the label and categories, keys for numbers. */
struct dataset_rows {
	int feature_count;
	int64_t count, capacity;
	int32_t *values; /* per row: the label, then the features */
	int64_t *counts;
};

void dataset_rows_init(struct dataset_rows *rows, int feature_count);
void dataset_rows_add(struct dataset_rows *rows, int32_t label, const int32_t *values, int64_t count);
void dataset_rows_release(struct dataset_rows *rows);

/* What the codes mean; pointers are only read during the call. */
struct dataset_names {
	const char *label_name;
	char *const *labels; /* by code */
	int label_count;
	struct dataset_column {
		const char *name;
		enum column_type type;
		char *const *texts; /* of a category: by code */
		int text_count;
	} * features;
};

/* EXIT_BAD_DATA: no rows, or rows of one class only. */
struct dataset *dataset_build(const struct dataset_rows *rows, const struct dataset_names *names,
			      struct fail *fail) MUST_USE;
void dataset_free(struct dataset *dataset); /* NULL is fine */

/* The last value, as a code, that is not beyond the key; -1: none. */
int dataset_last_up_to(const struct dataset_feature *feature, int32_t key);

/* EXIT_BAD_DATA when it would be larger than DATASET_MAX_SIZE. out: initialised with at least that maximum. */
bool dataset_write(const struct dataset *dataset, struct text *out, struct fail *fail) MUST_USE;
struct dataset *dataset_read(const void *bytes, size_t size, struct fail *fail) MUST_USE;

#endif
