#include "preprocessing/encode.h"

#include <string.h>

#include "common/forest.h"
#include "common/number.h"

static bool is_missing(const struct feature_column *column, const struct raw_value *raw)
{
	for (int i = 0; i < column->missing_count; i++)
		if (column->missing_sizes[i] == raw->size && memcmp(column->missing[i], raw->text, raw->size) == 0)
			return true;
	return false;
}

static bool encode_value(const struct feature_column *column, const struct raw_value *raw, int32_t *value)
{
	float real;

	if (column->dictionary) {
		*value = dictionary_code(column->dictionary, raw->text, raw->size);
		return true;
	}
	if (column->type == COLUMN_INTEGER)
		return number_int32(raw->text, raw->size, value);
	if (!number_float32(raw->text, raw->size, &real))
		return false;
	*value = forest_real_key(real);
	return true;
}

/* A label is stored as a text's code, whatever its type: an integer is checked all the same. */
static bool is_label(const struct feature_column *label, const struct raw_value *raw)
{
	int32_t integer;

	return label->type != COLUMN_INTEGER || number_int32(raw->text, raw->size, &integer);
}

enum encoded encode_row(const struct feature_columns *set, const struct raw_value *raw, int32_t *values,
			int64_t *missing, int *wrong)
{
	bool dropped = false;

	for (int i = 0; i < set->count; i++)
		if (is_missing(&set->columns[i], &raw[i])) {
			missing[i]++;
			dropped = true;
		}
	if (dropped)
		return DROPPED;
	for (int i = 0; i < set->count; i++)
		if ((i == 0 && !is_label(&set->columns[0], raw)) ||
		    !encode_value(&set->columns[i], &raw[i], &values[i])) {
			*wrong = i;
			return WRONG;
		}
	return ENCODED;
}
