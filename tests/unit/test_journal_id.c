/* Ids of logged predictions: the time in them comes out as it went in, and what is no id is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "model-api/journal.h"

static void known_id(void **state UNUSED)
{
	/* RFC 9562, appendix A.6 */
	static const unsigned char random[10] = {0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
	char id[JOURNAL_ID_SIZE];

	journal_make_id(0x017f22e279b0, random, id);
	assert_string_equal(id, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	assert_true(journal_is_id(id));
	assert_int_equal(journal_id_ms(id), 0x017f22e279b0);
}

static void times_come_back(void **state UNUSED)
{
	static const int64_t times_ms[] = {0, 1, 1700000000123, 281474976710655};
	static const unsigned char ones[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	char id[JOURNAL_ID_SIZE];

	for (size_t i = 0; i < sizeof(times_ms) / sizeof(*times_ms); i++) {
		journal_make_id(times_ms[i], ones, id);
		assert_true(journal_is_id(id));
		assert_int_equal(journal_id_ms(id), times_ms[i]);
	}
}

static void no_ids(void **state UNUSED)
{
	static const char *const texts[] = {
	    "",
	    "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
	    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
	    "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", /* another version */
	    "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
	    "017f22e279b0-7cc3-98c4-dc0c0c07398f00",
	    "017f22e2x79b0x7cc3x98c4xdc0c0c07398f",
	    "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(journal_is_id(texts[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_id),
	    cmocka_unit_test(times_come_back),
	    cmocka_unit_test(no_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
