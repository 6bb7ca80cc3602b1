#ifndef PREPROCESSING_ENCODE_H
#define PREPROCESSING_ENCODE_H

/*
 * A raw row becomes the values of a cell (common/cells.h): numbers by common/number.h, texts as codes. The same texts
 * give the same values in any load: new texts get codes in the order in which they come.
 */

#include <stddef.h>
#include <stdint.h>

#include "preprocessing/columns.h"

struct raw_value {
	const char *text; /* "" for an empty field */
	size_t size;
};

enum encoded {
	ENCODED,
	DROPPED, /* a value is missing: no codes are given for the row */
	WRONG,	 /* a text is no number of its column's type */
};

/* raw and values: by column of the set. missing[column] is counted up for each missing value. *wrong: the column of a
 * WRONG text. */
enum encoded encode_row(const struct feature_columns *set, const struct raw_value *raw, int32_t *values,
			int64_t *missing, int *wrong);

#endif
