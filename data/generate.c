/*
 * generate - write a CSV in the shape of the Porto Seguro training set.
 *
 * Row i is a function of the seed and i alone, so any window of the endless table can be made on its own.  The bytes
 * are the same on every machine: draws are integers, and the only floating point is sqrt, * and /, which IEEE 754
 * rounds exactly.  How the label depends on the features, and what drift does to that, is in data/README.md.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GREEN_ML_VERSION
#define GREEN_ML_VERSION "dev"
#endif

#define COLUMNS 59
#define MAX_VALUES 26	   /* most values a picked column can take */
#define MAX_ROW_BYTES 2048 /* 59 fields of at most 21 bytes and their separators fit */
#define MAX_ROW UINT64_C(1000000000000)
#define ONE UINT64_C(10000000000) /* reals are kept and printed in units of 1e-10 */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

enum kind {
	ID,
	LABEL,
	PICK,	   /* an integer by weight, counted up from .low */
	TENTHS,	   /* a picked integer / 10 */
	ROOT_PICK, /* sqrt(picked integer) / .divisor */
	ROOT,	   /* sqrt(integer from a wide skewed range) / .divisor */
	ONE_OF,	   /* one bit set at most, over this and the next .low - 1 columns */
	FOLLOWS,   /* filled by the ONE_OF before it */
	SUM_OF_4,  /* of the four columns before */
	CODE_104,  /* 1..104, the last far more often than the rest */
};

struct column {
	const char *name;
	enum kind kind;
	int low;
	int n_weights;
	const int *weights;
	int divisor;
	int base, spread, tail, missing; /* ROOT; missing in 1/65536 */
};

/* Columns that need a name below; the others are only walked over. */
enum { IND_01 = 2, IND_02 = 3, IND_03 = 4, IND_15 = 16, CAR_01 = 23, CAR_06 = 28 };

/* Draws that belong to no column of their own. */
enum { DRAW_NOISE = COLUMNS, DRAW_MISSING_LABEL, DRAW_CHANGED };

/* clang-format off */
#define WEIGHTS(...) \
	.n_weights = sizeof((const int[]){__VA_ARGS__}) / sizeof(int), .weights = (const int[]){__VA_ARGS__}
#define BIN(ones) PICK, WEIGHTS(100000 - (ones), ones)

static const struct column columns[COLUMNS] = {
	{"id", .kind = ID}, {"target", BIN(3645)},
	{"ps_ind_01", PICK, WEIGHTS(325, 220, 140, 98, 72, 75, 48, 42)}, {"ps_ind_02_cat", .kind = LABEL},
	{"ps_ind_03", PICK, WEIGHTS(65, 80, 155, 130, 105, 100, 85, 75, 75, 60, 40, 30)},
	{"ps_ind_04_cat", PICK, -1, WEIGHTS(14, 58300, 41686)},
	{"ps_ind_05_cat", PICK, -1, WEIGHTS(980, 88700, 1400, 700, 1400, 3100, 500, 3220)},
	{"ps_ind_06_bin", ONE_OF, 4, WEIGHTS(394, 257, 164, 185)}, {"ps_ind_07_bin", .kind = FOLLOWS},
	{"ps_ind_08_bin", .kind = FOLLOWS}, {"ps_ind_09_bin", .kind = FOLLOWS}, {"ps_ind_10_bin", BIN(37)},
	{"ps_ind_11_bin", BIN(169)}, {"ps_ind_12_bin", BIN(944)}, {"ps_ind_13_bin", BIN(95)},
	{"ps_ind_14", .kind = SUM_OF_4},
	{"ps_ind_15", PICK, WEIGHTS(50, 45, 50, 55, 60, 70, 85, 90, 90, 70, 85, 90, 85, 75)},
	{"ps_ind_16_bin", ONE_OF, 3, WEIGHTS(661, 121, 153, 65)}, {"ps_ind_17_bin", .kind = FOLLOWS},
	{"ps_ind_18_bin", .kind = FOLLOWS},
	{"ps_reg_01", TENTHS, WEIGHTS(30, 30, 50, 70, 80, 70, 100, 130, 140, 300)},
	{"ps_reg_02", TENTHS, WEIGHTS(130, 130, 180, 130, 90, 70, 60, 40, 40, 35, 25, 20, 15, 10, 10, 5, 4, 3, 3)},
	{"ps_reg_03", ROOT, .divisor = 40, .base = 6, .spread = 1450, .tail = 23700, .missing = 11862},
	{"ps_car_01_cat", PICK, -1, WEIGHTS(2, 10, 4, 7, 14, 44, 45, 105, 290, 35, 50, 90, 304)},
	{"ps_car_02_cat", PICK, -1, WEIGHTS(1, 16999, 83000)},
	{"ps_car_03_cat", PICK, -1, WEIGHTS(691, 123, 186)},
	{"ps_car_04_cat", PICK, WEIGHTS(8340, 540, 400, 10, 4, 10, 26, 6, 340, 324)},
	{"ps_car_05_cat", PICK, -1, WEIGHTS(448, 260, 292)},
	{"ps_car_06_cat", PICK, WEIGHTS(175, 180, 5, 25, 62, 4, 40, 28, 20, 38, 52, 195, 18, 14, 140, 40, 20, 24)},
	{"ps_car_07_cat", PICK, -1, WEIGHTS(193, 520, 9287)}, {"ps_car_08_cat", BIN(83200)},
	{"ps_car_09_cat", PICK, -1, WEIGHTS(10, 3260, 490, 5950, 240, 50)},
	{"ps_car_10_cat", PICK, WEIGHTS(85, 9905, 10)}, {"ps_car_11_cat", .kind = CODE_104},
	{"ps_car_11", PICK, -1, WEIGHTS(1, 4360, 18570, 15100, 61969)},
	{"ps_car_12", ROOT_PICK, 10, WEIGHTS(280, 3, 6, 4, 245, 10, 275, 4, 100, 8, 40, 3, 3, 2, 8, 9), .divisor = 10},
	{"ps_car_13", ROOT, .divisor = 220, .base = 3040, .spread = 30000, .tail = 625000},
	{"ps_car_14", ROOT, .divisor = 100, .base = 120, .spread = 1270, .tail = 1490, .missing = 4694},
	{"ps_car_15", ROOT_PICK, 0, WEIGHTS(60, 12, 5, 10, 25, 35, 50, 70, 100, 90, 120, 140, 130, 153, 2),
		.divisor = 1},
	{"ps_calc_01", TENTHS, WEIGHTS(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
	{"ps_calc_02", TENTHS, WEIGHTS(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
	{"ps_calc_03", TENTHS, WEIGHTS(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
	{"ps_calc_04", PICK, WEIGHTS(4027, 18144, 32699, 29466, 13276, 2393)},
	{"ps_calc_05", PICK, WEIGHTS(10422, 28622, 32753, 19989, 6862, 1256, 96)},
	{"ps_calc_06", PICK, WEIGHTS(1, 1, 22, 192, 1116, 4458, 12366, 23523, 29366, 21724, 7232)},
	{"ps_calc_07", PICK, WEIGHTS(2578, 11635, 23341, 27313, 20546, 10304, 3445, 740, 93, 5)},
	{"ps_calc_08", PICK, 2, WEIGHTS(1, 7, 84, 580, 2634, 8209, 17767, 26368, 25680, 14821, 3849)},
	{"ps_calc_09", PICK, WEIGHTS(5812, 20403, 30696, 25657, 12867, 3872, 647, 46)},
	{"ps_calc_10", PICK, WEIGHTS(22, 184, 775, 2179, 4592, 7742, 10878, 13100, 13804, 12930, 10900, 8353, 5868,
		3805, 2291, 1288, 678, 336, 158, 70, 29, 12, 5, 2, 1, 1)},
	{"ps_calc_11", PICK, WEIGHTS(434, 2361, 6421, 11643, 15835, 17229, 15621, 12139, 8255, 4990, 2714, 1342,
		609, 255, 99, 36, 12, 4, 1, 1)},
	{"ps_calc_12", PICK, WEIGHTS(23693, 34118, 24565, 11791, 4245, 1222, 293, 60, 11, 2, 1)},
	{"ps_calc_13", PICK, WEIGHTS(5670, 16273, 23351, 22339, 16028, 9200, 4401, 1804, 647, 206, 59, 15, 4, 1)},
	{"ps_calc_14", PICK, WEIGHTS(53, 401, 1511, 3796, 7156, 10792, 13562, 14608, 13768, 11534, 8697, 5961,
		3746, 2173, 1170, 588, 277, 123, 51, 20, 8, 3, 1, 1)},
	{"ps_calc_15_bin", BIN(12200)}, {"ps_calc_16_bin", BIN(62800)}, {"ps_calc_17_bin", BIN(55400)},
	{"ps_calc_18_bin", BIN(28700)}, {"ps_calc_19_bin", BIN(34900)}, {"ps_calc_20_bin", BIN(15300)},
};
/* clang-format on */

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

enum drift { DRIFT_NONE, DRIFT_GRADUAL, DRIFT_SUDDEN };

static struct {
	uint64_t rows, seed, start_row, drift_from, drift_over;
	uint64_t drift_size; /* of 2^32 */
	enum drift drift;
	const char *output; /* null: standard output */
} set = {.rows = 100000, .seed = 1, .drift_from = 100000, .drift_over = 120000, .drift_size = (UINT64_C(3) << 32) / 10};

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
static uint64_t drift_strength(uint64_t row)
{
	if (set.drift == DRIFT_NONE || row < set.drift_from)
		return 0;
	if (set.drift == DRIFT_SUDDEN || row - set.drift_from >= set.drift_over)
		return set.drift_size;
	return set.drift_size * (row - set.drift_from) / set.drift_over;
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
	const struct relation *r = place < drift_strength(row) ? &relation_after : &relation_before;
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
	uint64_t seed_key = mix(set.seed + GOLDEN);
	char *p = put_header(buffer);
	setvbuf(out, NULL, _IONBF, 0);
	for (uint64_t row = set.start_row; row < set.start_row + set.rows; row++) {
		if (buffer + sizeof buffer - p < MAX_ROW_BYTES) {
			if (fwrite(buffer, 1, (size_t)(p - buffer), out) != (size_t)(p - buffer))
				return false;
			p = buffer;
		}
		fill_row(seed_key, row, values);
		p = put_row(p, values);
	}
	return fwrite(buffer, 1, (size_t)(p - buffer), out) == (size_t)(p - buffer);
}

/* One table drives parsing and --help. Options with a number say where it goes and how large it may be. */
static const struct {
	const char *name, *argument, *help;
	uint64_t *number, most;
} options[] = {
    {"rows", "N", "rows to write; 0 writes the header only (100000)", &set.rows, MAX_ROW},
    {"seed", "S", "which of the tables (1)", &set.seed, UINT64_MAX},
    {"start-row", "R", "begin with row R of the table; the first is 0 (0)", &set.start_row, MAX_ROW},
    {"drift", "KIND", "none, gradual or sudden change of the label's relation (none)", NULL, 0},
    {"drift-from", "R", "the row at which drift begins (100000)", &set.drift_from, MAX_ROW},
    {"drift-over", "N", "rows until gradual drift reaches its size (120000)", &set.drift_over, 1000000000},
    {"drift-size", "S", "share of the rows that change in the end, 0 to 1 (0.3)", NULL, 0},
    {"output", "FILE", "write to FILE instead of standard output", NULL, 0},
    {"help", NULL, "print this and exit", NULL, 0},
    {"version", NULL, "print the version and exit", NULL, 0},
};
#define OPTIONS (sizeof options / sizeof *options)

static int print_about(const char *option)
{
	if (!strcmp(option, "version")) {
		puts("generate " GREEN_ML_VERSION);
		return 0;
	}
	puts("usage: generate [options]\n\nWrite a CSV in the shape of the Porto Seguro training set.\n");
	for (size_t i = 0; i < OPTIONS; i++)
		printf("  --%-10s %-5s %s\n", options[i].name, options[i].argument ? options[i].argument : "",
		       options[i].help);
	return 0;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *number)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > most)
		return false;
	*number = n;
	return true;
}

static bool parse_share(const char *text, uint64_t *share)
{
	char *end;
	double x = strtod(text, &end);
	if (end == text || *end || !(x >= 0 && x <= 1))
		return false;
	*share = (uint64_t)(x * 4294967296.0);
	return true;
}

static bool parse_drift(const char *text, enum drift *drift)
{
	static const char *const kinds[] = {"none", "gradual", "sudden"};
	for (int i = 0; i < 3; i++) {
		*drift = (enum drift)i;
		if (!strcmp(text, kinds[i]))
			return true;
	}
	return false;
}

/* Returns the exit code when there is nothing more to do, else -1. */
static int parse_options(int argc, char **argv)
{
	struct option longs[OPTIONS + 1] = {0};
	int i, c;
	for (size_t k = 0; k < OPTIONS; k++)
		longs[k] = (struct option){options[k].name, options[k].argument != NULL, NULL, 0};
	while ((c = getopt_long(argc, argv, "", longs, &i)) != -1) {
		bool ok = true;
		if (c == '?')
			return 2; /* getopt has named it */
		if (options[i].number)
			ok = parse_number(optarg, options[i].most, options[i].number);
		else if (!strcmp(options[i].name, "drift"))
			ok = parse_drift(optarg, &set.drift);
		else if (!strcmp(options[i].name, "drift-size"))
			ok = parse_share(optarg, &set.drift_size);
		else if (!strcmp(options[i].name, "output"))
			set.output = optarg;
		else
			return print_about(options[i].name);
		if (!ok) {
			fprintf(stderr, "generate: option --%s cannot be \"%s\": %s\n", options[i].name, optarg,
				options[i].help);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "generate: unexpected argument \"%s\"\n", argv[optind]);
	return 2;
}

int main(int argc, char **argv)
{
	int code = parse_options(argc, argv);
	if (code > 0)
		return code;
	signal(SIGPIPE, SIG_IGN); /* a closed pipe becomes a write error with its sentence */
	build_pickers();
	build_change_order();
	bool to_file = set.output && code < 0;
	FILE *out = to_file ? fopen(set.output, "w") : stdout;
	if (out && (code == 0 || write_table(out)) && !fclose(out))
		return 0;
	fprintf(stderr, "generate: could not write \"%s\": %s\n", to_file ? set.output : "standard output",
		strerror(errno));
	return 1;
}
