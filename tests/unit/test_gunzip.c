#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "common/attr.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "data-fetch/gunzip.h"

enum { LARGE = 300000 };

static const struct gunzip_limits wide = {.max_bytes = INT64_C(1) << 40, .max_ratio = 2000};

static void add_gzip(struct text *to, const char *data, size_t size)
{
	size_t room = compressBound(size) + 64;
	char *packed = xmalloc(room);
	z_stream stream = {0};

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)data;
	stream.avail_in = (uInt)size;
	stream.next_out = (Bytef *)packed;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	text_add(to, packed, stream.total_out);
	deflateEnd(&stream);
	free(packed);
}

static bool keep(void *context, const char *data, size_t size, struct fail *fail UNUSED)
{
	return text_add(context, data, size);
}

static bool unpack(const struct text *packed, size_t piece, const struct gunzip_limits *limits, struct text *plain,
		   struct fail *fail)
{
	struct gunzip *gunzip = gunzip_new("test.gz", limits, keep, plain);
	bool good = true;

	for (size_t at = 0; good && at < packed->size; at += piece)
		good =
		    gunzip_feed(gunzip, packed->data + at, packed->size - at < piece ? packed->size - at : piece, fail);
	good = good && gunzip_finish(gunzip, fail);
	gunzip_free(gunzip);
	return good;
}

static void assert_unpacks(const struct text *packed, const char *expected, size_t size)
{
	static const size_t pieces[] = {1 << 20, 4096, 3, 1};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct fail fail = {0};
		struct text plain;

		text_init(&plain, 1 << 24);
		if (!unpack(packed, pieces[i], &wide, &plain, &fail))
			fail_msg("in pieces of %zu: %s", pieces[i], fail.text);
		assert_int_equal(plain.size, size);
		assert_memory_equal(plain.data, expected, size);
		text_release(&plain);
	}
}

static void assert_refused(const struct text *packed, const char *message)
{
	static const size_t pieces[] = {1 << 20, 7, 1};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct fail fail = {0};
		struct text plain;

		text_init(&plain, 1 << 24);
		assert_false(unpack(packed, pieces[i], &wide, &plain, &fail));
		assert_int_equal(fail.code, EXIT_BAD_DATA);
		if (!strstr(fail.text, message))
			fail_msg("got \"%s\", expected \"%s\"", fail.text, message);
		text_release(&plain);
	}
}

/* Text that compresses, but not to nothing. */
static char *large_text(void)
{
	char *text = xmalloc(LARGE);
	uint32_t state = 1;

	for (size_t i = 0; i < LARGE; i++) {
		state = state * 1664525 + 1013904223;
		text[i] = (char)('a' + (state >> 28));
	}
	return text;
}

static void plain_bytes_pass(void **state UNUSED)
{
	static const char *const texts[] = {"", "a", "ab", "id,a\n1,2\n", "\x1f", "\x1fx", "\x8b\x1f"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct text text;

		text_init(&text, 100);
		text_puts(&text, texts[i]);
		assert_unpacks(&text, texts[i], strlen(texts[i]));
		text_release(&text);
	}
}

static void gzip_is_inflated(void **state UNUSED)
{
	char *large = large_text();
	struct text packed;

	text_init(&packed, 1 << 24);
	add_gzip(&packed, large, LARGE);
	assert_unpacks(&packed, large, LARGE);
	text_clear(&packed);
	add_gzip(&packed, "", 0);
	assert_unpacks(&packed, "", 0);
	text_release(&packed);
	free(large);
}

static void members_are_one_stream(void **state UNUSED)
{
	struct text packed;

	text_init(&packed, 1 << 24);
	add_gzip(&packed, "one ", 4);
	add_gzip(&packed, "", 0);
	add_gzip(&packed, "two", 3);
	text_add(&packed, "\0\0\0\0\0", 5);
	assert_unpacks(&packed, "one two", 7);
	text_release(&packed);
}

static void damage_is_found(void **state UNUSED)
{
	char *large = large_text();
	struct text packed, cut;

	text_init(&packed, 1 << 24);
	text_init(&cut, 1 << 24);
	add_gzip(&packed, large, LARGE);
	for (size_t size = 2; size < packed.size; size += size < 30 || size > packed.size - 20 ? 1 : 9973) {
		text_clear(&cut);
		text_add(&cut, packed.data, size);
		assert_refused(&cut, "cut off");
	}
	text_puts(&packed, "more");
	assert_refused(&packed, "followed by something else");
	packed.size -= 4;
	packed.data[packed.size - 5] ^= 1; /* of the checksum */
	assert_refused(&packed, "damaged");
	text_release(&packed);
	text_release(&cut);
	free(large);
}

static bool count(void *context, const char *data UNUSED, size_t size, struct fail *fail UNUSED)
{
	*(int64_t *)context += (int64_t)size;
	return true;
}

static void limits_hold(void **state UNUSED)
{
	struct gunzip_limits limits = {.max_bytes = 1 << 20, .max_ratio = 200};
	size_t zeros = GUNZIP_RATIO_FROM / 2;
	char *zero = xcalloc(1, zeros);
	struct text packed;
	int64_t total = 0;
	struct fail fail = {0};
	struct gunzip *gunzip = gunzip_new("bomb.gz", &limits, count, &total);

	text_init(&packed, 1 << 24);
	add_gzip(&packed, zero, zeros);
	assert_false(gunzip_feed(gunzip, packed.data, packed.size, &fail));
	assert_true(total <= 1 << 20);
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	assert_non_null(strstr(fail.text, "holds more than 1048576 bytes"));
	gunzip_free(gunzip);

	/* Half of the first 100 MiB is fine at any ratio; with the third half it is a bomb. */
	limits.max_bytes = INT64_C(1) << 40;
	fail_clear(&fail);
	gunzip = gunzip_new("bomb.gz", &limits, count, &total);
	assert_true(gunzip_feed(gunzip, packed.data, packed.size, &fail));
	assert_true(gunzip_feed(gunzip, packed.data, packed.size, &fail));
	assert_false(gunzip_feed(gunzip, packed.data, packed.size, &fail));
	assert_int_equal(fail.code, EXIT_BAD_DATA);
	assert_non_null(strstr(fail.text, "compressed more than 200 to 1"));
	gunzip_free(gunzip);
	text_release(&packed);
	free(zero);
}

static bool stop(void *context UNUSED, const char *data UNUSED, size_t size UNUSED, struct fail *fail UNUSED)
{
	return false;
}

static void the_sink_can_stop(void **state UNUSED)
{
	struct fail fail = {0};
	struct gunzip *gunzip = gunzip_new("test.gz", &wide, stop, NULL);

	assert_false(gunzip_feed(gunzip, "plain", 5, &fail));
	assert_int_equal(fail.code, 0);
	gunzip_free(gunzip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_bytes_pass),
	    cmocka_unit_test(gzip_is_inflated),
	    cmocka_unit_test(members_are_one_stream),
	    cmocka_unit_test(damage_is_found),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(the_sink_can_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
