/*
 * generate - write a CSV in the shape of the Porto Seguro training set.
 *
 * Row i is a function of the seed and i alone, so any window of the endless table can be made on its own.  The bytes
 * are the same on every machine: draws are integers, and the only floating point is sqrt, * and /, which IEEE 754
 * rounds exactly.  How the label depends on the features, and what drift does to that, is in data/README.md.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/log.h"
#include "common/setting.h"
#include "data/columns.h"

#define MAX_ROW_BYTES 2048 /* 59 fields of at most 21 bytes and their separators fit */
#define MAX_ROW 1e12
#define ONE UINT64_C(10000000000) /* reals are kept and printed in units of 1e-10 */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* Draws that belong to no column of their own. */
enum { DRAW_NOISE = COLUMNS, DRAW_MISSING_LABEL, DRAW_CHANGED };

/*
 * What decides the label.  A score over the five features is a few slopes plus one fixed pseudo-random effect for every
 * car_01, every car_06, some pairs, some triples and every single cell; noise is added and the sum is cut at three
 * limits.  The many small effects are what more rows keep teaching a model.  The seed changes none of this, so tables
 * of different seeds are samples of one population.  Weights and slopes are in 1/1000.
 */
struct relation {
	uint64_t salt;
	int slope_03;
	int64_t limit[3]; /* cut so that 72.6, 20.8, 4.7 and 1.9 % fall between them */
};

#define NOISE_WEIGHT 700
#define SCORE_UNIT 37837 /* the standard deviation of bell() */

static const struct relation relation_before = {
    .salt = 100,
    .slope_03 = 222,
    .limit = {66891000, 125172000, 161754000},
};
static const struct relation relation_after = {
    .salt = 200,
    .slope_03 = -222,
    .limit = {-10367000, 44683000, 77875000},
};

static int64_t rows, seed, start_row, drift_from, drift_over;
static const char *drift_kind, *output;
static double drift_share;

static enum drift { DRIFT_NONE, DRIFT_GRADUAL, DRIFT_SUDDEN } drift;
static uint64_t drift_size; /* drift_share of 2^32 */

/* clang-format off */
static const struct setting settings[] = {
	{.option = "rows", .kind = SETTING_INT, .target = &rows, .initial = "100000", .high = MAX_ROW,
	 .value_name = "N", .help = "rows to write; 0 writes the header only"},
	{.option = "seed", .kind = SETTING_INT, .target = &seed, .initial = "1", .high = 1e18,
	 .value_name = "S", .help = "which of the tables"},
	{.option = "start-row", .kind = SETTING_INT, .target = &start_row, .initial = "0", .high = MAX_ROW,
	 .value_name = "R", .help = "begin with row R of the table, the first is 0"},
	{.option = "drift", .kind = SETTING_CHOICE, .target = &drift_kind, .initial = "none",
	 .choices = "none|gradual|sudden", .value_name = "KIND", .help = "how the label's relation changes"},
	{.option = "drift-from", .kind = SETTING_INT, .target = &drift_from, .initial = "100000", .high = MAX_ROW,
	 .value_name = "R", .help = "the row at which drift begins"},
	{.option = "drift-over", .kind = SETTING_INT, .target = &drift_over, .initial = "120000", .high = 1e9,
	 .value_name = "N", .help = "rows until gradual drift reaches its size"},
	{.option = "drift-size", .kind = SETTING_REAL, .target = &drift_share, .initial = "0.3", .high = 1,
	 .value_name = "S", .help = "share of the rows that change in the end, 0 to 1"},
	{.option = "output", .kind = SETTING_TEXT, .target = &output,
	 .value_name = "FILE", .help = "write to FILE instead of standard output"},
};
/* clang-format on */

static const struct program program = {
    .name = "generate",
    .purpose = "Writes a CSV in the shape of the Porto Seguro training set.",
    .usage = "[OPTIONS]",
    .notes = "Exit codes: 0 done, 1 could not write, 2 wrong usage. The table is described in data/README.md.",
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
};

struct picker {
	uint8_t guide[256];	    /* the value at which to begin looking, by the draw's top byte */
	uint64_t limit[MAX_VALUES]; /* value k is drawn below limit[k], of 2^32 */
};

static struct picker pickers[COLUMNS];

/* The 18 x 14 groups of (car_06, ind_15) change one after the other: a group's place in that order, of 2^32. */
#define GROUPS (18 * 14)
static struct {
	uint64_t begin, width;
} change[GROUPS];

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t draw(uint64_t row_key, int number)
{
	return mix(row_key + (uint64_t)(number + 1) * GOLDEN);
}

/* Nearly normal around 0: the sum of the draw's four 16-bit parts. */
static int64_t bell(uint64_t d)
{
	return (int64_t)((d & 0xffff) + (d >> 16 & 0xffff) + (d >> 32 & 0xffff) + (d >> 48)) - 2 * 65535;
}

static void build_pickers(void)
{
	for (int c = 0; c < COLUMNS; c++) {
		const struct column *col = &columns[c];
		struct picker *p = &pickers[c];
		uint64_t sum = 0, upto = 0;
		for (int k = 0; k < col->n_weights; k++)
			sum += (uint64_t)col->weights[k];
		for (int k = 0; k < col->n_weights; k++) {
			upto += (uint64_t)col->weights[k];
			p->limit[k] = (upto << 32) / sum;
		}
		for (uint64_t top = 0, k = 0; col->n_weights && top < 256; top++) {
			while (top << 24 >= p->limit[k])
				k++;
			p->guide[top] = (uint8_t)k;
		}
	}
}

static int pick(int column, uint64_t d)
{
	const struct picker *p = &pickers[column];
	uint64_t u = d >> 32;
	int k = p->guide[u >> 24];
	while (u >= p->limit[k])
		k++;
	return k;
}

/* Put the groups in a fixed shuffled order, each as wide as its share of the rows, so that size S changes S of them. */
static void build_change_order(void)
{
	const struct column *car = &columns[CAR_06], *ind = &columns[IND_15];
	int order[GROUPS];
	uint64_t sum = 0, upto = 0;
	for (int g = 0; g < GROUPS; g++) {
		int at = g;
		for (; at > 0 && mix((uint64_t)order[at - 1] + GOLDEN) > mix((uint64_t)g + GOLDEN); at--)
			order[at] = order[at - 1];
		order[at] = g;
		sum += (uint64_t)(car->weights[g / 14] * ind->weights[g % 14]);
	}
	for (int i = 0; i < GROUPS; i++) {
		int g = order[i];
		change[g].begin = (upto << 32) / sum;
		upto += (uint64_t)(car->weights[g / 14] * ind->weights[g % 14]);
		change[g].width = (upto << 32) / sum - change[g].begin;
	}
}

/* The share of the rows, of 2^32, whose label follows the new relation at this row. */
static uint64_t drift_strength(int64_t row)
{
	if (drift == DRIFT_NONE || row < drift_from)
		return 0;
	if (drift == DRIFT_SUDDEN || row - drift_from >= drift_over)
		return drift_size;
	return drift_size * (uint64_t)(row - drift_from) / (uint64_t)drift_over;
}

static int64_t effect(uint64_t salt, uint64_t term, uint64_t value)
{
	return bell(mix(mix(salt + term * GOLDEN) + value));
}

static int64_t score(const struct relation *r, const int64_t *v)
{
	int64_t ind_01 = v[IND_01], ind_03 = v[IND_03], ind_15 = v[IND_15];
	uint64_t a = (uint64_t)ind_01, b = (uint64_t)ind_03, c = (uint64_t)ind_15;
	uint64_t d = (uint64_t)(v[CAR_01] + 1), e = (uint64_t)v[CAR_06];
	int64_t smooth =
	    225 * ind_01 + r->slope_03 * ind_03 - 220 * llabs(ind_15 - 7) + 36 * (ind_03 - 4) * (ind_15 - 7);
	int64_t alone = effect(r->salt, 1, d) + effect(r->salt, 2, e);
	int64_t pairs = effect(r->salt, 3, b * 18 + e) + effect(r->salt, 4, c * 13 + d) +
			effect(r->salt, 5, a * 18 + e) + effect(r->salt, 6, b * 14 + c);
	int64_t triples = effect(r->salt, 7, (b * 14 + c) * 18 + e) + effect(r->salt, 8, (a * 12 + b) * 18 + e) +
			  effect(r->salt, 9, (c * 13 + d) * 18 + e);
	int64_t cell = effect(r->salt, 10, (((a * 12 + b) * 14 + c) * 13 + d) * 18 + e);
	return SCORE_UNIT * smooth + 500 * alone + 360 * pairs + 240 * triples + 300 * cell;
}

static int label(uint64_t row, uint64_t row_key, const int64_t *v)
{
	/* 0.036 % (1558000 of 2^32) are missing, as in the real file. */
	if (draw(row_key, DRAW_MISSING_LABEL) >> 32 < 1558000)
		return -1;
	int64_t group = v[CAR_06] * 14 + v[IND_15];
	uint64_t place = change[group].begin + ((draw(row_key, DRAW_CHANGED) >> 32) * change[group].width >> 32);
	const struct relation *r = place < drift_strength((int64_t)row) ? &relation_after : &relation_before;
	int64_t x = score(r, v) + NOISE_WEIGHT * bell(draw(row_key, DRAW_NOISE));
	return 1 + (x >= r->limit[0]) + (x >= r->limit[1]) + (x >= r->limit[2]);
}

/* Two of every five numbers, as dense as in the real file: ids rise with gaps and never repeat. */
static uint64_t row_id(uint64_t seed_key, uint64_t row)
{
	uint64_t d = mix(seed_key + ~(row / 2));
	return 7 + 5 * (row / 2) + (row % 2 ? 2 + d % 3 : (d >> 32) % 2);
}

/* sqrt(n) / divisor in units of 1e-10, rounded half up in integers: no addition a compiler could fuse. */
static int64_t root(uint64_t n, int divisor)
{
	double x = sqrt((double)n) * 2e10 / divisor;
	return ((int64_t)x + 1) / 2;
}

/* Two uniform parts make the hump, the 1024th power of a third the long tail. */
static int64_t wide_root(const struct column *col, uint64_t d)
{
	if ((int)(d >> 48) < col->missing)
		return -(int64_t)ONE;
	uint64_t hump = (d & 0xffff) + (d >> 16 & 0xffff), tail = d >> 32 & 0xffff;
	for (int i = 0; i < 10; i++)
		tail = tail * tail >> 16;
	return root((uint64_t)col->base + (((uint64_t)col->spread * hump + (uint64_t)col->tail * tail) >> 16),
		    col->divisor);
}

/* The value of a column that needs no other. */
static int64_t value_of(int c, uint64_t d)
{
	const struct column *col = &columns[c];
	switch (col->kind) {
	case PICK:
		return col->low + pick(c, d);
	case TENTHS:
		return pick(c, d) * (int64_t)(ONE / 10);
	case ROOT_PICK:
		return root((uint64_t)(col->low + pick(c, d)), col->divisor);
	case ROOT:
		return wide_root(col, d);
	case CODE_104:
		return (d & 0xffff) < 65536 / 7 ? 104 : 1 + (int64_t)((d >> 32) * 103 >> 32);
	default:
		return 0;
	}
}

static void fill_row(uint64_t seed_key, uint64_t row, int64_t *v)
{
	uint64_t key = mix(seed_key + row);
	for (int c = 0; c < COLUMNS; c++) {
		if (columns[c].kind == ONE_OF) {
			int one = pick(c, draw(key, c));
			for (int k = 0; k < columns[c].low; k++)
				v[c + k] = k == one;
		} else if (columns[c].kind == SUM_OF_4) {
			v[c] = v[c - 4] + v[c - 3] + v[c - 2] + v[c - 1];
		} else if (columns[c].kind != FOLLOWS) {
			v[c] = value_of(c, draw(key, c));
		}
	}
	v[0] = (int64_t)row_id(seed_key, row);
	v[IND_02] = label(row, key, v);
}

static char *put_integer(char *p, int64_t v)
{
	char digits[20];
	int n = 0;
	if (v < 0) {
		*p++ = '-';
		v = -v;
	}
	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* v units of 1e-10 with no trailing zeros: 0, 0.7, 0.7180703308, -1. */
static char *put_real(char *p, int64_t v)
{
	p = put_integer(p, v / (int64_t)ONE);
	int64_t rest = llabs(v) % (int64_t)ONE;
	if (rest)
		*p++ = '.';
	for (int64_t unit = (int64_t)ONE / 10; rest; unit /= 10) {
		*p++ = (char)('0' + rest / unit);
		rest %= unit;
	}
	return p;
}

static char *put_row(char *p, const int64_t *v)
{
	for (int c = 0; c < COLUMNS; c++) {
		enum kind kind = columns[c].kind;
		if (kind == TENTHS || kind == ROOT || kind == ROOT_PICK)
			p = put_real(p, v[c]);
		else
			p = put_integer(p, v[c]);
		*p++ = c < COLUMNS - 1 ? ',' : '\n';
	}
	return p;
}

static char *put_header(char *p)
{
	for (int c = 0; c < COLUMNS; c++) {
		p = stpcpy(p, columns[c].name);
		*p++ = c < COLUMNS - 1 ? ',' : '\n';
	}
	return p;
}

static bool write_table(FILE *out)
{
	static char buffer[1 << 16];
	int64_t values[COLUMNS] = {0};
	uint64_t seed_key = mix((uint64_t)seed + GOLDEN);
	char *p = put_header(buffer);
	setvbuf(out, NULL, _IONBF, 0);
	for (int64_t row = start_row; row < start_row + rows; row++) {
		if (buffer + sizeof buffer - p < MAX_ROW_BYTES) {
			if (fwrite(buffer, 1, (size_t)(p - buffer), out) != (size_t)(p - buffer))
				return false;
			p = buffer;
		}
		fill_row(seed_key, (uint64_t)row, values);
		p = put_row(p, values);
	}
	return fwrite(buffer, 1, (size_t)(p - buffer), out) == (size_t)(p - buffer);
}

/* The texts of the settings as what the draws work with. */
static void read_settings(void)
{
	drift = strcmp(drift_kind, "gradual") == 0  ? DRIFT_GRADUAL
		: strcmp(drift_kind, "sudden") == 0 ? DRIFT_SUDDEN
						    : DRIFT_NONE;
	drift_size = (uint64_t)(drift_share * 4294967296.0);
}

static bool generate(struct fail *fail)
{
	FILE *out = output ? fopen(output, "we") : stdout;
	const char *name = output ? output : "standard output";

	if (!out)
		return fail_set(fail, EXIT_FAILED, "could not open \"%s\" to write: %s", name, strerror(errno));
	bool good = write_table(out);
	int error = errno;
	if (fclose(out) && good) {
		good = false;
		error = errno;
	}
	return good ||
	       fail_set(fail, EXIT_FAILED, "could not write \"%s\", it is incomplete: %s", name, strerror(error));
}

int main(int argc, char **argv)
{
	struct fail fail = {0};

	log_init("generate");
	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	signal(SIGPIPE, SIG_IGN); /* a closed pipe becomes a write error with its sentence */
	read_settings();
	build_pickers();
	build_change_order();
	return generate(&fail) ? EXIT_DONE : fail_exit(&fail);
}
