#ifndef DATA_COLUMNS_H
#define DATA_COLUMNS_H

/*
 * The columns of the table that `generate` writes: order, names, how each is drawn and with which weights. It is the
 * only place that lists them; a change here changes the bytes, so tests/cases/generate/sums.tsv must follow.
 */

#define COLUMNS 59
#define MAX_VALUES 26 /* most values a picked column can take */

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

/* Columns that the label needs by name; the others are only walked over. */
enum { IND_01 = 2, IND_02 = 3, IND_03 = 4, IND_15 = 16, CAR_01 = 23, CAR_06 = 28 };

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
#undef WEIGHTS
#undef BIN
/* clang-format on */

#endif
