#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/banned.h"
#include "common/text.h"

static void it_grows_and_stays_ended(void **state UNUSED)
{
	struct text text;

	text_init(&text, 1 << 20);
	assert_string_equal(text.data, "");
	for (int i = 0; i < 1000; i++)
		assert_true(text_printf(&text, "%03d,", i));
	assert_int_equal(text.size, 4000);
	assert_int_equal(strlen(text.data), 4000);
	assert_memory_equal(text.data + 3996, "999,", 5);
	assert_true(text_add(&text, "a\0b", 3));
	assert_int_equal(text.size, 4003);
	assert_true(text_add(&text, NULL, 0));
	text_clear(&text);
	assert_string_equal(text.data, "");
	assert_int_equal(text.size, 0);
	text_release(&text);
}

static void the_maximum_holds(void **state UNUSED)
{
	struct text text;

	text_init(&text, 10);
	assert_true(text_puts(&text, "0123456789"));
	assert_false(text.overflow);
	assert_true(text_puts(&text, ""));
	assert_false(text_puts(&text, "x"));
	assert_true(text.overflow);
	assert_string_equal(text.data, "0123456789");
	text_clear(&text);
	assert_false(text.overflow);
	assert_false(text_printf(&text, "%s", "01234567890"));
	assert_string_equal(text.data, "");
	assert_true(text_puts(&text, "fits"));
	assert_true(text.overflow);
	assert_false(text_add(&text, "x", SIZE_MAX));
	assert_string_equal(text.data, "fits");
	text_release(&text);
	text_init(&text, 0);
	assert_false(text_puts(&text, "x"));
	assert_true(text_puts(&text, ""));
	text_release(&text);
}

static void json_is_escaped(void **state UNUSED)
{
	struct text text;

	text_init(&text, 100);
	assert_true(text_json_escape(&text, "a\"b\\c\nd\te\x01\x7f/ö"));
	assert_string_equal(text.data, "a\\\"b\\\\c\\nd\\u0009e\\u0001\\u007f/ö");
	text_release(&text);
}

/* A long escape that does not fit must not be skipped while the letter behind it is taken. */
static void json_that_does_not_fit_has_no_hole(void **state UNUSED)
{
	struct text text;

	text_init(&text, 4);
	assert_false(text_json_escape(&text, "ab\x01"
					     "c"));
	assert_true(text.overflow);
	assert_string_equal(text.data, "ab");
	text_release(&text);
}

static void taking_leaves_it_empty(void **state UNUSED)
{
	struct text text;
	char *taken;

	text_init(&text, 100);
	text_puts(&text, "mine");
	taken = text_take(&text);
	assert_string_equal(taken, "mine");
	assert_string_equal(text.data, "");
	assert_int_equal(text.max_size, 100);
	assert_true(text_puts(&text, "again"));
	assert_string_equal(taken, "mine");
	free(taken);
	text_release(&text);
	text_release(&text);
}

static void a_released_text_can_be_filled_again(void **state UNUSED)
{
	struct text text;

	text_init(&text, 100);
	text_release(&text);
	assert_true(text_puts(&text, "again"));
	assert_string_equal(text.data, "again");
	text_release(&text);
}

static void what_is_no_utf8_becomes_a_question_mark(void **state UNUSED)
{
	static const struct {
		const char *text, *made;
	} cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"größe € 😀", "größe € 😀"},
	    {"cut \xc3", "cut ?"},
	    {"cut \xe2\x82", "cut ??"},
	    {"cut \xf0\x9f\x98", "cut ???"},
	    {"\xff\xfe", "??"},
	    {"\x80", "?"},
	    {"\xc0\xaf", "??"},			      /* "/" in two bytes */
	    {"\xe0\x80\xaf", "???"},		      /* and in three */
	    {"\xf0\x80\x80\xaf", "????"},	      /* and in four */
	    {"\xed\xa0\x80", "???"},		      /* half of a surrogate pair */
	    {"\xf4\x90\x80\x80", "????"},	      /* above U+10FFFF */
	    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF itself */
	    {"\xe4pfel", "?pfel"},		      /* Latin-1 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char copy[32];

		assert_true(snprintf(copy, sizeof(copy), "%s", cases[i].text) < (int)sizeof(copy));
		text_make_utf8(copy);
		assert_string_equal(copy, cases[i].made);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_grows_and_stays_ended),
	    cmocka_unit_test(the_maximum_holds),
	    cmocka_unit_test(json_is_escaped),
	    cmocka_unit_test(json_that_does_not_fit_has_no_hole),
	    cmocka_unit_test(taking_leaves_it_empty),
	    cmocka_unit_test(a_released_text_can_be_filled_again),
	    cmocka_unit_test(what_is_no_utf8_becomes_a_question_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
