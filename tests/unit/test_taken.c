/* What preprocessing prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "preprocessing/taken.h"

static char pipeline[] = "insurance", other[] = "other", none[] = "{}", no_words[] = "", some[] = "{\"a\":3,\"b\":1}",
	    words[] = "a 3, b 1";

static struct taken_load loads[] = {
    {.load_id = 3, .rows = 99996, .dropped = 4, .cells = 41234, .missing = some, .missing_words = words},
    {.load_id = 5, .rows = 0, .dropped = 0, .cells = 0, .missing = none, .missing_words = no_words},
};

static struct target list[] = {
    {.pipeline = pipeline, .feature_set_id = 1, .version = 1, .done = true},
    {.pipeline = pipeline,
     .feature_set_id = 4,
     .version = 2,
     .is_newest = true,
     .done = true,
     .loads = loads,
     .load_count = 2,
     .compacted = true},
    {.pipeline = other, .feature_set_id = 2, .version = 1, .is_newest = true, .done = false},
};

static const struct targets targets = {list, 3};

static void text_has_a_line_per_load(void **state UNUSED)
{
	struct text text;

	text_init(&text, 1 << 16);
	taken_text(&targets, &text);
	assert_string_equal(text.data, "insurance (columns of version 1): nothing to do\n"
				       "insurance: load 3: 99996 rows, 4 dropped (a 3, b 1), 41234 cells\n"
				       "insurance: load 5: 0 rows, 0 dropped\n"
				       "insurance: cells compacted\n");
	text_release(&text);
}

static void json_has_everything(void **state UNUSED)
{
	struct text text;

	text_init(&text, 1 << 16);
	taken_json(&targets, &text);
	assert_string_equal(
	    text.data, "{\"rows\":99996,\"dropped\":4,\"load_id\":5,\"feature_sets\":["
		       "{\"pipeline\":\"insurance\",\"feature_set_id\":1,\"version\":1,\"newest\":false,\"loads\":[],"
		       "\"compacted\":false},"
		       "{\"pipeline\":\"insurance\",\"feature_set_id\":4,\"version\":2,\"newest\":true,\"loads\":["
		       "{\"load_id\":3,\"rows\":99996,\"dropped\":4,\"cells\":41234,\"missing\":{\"a\":3,\"b\":1}},"
		       "{\"load_id\":5,\"rows\":0,\"dropped\":0,\"cells\":0,\"missing\":{}}],\"compacted\":true}]}\n");
	text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_has_a_line_per_load),
	    cmocka_unit_test(json_has_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
