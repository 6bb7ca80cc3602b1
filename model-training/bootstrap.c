#include "model-training/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/random.h"

enum {
	SIZES = 32,	    /* of pieces: 2^0 .. 2^31 */
	TABLES = 5,	    /* at most */
	GROUP_BITS = 8,	    /* an interval of 2^8 pieces is filled at once, */
	PLACED_DARTS = 4,   /* dart by dart where they are at most so many for each piece, */
	PLACED_ALWAYS = 16, /* or so few, be it as large as it may */
};

/* Binomial(2^exponent, 1/2) by the alias method (Walker 1977): a column is chosen by some bits of a random word and
 * then one of its two outcomes by the others. The columns' sums are integers, so nothing is lost but the rounding of
 * the probabilities. */
struct binomial {
	int exponent, column_bits;
	uint64_t lowest; /* outcome of column 0 */
	uint64_t *own;	 /* by column: its own outcome's share of 2^(62 - column_bits) */
	uint16_t *other; /* and the column whose outcome has the rest */
};

struct bootstrap {
	uint32_t slot_count;
	uint64_t rows, draws;
	int levels;		     /* the rows lie on 0 .. 2^levels - 1 */
	uint64_t begin[SIZES];	     /* where the pieces of 2^size rows begin */
	uint64_t end[SIZES];	     /* and end */
	uint32_t first_piece[SIZES]; /* in piece_slots */
	uint32_t *piece_slots;
	struct binomial tables[TABLES]; /* the larger ones only where rows are many */
	int table_count;
};

/* ------------------------------------------------------------------ tables */

/* Probabilities, times 2^62, of outcomes around the middle; what is left out is below 2^-62. */
static void fill_probabilities(int exponent, uint64_t *parts, size_t count)
{
	double n = (double)(UINT64_C(1) << exponent), lowest = n / 2 - (double)(count / 2), sum = 0;
	double *weights = xcalloc(count, sizeof(*weights));
	uint64_t missing = UINT64_C(1) << 62;

	weights[count / 2] = 1;
	for (size_t i = count / 2; i + 1 < count; i++)
		weights[i + 1] = weights[i] * (n - lowest - (double)i) / (lowest + (double)i + 1);
	for (size_t i = count / 2; i > 0; i--)
		weights[i - 1] = weights[i] * (lowest + (double)i) / (n - lowest - (double)i + 1);
	for (size_t i = 0; i < count; i++)
		sum += weights[i];
	for (size_t i = 0; i < count; i++) {
		parts[i] = (uint64_t)(weights[i] / sum * 0x1p62);
		missing -= parts[i];
	}
	parts[count / 2] += missing; /* by rounding; it may be "negative" */
	free(weights);
}

static void binomial_init(struct binomial *table, int exponent, int column_bits)
{
	size_t count = (size_t)1 << column_bits, poor = 0, rich = 0;
	uint64_t full = UINT64_C(1) << (62 - column_bits);
	uint64_t *parts = xcalloc(count, sizeof(*parts));
	uint16_t *order = xcalloc(count, sizeof(*order)); /* poor columns from the front, rich ones from the back */

	fill_probabilities(exponent, parts, count);
	*table = (struct binomial){.exponent = exponent,
				   .column_bits = column_bits,
				   .lowest = (UINT64_C(1) << exponent) / 2 - count / 2,
				   .own = xcalloc(count, sizeof(*table->own)),
				   .other = xcalloc(count, sizeof(*table->other))};
	for (size_t i = 0; i < count; i++)
		if (parts[i] < full)
			order[poor++] = (uint16_t)i;
		else
			order[count - ++rich] = (uint16_t)i;
	while (poor > 0 && rich > 0) {
		uint16_t from = order[count - rich], to = order[--poor];

		table->own[to] = parts[to];
		table->other[to] = from;
		parts[from] -= full - parts[to];
		if (parts[from] < full) {
			rich--;
			order[poor++] = from;
		}
	}
	for (size_t i = count - rich; i < count; i++)
		table->own[order[i]] = full;
	free(parts);
	free(order);
}

static inline uint64_t binomial_take(const struct binomial *table, uint64_t word)
{
	uint64_t column = word & ((UINT64_C(1) << table->column_bits) - 1);

	if (word >> (table->column_bits + 2) >= table->own[column])
		column = table->other[column];
	return table->lowest + column;
}

/* ------------------------------------------------------------------ the pieces */

static void count_pieces(struct bootstrap *bootstrap, const uint32_t *counts)
{
	uint64_t pieces[SIZES] = {0}, at = 0, piece = 0;

	for (uint32_t s = 0; s < bootstrap->slot_count; s++) {
		bootstrap->rows += counts[s];
		for (uint32_t left = counts[s]; left; left &= left - 1)
			pieces[__builtin_ctz(left)]++;
	}
	while (UINT64_C(1) << bootstrap->levels < bootstrap->rows)
		bootstrap->levels++;
	for (int size = SIZES - 1; size >= 0; size--) {
		bootstrap->begin[size] = at;
		bootstrap->end[size] = at += pieces[size] << size;
		bootstrap->first_piece[size] = (uint32_t)piece;
		piece += pieces[size];
	}
	bootstrap->piece_slots = xcalloc(piece, sizeof(*bootstrap->piece_slots));
}

struct bootstrap *bootstrap_new(const uint32_t *counts, uint32_t slot_count, double fraction)
{
	/* At least 11 standard deviations, 2^(exponent / 2 - 1) each, on both sides of the middle. */
	static const struct {
		int exponent, column_bits;
	} shapes[TABLES] = {{7, 7}, {10, 9}, {13, 10}, {16, 12}, {20, 14}};
	struct bootstrap *bootstrap = xcalloc(1, sizeof(*bootstrap));
	uint32_t next[SIZES];

	bootstrap->slot_count = slot_count;
	count_pieces(bootstrap, counts);
	bootstrap->draws = (uint64_t)((double)bootstrap->rows * fraction + 0.5);
	if (bootstrap->draws == 0)
		bootstrap->draws = 1;
	memcpy(next, bootstrap->first_piece, sizeof(next));
	for (uint32_t s = 0; s < slot_count; s++)
		for (uint32_t left = counts[s]; left; left &= left - 1)
			bootstrap->piece_slots[next[__builtin_ctz(left)]++] = s;
	while (bootstrap->table_count < TABLES && bootstrap->levels > shapes[bootstrap->table_count].exponent + 1) {
		binomial_init(&bootstrap->tables[bootstrap->table_count], shapes[bootstrap->table_count].exponent,
			      shapes[bootstrap->table_count].column_bits);
		bootstrap->table_count++;
	}
	return bootstrap;
}

uint64_t bootstrap_draws(const struct bootstrap *bootstrap)
{
	return bootstrap->draws;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
	if (!bootstrap)
		return;
	for (int i = 0; i < bootstrap->table_count; i++) {
		free(bootstrap->tables[i].own);
		free(bootstrap->tables[i].other);
	}
	free(bootstrap->piece_slots);
	free(bootstrap);
}

/* ------------------------------------------------------------------ the darts */

struct throwing {
	const struct bootstrap *bootstrap;
	uint64_t random;
	uint32_t *draws;
	int size; /* of the pieces where the last dart went; places only grow within a throw */
};

/* Binomial(n, 1/2). */
static inline uint64_t halve(const struct bootstrap *bootstrap, uint64_t *state, uint64_t n)
{
	uint64_t random = *state, ones = 0;

	for (int i = bootstrap->table_count - 1; i >= 0; i--) {
		const struct binomial *table = &bootstrap->tables[i];

		for (; n >> table->exponent; n -= UINT64_C(1) << table->exponent)
			ones += binomial_take(table, random_next(&random));
	}
	for (; n > 63; n -= 64)
		ones += (uint64_t)__builtin_popcountll(random_next(&random));
	/* The lowest n bits, without a branch. */
	ones += (uint64_t)__builtin_popcountll(random_next(&random) & ((UINT64_C(1) << n) - 1));
	*state = random;
	return ones;
}

/* One by one into 2^bits pieces. */
static inline void place(struct throwing *throwing, uint64_t n, const uint32_t *piece_slots, int bits)
{
	uint64_t random = throwing->random, mask = (UINT64_C(1) << bits) - 1;

	while (n > 0) {
		uint64_t word = random_next(&random);

		for (int left = 64; left >= bits && n > 0; left -= bits, n--) {
			throwing->draws[piece_slots[word & mask]]++;
			word >>= bits;
		}
	}
	throwing->random = random;
}

/* By halving, all intervals of a size together, so that they need not wait for each other. */
static void spread(struct throwing *throwing, uint64_t n, const uint32_t *piece_slots, int bits)
{
	uint64_t darts[1 << GROUP_BITS], random = throwing->random;

	darts[0] = n;
	for (int level = 0; level < bits; level++)
		for (int i = (1 << level) - 1; i >= 0; i--) {
			uint64_t left = darts[i] ? halve(throwing->bootstrap, &random, darts[i]) : 0;

			darts[2 * i + 1] = darts[i] - left;
			darts[2 * i] = left;
		}
	for (int i = 0; i < 1 << bits; i++)
		throwing->draws[piece_slots[i]] += (uint32_t)darts[i];
	throwing->random = random;
}

/* At low .. low + 2^level - 1, uniformly. Returns how many went past the last row. */
static uint64_t throw_darts(struct throwing *throwing, uint64_t n, uint64_t low, int level)
{
	const struct bootstrap *bootstrap = throwing->bootstrap;
	uint64_t left;

	if (n == 0 || low >= bootstrap->rows)
		return n;
	while (low >= bootstrap->end[throwing->size])
		throwing->size--;
	if (low + (UINT64_C(1) << level) <= bootstrap->end[throwing->size]) {
		int size = throwing->size, bits = level - size;
		const uint32_t *piece_slots =
		    bootstrap->piece_slots + bootstrap->first_piece[size] + ((low - bootstrap->begin[size]) >> size);

		if (bits > GROUP_BITS ? n <= PLACED_ALWAYS : n <= (uint64_t)PLACED_DARTS << bits) {
			place(throwing, n, piece_slots, bits);
			return 0;
		}
		if (bits <= GROUP_BITS) {
			spread(throwing, n, piece_slots, bits);
			return 0;
		}
	}
	left = halve(bootstrap, &throwing->random, n);
	return throw_darts(throwing, left, low, level - 1) +
	       throw_darts(throwing, n - left, low + (UINT64_C(1) << (level - 1)), level - 1);
}

void bootstrap_draw(const struct bootstrap *bootstrap, uint64_t seed, uint32_t tree, uint32_t *draws)
{
	struct throwing throwing = {.bootstrap = bootstrap, .random = random_tree_state(seed, tree), .draws = draws};
	uint64_t n = bootstrap->draws;

	memset(draws, 0, bootstrap->slot_count * sizeof(*draws));
	while (n > 0) {
		throwing.size = SIZES - 1;
		n = throw_darts(&throwing, n, 0, bootstrap->levels);
	}
}
