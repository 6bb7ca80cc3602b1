#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/output.h"

static char folder[] = "/tmp/green-ml-output.XXXXXX";

static int make_folder(void **state UNUSED)
{
	return !mkdtemp(folder);
}

static int remove_folder(void **state UNUSED)
{
	return rmdir(folder);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* The file's text; the file is deleted. */
static const char *content(const char *name)
{
	static char text[128];
	FILE *file = fopen(path_of(name), "re");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	fclose(file);
	unlink(path_of(name));
	return text;
}

static void a_value_is_a_file(void **state UNUSED)
{
	struct fail fail = {0};

	setenv("OUTPUT_DIR", folder, 1);
	assert_true(output_write(&fail, "model_id", "%d", 12));
	assert_true(output_write(&fail, "model_id", "%d", 7)); /* a retried step writes anew */
	assert_string_equal(content("model_id"), "7");
	assert_true(output_write(&fail, "promoted", "%s", "false"));
	assert_string_equal(content("promoted"), "false");
	unsetenv("OUTPUT_DIR");
}

static void nothing_is_written_without_a_folder(void **state UNUSED)
{
	struct fail fail = {0};

	unsetenv("OUTPUT_DIR");
	assert_true(output_write(&fail, "rows", "%d", 1));
	setenv("OUTPUT_DIR", "", 1);
	assert_true(output_write(&fail, "rows", "%d", 1));
	unsetenv("OUTPUT_DIR");
	assert_int_not_equal(access("/rows", F_OK), 0);
	assert_int_not_equal(access("rows", F_OK), 0);
}

static void what_cannot_be_written_is_an_error(void **state UNUSED)
{
	struct fail fail = {0};
	char long_path[5000];

	setenv("OUTPUT_DIR", path_of("missing"), 1);
	assert_false(output_write(&fail, "rows", "%d", 1));
	assert_int_equal(fail.code, EXIT_FAILED);
	assert_non_null(strstr(fail.text, "missing/rows"));

	fail_clear(&fail);
	setenv("OUTPUT_DIR", "/dev", 1); /* a device that is full: the error comes with the last byte */
	assert_false(output_write(&fail, "full", "%d", 1));
	assert_non_null(strstr(fail.text, "No space left"));

	fail_clear(&fail);
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	setenv("OUTPUT_DIR", long_path, 1);
	assert_false(output_write(&fail, "rows", "%d", 1));
	assert_int_equal(fail.code, EXIT_WRONG_USE);
	unsetenv("OUTPUT_DIR");
}

static void progress_goes_where_argo_wants_it(void **state UNUSED)
{
	setenv("ARGO_PROGRESS_FILE", path_of("progress"), 1);
	output_progress(0, 10000000000);
	output_progress(9999999999, 10000000000);
	assert_string_equal(content("progress"), "9999999999/10000000000");
	output_progress_end();
	/* A folder that is away stops nobody. */
	setenv("ARGO_PROGRESS_FILE", path_of("missing/progress"), 1);
	output_progress(1, 2);
	unsetenv("ARGO_PROGRESS_FILE");
}

static void progress_is_silent_without_a_terminal(void **state UNUSED)
{
	FILE *caught = tmpfile();
	int saved = dup(STDERR_FILENO);

	assert_non_null(caught);
	dup2(fileno(caught), STDERR_FILENO);
	output_progress(1, 2);
	output_progress_end();
	dup2(saved, STDERR_FILENO);
	close(saved);
	fseek(caught, 0, SEEK_END);
	assert_int_equal(ftell(caught), 0);
	fclose(caught);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_value_is_a_file),
	    cmocka_unit_test(nothing_is_written_without_a_folder),
	    cmocka_unit_test(what_cannot_be_written_is_an_error),
	    cmocka_unit_test(progress_goes_where_argo_wants_it),
	    cmocka_unit_test(progress_is_silent_without_a_terminal),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
