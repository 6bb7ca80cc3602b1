#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "model-api/reply.h"

static void cleans_what_is_no_utf8(void **state UNUSED)
{
	static const struct {
		const char *text, *clean;
	} cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x8c\xb1", "K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x8c\xb1"},
	    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	    {"K\xf6ln", "K?ln"},
	    {"cut \xc3", "cut ?"},
	    {"cut \xe2\x82", "cut ??"},
	    {"cut \xf0\x9f\x8c", "cut ???"},
	    {"\xc0\xaf", "??"},		  /* longer than needed */
	    {"\xe0\x80\xaf", "???"},	  /* the same */
	    {"\xf0\x80\x80\xaf", "????"}, /* the same */
	    {"\xed\xa0\x80", "???"},	  /* a surrogate */
	    {"\xf4\x90\x80\x80", "????"}, /* above U+10FFFF */
	    {"\xff\xfe\x80", "???"},
	    {"\xe2(\xa1", "?(?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		reply_clean_utf8(text);
		assert_string_equal(text, cases[i].clean);
	}
}

static void errors_are_json(void **state UNUSED)
{
	struct reply reply;

	reply_init(&reply, 4096);
	reply.allow = "GET";
	reply.ticket.number = 7;
	reply_error(&reply, 404, "no \"%s\"\n\\ %s", "x\xff", "y");
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.type, "application/json");
	assert_string_equal(reply.body.data, "{\"error\":\"no \\\"x?\\\"\\n\\\\ y\"}\n");
	assert_null(reply.allow);
	assert_true(reply.ticket.number == 0);
	reply_release(&reply);
}

static void gives_long_memory_back(void **state UNUSED)
{
	struct reply reply;

	reply_init(&reply, 1 << 20);
	for (int i = 0; i < 100000; i++)
		text_puts(&reply.body, "x");
	reply_clear(&reply);
	assert_true(reply.body.capacity <= 16384);
	assert_int_equal(reply.body.size, 0);
	assert_int_equal(reply.body.max_size, 1 << 20);
	reply_release(&reply);
}

static void a_value_too_long_is_an_error(void **state UNUSED)
{
	struct reply reply;

	reply_init(&reply, 64);
	reply_json(&reply, 200,
		   json_pack("{s:s}", "text", "a text that is certainly longer than sixty-four bytes, is it not?"));
	assert_int_equal(reply.status, 500);
	assert_string_equal(reply.body.data, "{\"error\":\"could not write the answer\"}\n");
	reply_json(&reply, 201, json_pack("{s:i}", "number", 1));
	assert_int_equal(reply.status, 201);
	assert_string_equal(reply.body.data, "{\"number\":1}\n");
	reply_release(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cleans_what_is_no_utf8),
	    cmocka_unit_test(errors_are_json),
	    cmocka_unit_test(gives_long_memory_back),
	    cmocka_unit_test(a_value_too_long_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
