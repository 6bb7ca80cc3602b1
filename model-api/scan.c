#include "model-api/scan.h"

#include <string.h>

/* What is left of the body; it ends at `end`, not with a NUL. */
struct scan {
	const char *at, *end;
};

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	if (scan->at < scan->end && *scan->at == c) {
		scan->at++;
		return true;
	}
	skip_blanks(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static bool take_word(struct scan *scan, const char *word, size_t size)
{
	skip_blanks(scan);
	if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
		return false;
	scan->at += size;
	return true;
}

/* -?(0|[1-9][0-9]*) in 32 bits, and nothing that would go on as another number. "-0" is left to the parser. */
static bool take_integer(struct scan *scan, int32_t *key)
{
	const char *first;
	bool negative;
	int64_t value = 0;

	skip_blanks(scan);
	negative = scan->at < scan->end && *scan->at == '-';
	scan->at += negative;
	first = scan->at;
	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && scan->at - first < 11)
		value = value * 10 + (*scan->at++ - '0');
	if (scan->at == first || (*first == '0' && (negative || scan->at - first > 1)))
		return false;
	if (negative)
		value = -value;
	*key = (int32_t)value;
	return value == *key;
}

static bool take_row(struct scan *scan, const struct model *model, int32_t *keys)
{
	int count = model->forest->feature_count;

	if (!take(scan, '['))
		return false;
	for (int i = 0; i < count; i++) {
		const struct model_feature *feature = &model->features[i];

		if ((i && !take(scan, ',')) || !take_integer(scan, &keys[i]))
			return false;
		for (int j = 0; j < feature->missing_key_count; j++)
			if (feature->missing_keys[j] == keys[i])
				return false;
	}
	return take(scan, ']');
}

static bool only_integers(const struct model *model)
{
	for (int i = 0; i < model->forest->feature_count; i++)
		if (model->features[i].column.type != COLUMN_INTEGER)
			return false;
	return true;
}

/* The shortest row, "[1,2]," with its comma, tells how many rows a body can hold. */
static size_t most_rows(size_t size, const struct model *model, size_t max_rows)
{
	size_t most = size / (2 * (size_t)model->forest->feature_count + 1) + 1;

	return most < max_rows ? most : max_rows;
}

bool scan_body(const char *body, size_t size, const struct model *model, size_t max_rows, struct encoded *encoded,
	       struct scanned *scanned)
{
	struct scan scan = {body, body + size};
	size_t columns = (size_t)model->forest->feature_count, most = 1;

	if (!only_integers(model) || !take(&scan, '{'))
		return false;
	scanned->rows = 0;
	scanned->single = take_word(&scan, "\"row\"", 5);
	if (!scanned->single && !take_word(&scan, "\"rows\"", 6))
		return false;
	if (!take(&scan, ':') || (!scanned->single && !take(&scan, '[')))
		return false;
	if (!scanned->single)
		most = most_rows(size, model, max_rows);
	encoded_make_room(encoded, most, model);
	do {
		if (scanned->rows == most || !take_row(&scan, model, encoded->keys + scanned->rows * columns))
			return false;
		scanned->rows++;
	} while (!scanned->single && take(&scan, ','));
	if ((!scanned->single && !take(&scan, ']')) || !take(&scan, '}'))
		return false;
	skip_blanks(&scan);
	return scan.at == scan.end;
}
