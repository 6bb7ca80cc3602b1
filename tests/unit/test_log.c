#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"
#include "common/log.h"

static int saved_stderr;
static FILE *caught;
static char line[65536];

static int catch_stderr(void **state UNUSED)
{
	caught = tmpfile();
	saved_stderr = dup(STDERR_FILENO);
	return !caught || saved_stderr < 0 || dup2(fileno(caught), STDERR_FILENO) < 0;
}

static int give_back_stderr(void **state UNUSED)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	fclose(caught);
	return 0;
}

/* What was logged since the last call, without the time, which is simulated. */
static const char *logged(void)
{
	static const char time[] = "time=2023-11-14T09:00:00Z ";
	size_t size;

	fseek(caught, 0, SEEK_SET);
	size = fread(line, 1, sizeof(line) - 1, caught);
	line[size] = '\0';
	assert_int_equal(ftruncate(fileno(caught), 0), 0);
	fseek(caught, 0, SEEK_SET);
	if (!size)
		return "";
	assert_memory_equal(line, time, strlen(time));
	return line + strlen(time);
}

static void a_line_holds_its_pairs(void **state UNUSED)
{
	log_info("load done", "load_id", "%d", -3, "rows", "%lld", 100000LL, "size", "%zu", (size_t)7, "share", "%.2f",
		 0.5, "n", "%u", 4294967295u, "l", "%ld", -5L, "ul", "%lu", 6ul, "ull", "%llu", 18446744073709551615ull,
		 NULL);
	assert_string_equal(logged(),
			    "level=info program=test msg=\"load done\" load_id=-3 rows=100000 size=7 share=0.50 "
			    "n=4294967295 l=-5 ul=6 ull=18446744073709551615\n");
}

static void values_are_quoted_when_needed(void **state UNUSED)
{
	static const struct {
		const char *value, *written;
	} cases[] = {
	    {"plain", "v=plain\n"},
	    {"", "v=\"\"\n"},
	    {"two words", "v=\"two words\"\n"},
	    {"a=b", "v=\"a=b\"\n"},
	    {"say \"x\"", "v=\"say \\\"x\\\"\"\n"},
	    {"back\\slash", "v=\"back\\\\slash\"\n"},
	    {"one\ntwo level=error", "v=\"one\\ntwo level=error\"\n"},
	    {"\x1b[31m", "v=\"\\u001b[31m\"\n"},
	    {"\x7f", "v=\"\\u007f\"\n"},
	    {"größe", "v=größe\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *text;

		log_error("m", "v", "%s", cases[i].value, NULL);
		text = logged();
		assert_non_null(strstr(text, "v="));
		assert_string_equal(strstr(text, "v="), cases[i].written);
	}
}

static void the_level_decides(void **state UNUSED)
{
	log_debug("hidden", NULL);
	assert_string_equal(logged(), "");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("hidden", NULL);
	assert_string_equal(logged(), "");
	log_error("shown", NULL);
	assert_string_equal(logged(), "level=error program=test msg=shown\n");
	log_set_level(LOG_LEVEL_INFO);
}

static void the_environment_sets_the_level(void **state UNUSED)
{
	setenv("LOG_LEVEL", "debug", 1);
	log_init("test");
	log_debug("shown", NULL);
	assert_string_equal(logged(), "level=debug program=test msg=shown\n");
	log_set_level(LOG_LEVEL_INFO);
	setenv("LOG_LEVEL", "loud", 1);
	log_init("test");
	assert_non_null(strstr(logged(), "level=warning program=test msg=\"environment variable LOG_LEVEL is none of"));
	setenv("LOG_LEVEL", "", 1);
	log_init("test");
	assert_string_equal(logged(), "");
	unsetenv("LOG_LEVEL");
}

/* However much is logged: one line, ended, and no pair that is cut within its quotes. */
static void a_long_line_ends_before_a_pair(void **state UNUSED)
{
	char value[4096];
	const char *text;

	memset(value, '\x01', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	log_info("m", "a", "%s", value, "b", "%s", value, "c", "%d", 1, NULL);
	text = logged();
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	assert_int_equal(text[strlen(text) - 2], '"');
	assert_non_null(strstr(text, " a=\"\\u0001"));
	assert_null(strstr(text, " b="));
	assert_true(strlen(text) < 16384);
}

static void a_failure_is_logged_with_its_code(void **state UNUSED)
{
	struct fail fail = {0};

	fail_set(&fail, EXIT_BAD_DATA, "line 7: 57 fields");
	assert_int_equal(fail_exit(&fail), 3);
	assert_string_equal(logged(), "level=error program=test msg=\"line 7: 57 fields\" exit_code=3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_line_holds_its_pairs, catch_stderr, give_back_stderr),
	    cmocka_unit_test_setup_teardown(values_are_quoted_when_needed, catch_stderr, give_back_stderr),
	    cmocka_unit_test_setup_teardown(the_level_decides, catch_stderr, give_back_stderr),
	    cmocka_unit_test_setup_teardown(the_environment_sets_the_level, catch_stderr, give_back_stderr),
	    cmocka_unit_test_setup_teardown(a_long_line_ends_before_a_pair, catch_stderr, give_back_stderr),
	    cmocka_unit_test_setup_teardown(a_failure_is_logged_with_its_code, catch_stderr, give_back_stderr),
	};

	unsetenv("LOG_LEVEL");
	log_init("test");
	clock_simulate(1699952400);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
