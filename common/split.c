#include "common/split.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/xalloc.h"

enum { DECIMALS = 18 };

/* Digits of the fraction, moved by the exponent, as an integer in units of 10^-18. */
static bool parse_fraction(const char *text, uint64_t *units)
{
	char digits[2 * DECIMALS + 2] = {0};
	int count = 0, point = -1;
	long exponent = 0;
	char *end;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && point < 0); text++) {
		if (*text == '.')
			point = count;
		else if (count == 2 * DECIMALS)
			return false;
		else
			digits[count++] = *text;
	}
	if (count == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		if (text[1] == ' ' || (text[1] >= '\t' && text[1] <= '\r')) /* strtol would skip it */
			return false;
		exponent = strtol(text + 1, &end, 10);
		if (end == text + 1 || exponent < -DECIMALS || exponent > DECIMALS)
			return false;
		text = end;
	}
	if (*text)
		return false;
	point = (point < 0 ? count : point) + (int)exponent; /* digits in front of the decimal point */
	*units = 0;
	for (int i = 0; i < count; i++) {
		int place = DECIMALS - 1 - (i - point); /* power of ten of this digit, in units */
		uint64_t value = (uint64_t)(digits[i] - '0');

		if (value == 0)
			continue;
		if (place < 0 || place >= DECIMALS)
			return false;
		while (place-- > 0)
			value *= 10;
		*units += value;
	}
	return true;
}

bool split_limit(const char *holdout, char limit[SPLIT_LIMIT_SIZE])
{
	const unsigned __int128 one = 1000000000000000000u;
	uint64_t units;

	if (!parse_fraction(holdout, &units))
		return false;
	snprintf(limit, SPLIT_LIMIT_SIZE, "%llu", (unsigned long long)(((unsigned __int128)units << 64) / one));
	return true;
}

struct split {
	struct digest *digest;
	char *source;
	size_t source_size; /* with the NUL that separates it from the id */
	uint64_t limit;
};

struct split *split_new(const char *source, const char *limit)
{
	struct split *split = xmalloc(sizeof(*split));

	*split = (struct split){.digest = digest_new(),
				.source = xstrdup(source),
				.source_size = strlen(source) + 1,
				.limit = strtoull(limit, NULL, 10)};
	return split;
}

bool split_has(struct split *split, const char *id, size_t id_size)
{
	unsigned char hash[DIGEST_SIZE];
	uint64_t head = 0;

	digest_add(split->digest, split->source, split->source_size);
	digest_add(split->digest, id, id_size);
	digest_restart(split->digest, hash);
	for (int i = 0; i < 8; i++)
		head = head << 8 | hash[i];
	return head < split->limit;
}

void split_free(struct split *split)
{
	if (!split)
		return;
	digest_free(split->digest);
	free(split->source);
	free(split);
}
