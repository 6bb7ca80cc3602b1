#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/digest.h"
#include "common/forest.h"

/* ------------------------------------------------------------------ a model's bytes, put together by hand */

struct bytes {
	unsigned char data[1 << 20];
	size_t size;
};

static struct bytes made;

static void put(const void *data, size_t size)
{
	assert_true(made.size + size <= sizeof(made.data));
	memcpy(made.data + made.size, data, size);
	made.size += size;
}

static void put_u8(unsigned number)
{
	unsigned char byte = (unsigned char)number;

	put(&byte, 1);
}

static void put_u16(unsigned number)
{
	put_u8(number & 255);
	put_u8(number >> 8);
}

static void put_u32(uint32_t number)
{
	put_u16(number & 65535);
	put_u16(number >> 16);
}

static void put_u64(uint64_t number)
{
	put_u32((uint32_t)number);
	put_u32((uint32_t)(number >> 32));
}

static void put_string(const char *string)
{
	put_u16((unsigned)strlen(string));
	put(string, strlen(string));
}

static void put_varint(uint32_t number)
{
	for (; number >= 128; number >>= 7)
		put_u8((number & 127) | 128);
	put_u8(number);
}

static void put_header(uint32_t features, uint32_t classes, uint32_t trees, uint32_t distributions, uint64_t nodes)
{
	made.size = 0;
	put("GMLFORST", 8);
	put_u32(1);
	put_u32(features);
	put_u32(classes);
	put_u32(trees);
	put_u32(distributions);
	put_u64(nodes);
}

static void put_number_feature(const char *name, enum column_type type, const int32_t *thresholds, uint32_t count)
{
	put_string(name);
	put_u8(type);
	put_u32(count);
	for (uint32_t i = 0; i < count; i++)
		put_u32((uint32_t)thresholds[i]);
	put_u32(0);
	put_u32(0);
}

/* A node: feature from 0 and threshold index; a leaf: feature -1 and distribution index. */
static void put_node(int feature, uint32_t index)
{
	put_varint((uint32_t)(feature + 1));
	put_varint(index);
}

static void put_checksum(void)
{
	unsigned char hash[DIGEST_SIZE];

	digest_bytes(made.data, made.size, hash);
	put(hash, sizeof(hash));
}

static struct forest *read_made(struct fail *fail)
{
	/* A copy of its own, so that a read beyond the end is seen by the sanitizer. */
	unsigned char *copy = malloc(made.size ? made.size : 1);
	struct forest *forest;

	memcpy(copy, made.data, made.size);
	forest = forest_read(copy, made.size, NULL, fail);
	free(copy);
	return forest;
}

enum { ONE = FOREST_SHARE_ONE };

/*
 * age (integer, thresholds 10 and 20), price (real, 1.5), town (category: oslo, bergen, tromsø in key order, bergen the
 * most frequent; thresholds 0 and 1), classes "no" and "yes".
 *
 *	tree 0: age <= 10 ? no : (town <= 0 ? yes : half)	tree 1: price <= 1.5 ? (age <= 20 ? half : yes) : yes
 *	distributions: 0 no 1.0; 1 yes 1.0; 2 half and half
 */
static void make_small(void)
{
	const int32_t age[] = {10, 20}, town[] = {0, 1}, price[] = {forest_real_key(1.5f)};
	const uint32_t shares[3][2] = {{ONE, 0}, {0, ONE}, {ONE / 2, ONE / 2}};

	put_header(3, 2, 2, 3, 10);
	put_string("buys");
	put_string("no");
	put_string("yes");
	put_number_feature("age", COLUMN_INTEGER, age, 2);
	put_number_feature("price", COLUMN_REAL, price, 1);
	put_string("town");
	put_u8(COLUMN_CATEGORY);
	put_u32(2);
	put_u32((uint32_t)town[0]);
	put_u32((uint32_t)town[1]);
	put_u32(3);
	put_string("oslo");
	put_string("bergen");
	put_string("tromsø");
	put_u32(1);
	for (int i = 0; i < 3; i++) {
		put_u32(shares[i][0]);
		put_u32(shares[i][1]);
	}
	put_u32(5);
	put_node(0, 0);
	put_node(-1, 0);
	put_node(2, 0);
	put_node(-1, 1);
	put_node(-1, 2);
	put_u32(5);
	put_node(1, 0);
	put_node(0, 1);
	put_node(-1, 2);
	put_node(-1, 1);
	put_node(-1, 1);
	put_checksum();
}

static struct forest *small_forest(void)
{
	struct fail fail = {0};
	struct forest *forest;

	make_small();
	forest = read_made(&fail);
	if (!forest)
		fail_msg("%s", fail.text);
	return forest;
}

/* ------------------------------------------------------------------ reading and predicting */

static void what_was_written_is_there(void **state UNUSED)
{
	struct forest *forest = small_forest();

	assert_int_equal(forest->feature_count, 3);
	assert_int_equal(forest->class_count, 2);
	assert_int_equal(forest->tree_count, 2);
	assert_int_equal(forest->node_count, 10);
	assert_int_equal(forest->roots[0], 0);
	assert_int_equal(forest->roots[1], 5);
	assert_int_equal(forest->roots[2], 10);
	assert_string_equal(forest->label_name, "buys");
	assert_string_equal(forest->features[1].name, "price");
	assert_int_equal(forest->features[2].type, COLUMN_CATEGORY);
	assert_int_equal(forest->nodes[0].other, 2);
	assert_int_equal(forest->nodes[2].other, 4);
	assert_int_equal(forest->nodes[5].other, 9);
	assert_int_equal(forest->nodes[6].other, 8);
	assert_int_equal(forest_label(forest, "yes", 3), 1);
	assert_int_equal(forest_label(forest, "yes!", 3), 1);
	assert_int_equal(forest_label(forest, "ye", 2), -1);
	assert_int_equal(forest_label(forest, "", 0), -1);
	forest_free(forest);
}

static void rows_predict_as_computed_by_hand(void **state UNUSED)
{
	static const struct {
		const char *age, *price, *town;
		uint64_t no, yes;
		int class;
	} cases[] = {
	    {"10", "1.5", "oslo", ONE + ONE / 2, ONE / 2, 0},	      /* on both thresholds: left */
	    {"11", "1.5", "oslo", ONE / 2, ONE + ONE / 2, 1},	      /* tree 0 right, left */
	    {"11", "1.5000001", "bergen", ONE / 2, ONE + ONE / 2, 1}, /* the next float32 */
	    {"11", "-3e38", "bergen", ONE, ONE, 0},		      /* a tie goes to the lower class */
	    {"21", "0", "tromsø", ONE / 2, ONE + ONE / 2, 1},
	    {"-2147483648", "2", "oslo", ONE, ONE, 0},
	    {"2147483647", "1", "oslo", 0, 2 * (uint64_t)ONE, 1},
	};
	struct forest *forest = small_forest();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t keys[3];
		uint64_t scores[2] = {7, 7};

		assert_int_equal(forest_encode(forest, 0, cases[i].age, strlen(cases[i].age), &keys[0]),
				 FOREST_ENCODED);
		assert_int_equal(forest_encode(forest, 1, cases[i].price, strlen(cases[i].price), &keys[1]),
				 FOREST_ENCODED);
		assert_int_equal(forest_encode(forest, 2, cases[i].town, strlen(cases[i].town), &keys[2]),
				 FOREST_ENCODED);
		assert_int_equal(forest_predict(forest, keys, scores), cases[i].class);
		assert_int_equal(scores[0], cases[i].no);
		assert_int_equal(scores[1], cases[i].yes);
		assert_int_equal(forest_predict(forest, keys, NULL), cases[i].class);
		assert_true(forest_probability(forest, scores[0]) + forest_probability(forest, scores[1]) == 1);
	}
	forest_free(forest);
}

static void many_rows_predict_as_one_by_one(void **state UNUSED)
{
	enum { ROWS = 1000 }; /* several blocks and a rest */
	static int32_t keys[ROWS * 3];
	static uint64_t scores[ROWS * 2];
	static uint16_t classes[ROWS], without[ROWS];
	struct forest *forest = small_forest();

	for (int row = 0; row < ROWS; row++) {
		keys[3 * row] = row % 30;
		keys[3 * row + 1] = forest_real_key((float)(row % 7) / 2);
		keys[3 * row + 2] = row % 3;
	}
	forest_predict_rows(forest, keys, ROWS, classes, scores);
	forest_predict_rows(forest, keys, ROWS, without, NULL);
	for (int row = 0; row < ROWS; row++) {
		uint64_t one[2];

		assert_int_equal(forest_predict(forest, keys + 3 * row, one), classes[row]);
		assert_memory_equal(one, scores + 2 * row, sizeof(one));
		assert_int_equal(without[row], classes[row]);
	}
	forest_predict_rows(forest, keys, 0, classes, NULL);
	forest_free(forest);
}

static void texts_become_keys(void **state UNUSED)
{
	static const struct {
		int feature;
		const char *text;
		size_t size;
		enum forest_encoded result;
		int32_t key;
	} cases[] = {
	    {2, "oslo", 4, FOREST_ENCODED, 0},	   {2, "bergen", 6, FOREST_ENCODED, 1},
	    {2, "tromsø", 7, FOREST_ENCODED, 2},   {2, "bergen!", 6, FOREST_ENCODED, 1},
	    {2, "berge", 5, FOREST_UNSEEN, 1},	   {2, "bergens", 7, FOREST_UNSEEN, 1},
	    {2, "", 0, FOREST_UNSEEN, 1},	   {2, "zürich", 7, FOREST_UNSEEN, 1},
	    {2, "aachen", 6, FOREST_UNSEEN, 1},	   {2, "oslo\0x", 6, FOREST_UNSEEN, 1},
	    {0, "12", 2, FOREST_ENCODED, 12},	   {0, "1.5", 3, FOREST_NO_NUMBER, -99},
	    {0, "", 0, FOREST_NO_NUMBER, -99},	   {0, "2147483648", 10, FOREST_NO_NUMBER, -99},
	    {1, "-0.0", 4, FOREST_ENCODED, 0},	   {1, "nan", 3, FOREST_NO_NUMBER, -99},
	    {1, "1e39", 4, FOREST_NO_NUMBER, -99}, {1, "1e-50", 5, FOREST_NO_NUMBER, -99},
	};
	struct forest *forest = small_forest();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t key = -99;

		assert_int_equal(forest_encode(forest, cases[i].feature, cases[i].text, cases[i].size, &key),
				 cases[i].result);
		assert_int_equal(key, cases[i].key);
	}
	forest_free(forest);
}

static void real_keys_keep_the_order(void **state UNUSED)
{
	static const float ascending[] = {-INFINITY,	 -FLT_MAX, -1e30f,	 -1.5f,	  -1,	   -FLT_MIN,
					  -FLT_TRUE_MIN, 0,	   FLT_TRUE_MIN, FLT_MIN, 0.1f,	   1,
					  1.0000001f,	 1.5f,	   16777216,	 FLT_MAX, INFINITY};
	uint32_t random = 1;

	assert_int_equal(forest_real_key(0), 0);
	assert_int_equal(forest_real_key(-0.0f), 0);
	assert_false(signbit(forest_key_real(0)));
	assert_int_equal(forest_real_key(FLT_TRUE_MIN), 1);
	assert_int_equal(forest_real_key(-FLT_TRUE_MIN), -1);
	for (size_t i = 0; i < sizeof(ascending) / sizeof(*ascending); i++) {
		assert_true(forest_key_real(forest_real_key(ascending[i])) == ascending[i]);
		if (i)
			assert_true(forest_real_key(ascending[i - 1]) < forest_real_key(ascending[i]));
	}
	/* A key is the number of floats between zero and the value: neighbours differ by one. */
	for (int i = 0; i < 100000; i++) {
		float value;

		random = random * 1664525 + 1013904223;
		memcpy(&value, &random, sizeof(value));
		if (!isfinite(value) || !isfinite(nextafterf(value, INFINITY)))
			continue;
		assert_true(forest_key_real(forest_real_key(value)) == value);
		assert_int_equal(forest_real_key(nextafterf(value, INFINITY)), forest_real_key(value) + 1);
	}
}

/* ------------------------------------------------------------------ other shapes */

static void one_class_and_one_leaf(void **state UNUSED)
{
	struct fail fail = {0};
	struct forest *forest;
	uint64_t score;

	put_header(1, 1, 1, 1, 1);
	put_string("y");
	put_string("only");
	put_number_feature("x", COLUMN_INTEGER, NULL, 0);
	put_u32(ONE);
	put_u32(1);
	put_node(-1, 0);
	put_checksum();
	forest = read_made(&fail);
	assert_non_null(forest);
	assert_int_equal(forest_predict(forest, &(int32_t){5}, &score), 0);
	assert_int_equal(score, ONE);
	forest_free(forest);
}

/* So many thresholds that they are looked up when a tree's nodes are there, by numbers of one to three bytes. */
static void many_thresholds(void **state UNUSED)
{
	enum { COUNT = 140000 };
	static const uint32_t indices[] = {0, 127, 128, 16383, 16384, COUNT - 1};
	enum { SPLITS = sizeof(indices) / sizeof(*indices) };
	int32_t *thresholds = malloc(COUNT * sizeof(*thresholds));
	struct fail fail = {0};
	struct forest *forest;

	for (int i = 0; i < COUNT; i++)
		thresholds[i] = 3 * i - COUNT;
	put_header(1, 1, 1, 1, 2 * SPLITS + 1);
	put_string("y");
	put_string("only");
	put_number_feature("x", COLUMN_INTEGER, thresholds, COUNT);
	put_u32(ONE);
	put_u32(2 * SPLITS + 1);
	for (int i = 0; i < SPLITS; i++) {
		put_node(0, indices[i]);
		put_node(-1, 0);
	}
	put_node(-1, 0);
	put_checksum();
	forest = read_made(&fail);
	assert_non_null(forest);
	for (int i = 0; i < SPLITS; i++) {
		assert_int_equal(forest->nodes[2 * i].threshold, thresholds[indices[i]]);
		assert_int_equal(forest->nodes[2 * i].rank, indices[i] % 65536);
		assert_int_equal(forest->nodes[2 * i + 1].threshold, 0);
		assert_int_equal(forest->nodes[2 * i + 1].feature, FOREST_LEAF);
	}
	forest_free(forest);
	free(thresholds);
}

/* Classes 300 of 301 and a score that only the wide sums hold. */
static void many_classes_and_trees(void **state UNUSED)
{
	enum { CLASSES = 301, TREES = 1000, ROWS = 1000 };
	struct fail fail = {0};
	struct forest *forest;
	static int32_t keys[ROWS];
	static uint16_t classes[ROWS];
	static uint64_t scores[ROWS * CLASSES];
	char label[16];

	put_header(1, CLASSES, TREES, 1, TREES);
	put_string("y");
	for (int i = 0; i < CLASSES; i++) {
		snprintf(label, sizeof(label), "%d", i);
		put_string(label);
	}
	put_number_feature("x", COLUMN_INTEGER, NULL, 0);
	for (int i = 0; i < CLASSES; i++)
		put_u32(i == CLASSES - 1 ? ONE : 0);
	for (int i = 0; i < TREES; i++) {
		put_u32(1);
		put_node(-1, 0);
	}
	put_checksum();
	forest = read_made(&fail);
	assert_non_null(forest);
	assert_int_equal(forest_predict(forest, &(int32_t){0}, scores), CLASSES - 1);
	assert_true(scores[CLASSES - 1] == (uint64_t)TREES * ONE);
	assert_true(forest_probability(forest, scores[CLASSES - 1]) == 1);
	assert_int_equal(forest_predict(forest, &(int32_t){0}, NULL), CLASSES - 1);
	forest_predict_rows(forest, keys, ROWS, classes, scores);
	for (int row = 0; row < ROWS; row++) {
		assert_int_equal(classes[row], CLASSES - 1);
		assert_true(scores[row * CLASSES + CLASSES - 1] == (uint64_t)TREES * ONE);
	}
	forest_free(forest);
}

/* A chain to the left has all its splits open at once, a chain to the right one at a time. */
static void deep_chains(void **state UNUSED)
{
	enum { DEPTH = 20000 };
	static int32_t thresholds[DEPTH];
	struct fail fail = {0};

	for (int i = 0; i < DEPTH; i++)
		thresholds[i] = i;
	for (int left = 0; left < 2; left++) {
		struct forest *forest;

		put_header(1, 2, 1, 2, 2 * DEPTH + 1);
		put_string("y");
		put_string("0");
		put_string("1");
		put_number_feature("x", COLUMN_INTEGER, thresholds, DEPTH);
		put_u32(ONE);
		put_u32(0);
		put_u32(0);
		put_u32(ONE);
		put_u32(2 * DEPTH + 1);
		for (int i = 0; i < DEPTH; i++) {
			put_node(0, (uint32_t)(left ? DEPTH - 1 - i : i));
			if (!left)
				put_node(-1, 0);
		}
		for (int i = 0; i < (left ? DEPTH + 1 : 1); i++)
			put_node(-1, i == 0);
		put_checksum();
		forest = read_made(&fail);
		if (!forest)
			fail_msg("%s", fail.text);
		/* left: only x <= 0 reaches the one leaf of class 1; right: only x > DEPTH - 1 does. */
		assert_int_equal(forest_predict(forest, &(int32_t){0}, NULL), left);
		assert_int_equal(forest_predict(forest, &(int32_t){1}, NULL), 0);
		assert_int_equal(forest_predict(forest, &(int32_t){DEPTH}, NULL), !left);
		forest_free(forest);
	}
}

/* ------------------------------------------------------------------ damage */

static void assert_refused(const char *what)
{
	struct fail fail = {0};
	struct forest *forest = read_made(&fail);

	if (forest) {
		forest_free(forest);
		fail_msg("read although %s", what);
	}
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	assert_true(strlen(fail.text) > 20);
}

static void every_damaged_byte_is_seen(void **state UNUSED)
{
	make_small();
	for (size_t i = 0; i < made.size; i++)
		for (int bit = 0; bit < 8; bit++) {
			made.data[i] ^= (unsigned char)(1 << bit);
			assert_refused("a bit is wrong");
			made.data[i] ^= (unsigned char)(1 << bit);
		}
}

static void every_truncation_is_seen(void **state UNUSED)
{
	make_small();
	for (size_t size = made.size; size-- > 0;) {
		made.size = size;
		assert_refused("it is cut");
	}
	make_small();
	put_u8(0);
	assert_refused("a byte follows");
}

/* Uses what was read: whatever a forged file says, it must not lead outside. */
static void use(const struct forest *forest)
{
	int32_t *keys = calloc((size_t)forest->feature_count, sizeof(*keys));
	uint64_t *scores = calloc((size_t)forest->class_count, sizeof(*scores));
	static const int32_t extremes[] = {INT32_MIN, -1, 0, 1, 11, INT32_MAX};

	for (size_t i = 0; i < sizeof(extremes) / sizeof(*extremes); i++) {
		for (int j = 0; j < forest->feature_count; j++)
			keys[j] = extremes[(i + (size_t)j) % (sizeof(extremes) / sizeof(*extremes))];
		assert_in_range(forest_predict(forest, keys, scores), 0, forest->class_count - 1);
	}
	for (int j = 0; j < forest->feature_count; j++)
		(void)forest_encode(forest, j, "oslo", 4, &keys[j]);
	(void)forest_label(forest, "yes", 3);
	free(scores);
	free(keys);
}

/* The checksum says nothing about a forger: with it made right again, every byte may hold anything. */
static void forged_bytes_do_no_harm(void **state UNUSED)
{
	static const unsigned char values[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xfe, 0xff};
	int read = 0, refused = 0;
	size_t body;

	make_small();
	body = made.size - DIGEST_SIZE;
	for (size_t i = 0; i < body; i++)
		for (size_t j = 0; j < sizeof(values) + 8; j++) {
			struct fail fail = {0};
			struct forest *forest;
			unsigned char before = made.data[i];

			made.data[i] =
			    j < sizeof(values) ? values[j] : (unsigned char)(before ^ (1 << (j - sizeof(values))));
			made.size = body;
			put_checksum();
			forest = read_made(&fail);
			if (forest) {
				use(forest);
				read++;
			} else {
				assert_int_equal(fail.code, EXIT_BAD_DATA);
				refused++;
			}
			forest_free(forest);
			made.data[i] = before;
		}
	/* A changed name or threshold is a model all the same; a changed count or tree is none. */
	assert_in_range(read, 100, 100000);
	assert_in_range(refused, 500, 100000);
}

static void forged_ends_do_no_harm(void **state UNUSED)
{
	size_t body;

	make_small();
	body = made.size - DIGEST_SIZE;
	for (size_t size = 0; size < body; size++) {
		make_small();
		made.size = size;
		put_checksum();
		assert_refused("it is cut before its checksum");
	}
	make_small();
	made.size = body;
	put_u8(0);
	put_checksum();
	assert_refused("a byte follows its last tree");
}

/* Each line of this table damages the small model in a way that only one check sees. */
static void what_is_no_model_is_named(void **state UNUSED)
{
	static const struct {
		const char *message;
		size_t at, size;
		const char *bytes;
	} cases[] = {
	    {"it does not begin with GMLFORST", 0, 1, "g"},
	    {"the model has format version 2, this program reads version 1", 8, 1, "\2"},
	    {"its counts of features, classes, trees or distributions are out of range", 12, 4, "\0\0\0\0"},
	    {"its counts of features, classes, trees or distributions are out of range", 12, 4,
	     "\xe9\3\0\0"}, /* 1001 */
	    {"its counts of features, classes, trees or distributions are out of range", 16, 4, "\0\0\0\0"},
	    {"its counts of features, classes, trees or distributions are out of range", 16, 4,
	     "\1\x10\0\0"}, /* 4097 */
	    {"its counts of features, classes, trees or distributions are out of range", 20, 4, "\0\0\0\0"},
	    {"its counts of features, classes, trees or distributions are out of range", 24, 4, "\0\0\0\0"},
	    {"it ends early", 24, 4, "\xff\xff\xff\xff"},
	    {"it ends early", 28, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"},
	    {"it ends early", 28, 8, "\xff\xff\xff\x7f\0\0\0\0"},
	    {"it ends early", 28, 1, "\1"}, /* fewer nodes than trees */
	    {"its trees have fewer nodes than it says", 28, 1, "\xb"},
	    {"a tree has more nodes than the forest", 28, 1, "\x9"},
	    {"a text is longer than the file or holds a NUL", 36, 2, "\xff\xff"},
	    {"a text is longer than the file or holds a NUL", 38, 1, "\0"},
	    {"a label stands twice", 42, 9, "\2\0no\2\0noX"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};
		struct forest *forest;

		make_small();
		made.size -= DIGEST_SIZE;
		memcpy(made.data + cases[i].at, cases[i].bytes, cases[i].size);
		put_checksum();
		forest = read_made(&fail);
		assert_null(forest);
		if (!strstr(fail.text, cases[i].message))
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, fail.text, cases[i].message);
	}
}

/* The parts behind the labels have no fixed place; here they are found by their neighbours. */
static size_t place_of(const char *text, size_t size)
{
	const unsigned char *found = memmem(made.data, made.size, text, size);

	assert_non_null(found);
	return (size_t)(found - made.data);
}

static void wrong_parts_are_named(void **state UNUSED)
{
	static const struct {
		const char *message, *text; /* the text that stands before the damage */
		size_t text_size, offset, size;
		const char *bytes;
	} cases[] = {
	    {"a feature has an unknown type", "age", 3, 3, 1, "\3"},
	    {"a count is larger than the file", "age", 3, 4, 4, "\xff\xff\xff\x1f"},
	    {"a feature's thresholds do not ascend", "age", 3, 12, 1, "\xa"},
	    {"a feature's thresholds do not ascend", "age", 3, 15, 1, "\x80"}, /* 20 becomes negative */
	    {"a feature's type and its texts disagree", "age", 3, 3, 1, "\2"},
	    {"a feature's type and its texts disagree", "town", 4, 4, 1, "\0"},
	    {"a feature's text stands twice", "town", 4, 21, 14, "\5\0twice\5\0twice"},
	    {"a feature's most frequent text is out of range", "tromsø", 7, 7, 1, "\3"},
	    {"a feature's most frequent text is out of range", "tromsø", 7, 10, 1, "\xff"},
	    {"the shares of a leaf do not sum to one", "tromsø", 7, 11, 1, "\1"},
	    {"the shares of a leaf do not sum to one", "tromsø", 7, 14, 1, "\2"},
	    {"a node names no feature or threshold", "tromsø", 7, 39, 1, "\4"}, /* feature 3 of 0..2 */
	    {"a node names no feature or threshold", "tromsø", 7, 40, 1, "\2"}, /* threshold 2 of 0..1 */
	    {"a leaf names no distribution", "tromsø", 7, 42, 1, "\3"},
	    {"a tree's nodes do not form a tree", "tromsø", 7, 39, 2, "\0\0"}, /* a leaf, and more nodes */
	    {"a tree's nodes do not form a tree", "tromsø", 7, 47, 2, "\1\0"}, /* the last node is a split */
	    {"a tree has more nodes than the forest", "tromsø", 7, 35, 1, "\0"},
	    {"a tree has more nodes than the forest", "tromsø", 7, 38, 1, "\x7f"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};
		struct forest *forest;

		make_small();
		made.size -= DIGEST_SIZE;
		memcpy(made.data + place_of(cases[i].text, cases[i].text_size) + cases[i].offset, cases[i].bytes,
		       cases[i].size);
		put_checksum();
		forest = read_made(&fail);
		if (forest)
			fail_msg("case %zu was read, not \"%s\"", i, cases[i].message);
		if (!strstr(fail.text, cases[i].message))
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, fail.text, cases[i].message);
	}
}

/* A left child that is the last node: the right one would lie beyond the tree. */
static void a_split_has_two_children(void **state UNUSED)
{
	for (int more = 0; more < 2; more++) { /* the forest's last tree, or not */
		put_header(1, 1, 1 + (uint32_t)more, 1, 2 + (uint64_t)more);
		put_string("y");
		put_string("only");
		put_number_feature("x", COLUMN_INTEGER, &(int32_t){0}, 1);
		put_u32(ONE);
		put_u32(2);
		put_node(0, 0);
		put_node(-1, 0);
		if (more) {
			put_u32(1);
			put_node(-1, 0);
		}
		put_checksum();
		assert_refused("a split has one child");
	}
}

static void a_feature_stands_once(void **state UNUSED)
{
	put_header(2, 1, 1, 1, 1);
	put_string("y");
	put_string("only");
	put_number_feature("x", COLUMN_INTEGER, NULL, 0);
	put_number_feature("x", COLUMN_REAL, NULL, 0);
	put_u32(ONE);
	put_u32(1);
	put_node(-1, 0);
	put_checksum();
	assert_refused("two features have one name");
}

static void numbers_that_are_too_long(void **state UNUSED)
{
	static const char *const leaf[] = {"\x80\x80\x80\x80\x80\x80", "\xff\xff\xff\xff\x7f"};

	for (size_t i = 0; i < sizeof(leaf) / sizeof(*leaf); i++) {
		put_header(1, 1, 1, 1, 1);
		put_string("y");
		put_string("only");
		put_number_feature("x", COLUMN_INTEGER, NULL, 0);
		put_u32(ONE);
		put_u32(1);
		put(leaf[i], strlen(leaf[i]));
		put_u8(0);
		put_checksum();
		assert_refused("a varint has more than 32 bits");
	}
}

static void nothing_is_no_model(void **state UNUSED)
{
	struct fail fail = {0};

	assert_null(forest_read("", 0, NULL, &fail));
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	fail_clear(&fail);
	assert_null(forest_read(NULL, 0, NULL, &fail));
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	forest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_is_there),
	    cmocka_unit_test(rows_predict_as_computed_by_hand),
	    cmocka_unit_test(many_rows_predict_as_one_by_one),
	    cmocka_unit_test(texts_become_keys),
	    cmocka_unit_test(real_keys_keep_the_order),
	    cmocka_unit_test(one_class_and_one_leaf),
	    cmocka_unit_test(many_thresholds),
	    cmocka_unit_test(many_classes_and_trees),
	    cmocka_unit_test(deep_chains),
	    cmocka_unit_test(every_damaged_byte_is_seen),
	    cmocka_unit_test(every_truncation_is_seen),
	    cmocka_unit_test(forged_bytes_do_no_harm),
	    cmocka_unit_test(forged_ends_do_no_harm),
	    cmocka_unit_test(what_is_no_model_is_named),
	    cmocka_unit_test(wrong_parts_are_named),
	    cmocka_unit_test(a_split_has_two_children),
	    cmocka_unit_test(a_feature_stands_once),
	    cmocka_unit_test(numbers_that_are_too_long),
	    cmocka_unit_test(nothing_is_no_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
