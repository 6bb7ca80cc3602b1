#include "model-training/ranking.h"

#include <stdlib.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/pairs.h"

/* Numbers within so small a range are looked up, others sorted. */
enum { DIRECT_RANGE = 1 << 16 };

static void ranking_add(struct ranking *ranking, int32_t key)
{
	ranking->keys[ranking->count++] = key;
}

/* Values close together are looked up. */
static void rank_directly(struct ranking *ranking, const int32_t *values, size_t stride, int64_t rows, int32_t low,
			  int32_t high)
{
	size_t range = (size_t)((int64_t)high - low) + 1;
	uint32_t *places = xcalloc(range, sizeof(*places));

	for (int64_t row = 0; row < rows; row++)
		places[(int64_t)values[(size_t)row * stride] - low] = 1;
	for (size_t i = 0; i < range; i++)
		if (places[i]) {
			places[i] = (uint32_t)ranking->count;
			ranking_add(ranking, (int32_t)(low + (int64_t)i));
		}
	for (int64_t row = 0; row < rows; row++)
		ranking->ranks[row] = places[(int64_t)values[(size_t)row * stride] - low];
	free(places);
}

static void rank_by_sorting(struct ranking *ranking, const int32_t *values, size_t stride, int64_t rows)
{
	size_t count = (size_t)rows;
	struct pair *pairs = xcalloc(count, sizeof(*pairs));

	for (size_t row = 0; row < count; row++)
		pairs[row] = (struct pair){(uint32_t)values[row * stride] ^ 0x80000000u, (uint32_t)row};
	pairs_sort(pairs, count);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || pairs[i].key != pairs[i - 1].key)
			ranking_add(ranking, (int32_t)((uint32_t)pairs[i].key ^ 0x80000000u));
		ranking->ranks[pairs[i].thing] = (uint32_t)ranking->count - 1;
	}
	free(pairs);
}

void ranking_find(struct ranking *ranking, const int32_t *values, size_t stride, const int64_t *counts, int64_t rows)
{
	int32_t low = INT32_MAX, high = INT32_MIN;

	for (int64_t row = 0; row < rows; row++) {
		int32_t value = values[(size_t)row * stride];

		low = value < low ? value : low;
		high = value > high ? value : high;
	}
	*ranking = (struct ranking){.keys = xcalloc((size_t)rows, sizeof(*ranking->keys)),
				    .rows = xcalloc((size_t)rows, sizeof(*ranking->rows)),
				    .ranks = xcalloc((size_t)rows, sizeof(*ranking->ranks))};
	if ((int64_t)high - low < DIRECT_RANGE)
		rank_directly(ranking, values, stride, rows, low, high);
	else
		rank_by_sorting(ranking, values, stride, rows);
	for (int64_t row = 0; row < rows; row++)
		ranking->rows[ranking->ranks[row]] += counts[row];
}

void ranking_release(struct ranking *ranking)
{
	free(ranking->keys);
	free(ranking->rows);
	free(ranking->ranks);
}
