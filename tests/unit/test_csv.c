#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "common/attr.h"
#include "common/csv.h"
#include "common/text.h"
#include "common/xalloc.h"

static const char cases[] = "tests/cases/csv";

/* ------------------------------------------------------------------ reading a text into rows */

static void escape(struct text *rows, const struct csv_field *field)
{
	for (size_t i = 0; i < field->size; i++) {
		char c = field->data[i];

		if (c == '\n')
			text_puts(rows, "\\n");
		else if (c == '\r')
			text_puts(rows, "\\r");
		else if (c == '\t')
			text_puts(rows, "\\t");
		else if (c == '\\')
			text_puts(rows, "\\\\");
		else
			text_add(rows, &c, 1);
	}
}

static int64_t first_line; /* how many lines stand before the text */

static bool write_row(void *context, const struct csv_row *row, struct fail *fail UNUSED)
{
	struct text *rows = context;

	text_printf(rows, "%lld", (long long)(row->line - first_line));
	if (row->problem)
		text_printf(rows, "\t!%s", row->problem);
	for (int i = 0; !row->problem && i < row->count; i++) {
		text_puts(rows, "\t");
		escape(rows, &row->fields[i]);
	}
	text_puts(rows, "\n");
	return true;
}

static bool read_rows(const char *data, size_t size, size_t piece, csv_on_row *on_row, void *context, struct fail *fail)
{
	struct csv *csv = csv_new("test.csv", on_row, context);
	bool good = true;

	for (size_t at = 0; good && at < size; at += piece)
		good = csv_feed(csv, data + at, size - at < piece ? size - at : piece, fail);
	good = good && csv_finish(csv, fail);
	csv_free(csv);
	return good;
}

static void read_text(const char *folder, const char *name, const char *ending, struct text *text)
{
	char path[512], piece[4096];
	size_t got;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s%s", cases, folder, name, ending);
	text_init(text, 1 << 24);
	file = fopen(path, "re");
	if (!file)
		fail_msg("could not open %s", path);
	while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
		text_add(text, piece, got);
	fclose(file);
}

/* ------------------------------------------------------------------ the cases folder */

static void check_case(const char *folder, const char *name, size_t piece)
{
	bool valid = strcmp(folder, "valid") == 0;
	struct text csv, expected, got;
	struct fail fail = {0};

	read_text(folder, name, ".csv", &csv);
	read_text(folder, name, valid ? ".rows" : ".error", &expected);
	text_init(&got, 1 << 24);
	if (read_rows(csv.data, csv.size, piece, write_row, &got, &fail) != valid)
		fail_msg("%s/%s in pieces of %zu: %s", folder, name, piece, fail.text);
	if (!valid) {
		assert_int_equal(fail.code, EXIT_BAD_DATA);
		text_clear(&got);
		text_printf(&got, "%s\n", fail.text);
	}
	if (got.size != expected.size || memcmp(got.data, expected.data, got.size) != 0)
		fail_msg("%s/%s in pieces of %zu:\ngot\n%sexpected\n%s", folder, name, piece, got.data, expected.data);
	text_release(&csv);
	text_release(&expected);
	text_release(&got);
}

/* The reader gathers 256 KiB before it parses them. Empty lines before the text move that seam to each of its bytes. */
static void check_seams(const char *name)
{
	enum { GATHERED = 1 << 18 };
	struct text csv, expected, got;
	char *lines = xmalloc(GATHERED);

	if (strncmp(name, "bom", 3) == 0)
		return free(lines);
	memset(lines, '\n', GATHERED);
	read_text("valid", name, ".csv", &csv);
	read_text("valid", name, ".rows", &expected);
	text_init(&got, 1 << 24);
	for (size_t split = 1; split <= csv.size; split++) {
		struct csv *reader = csv_new("test.csv", write_row, &got);
		struct fail fail = {0};

		text_clear(&got);
		first_line = (int64_t)(GATHERED - split);
		assert_true(csv_feed(reader, lines, GATHERED - split, &fail) &&
			    csv_feed(reader, csv.data, csv.size, &fail) && csv_finish(reader, &fail));
		csv_free(reader);
		if (got.size != expected.size || memcmp(got.data, expected.data, got.size) != 0)
			fail_msg("%s with a seam behind byte %zu:\ngot\n%sexpected\n%s", name, split, got.data,
				 expected.data);
	}
	first_line = 0;
	text_release(&csv);
	text_release(&expected);
	text_release(&got);
	free(lines);
}

/* Rows passed over, from the beginning on or behind the first row: those that follow are the same as without that. */
static void check_skip(const char *name)
{
	struct text csv, expected, got;

	read_text("valid", name, ".csv", &csv);
	read_text("valid", name, ".rows", &expected);
	text_init(&got, 1 << 24);
	for (int64_t skip = 0;; skip++) {
		struct csv *reader = csv_new("test.csv", write_row, &got);
		const char *rest = expected.data;
		struct fail fail = {0};
		int64_t left = skip;

		for (; left > 0 && *rest; left--)
			rest = strchr(rest, '\n') + 1;
		text_clear(&got);
		csv_skip(reader, skip);
		for (size_t at = 0; at < csv.size; at += 5)
			assert_true(csv_feed(reader, csv.data + at, csv.size - at < 5 ? csv.size - at : 5, &fail));
		assert_true(csv_finish(reader, &fail));
		if (strcmp(got.data, rest) != 0 || csv_skip_left(reader) != left)
			fail_msg("%s without its first %lld rows, %lld left:\ngot\n%sexpected\n%s", name,
				 (long long)skip, (long long)csv_skip_left(reader), got.data, rest);
		csv_free(reader);
		if (left > 0)
			break;
	}
	text_release(&csv);
	text_release(&expected);
	text_release(&got);
}

static int check_folder(const char *folder)
{
	char path[512], *name;
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", cases, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		size_t size = strlen(entry->d_name);

		if (size < 5 || strcmp(entry->d_name + size - 4, ".csv") != 0)
			continue;
		name = xstrndup(entry->d_name, size - 4);
		check_case(folder, name, 1 << 20);
		check_case(folder, name, 7);
		check_case(folder, name, 1);
		if (strcmp(folder, "valid") == 0) {
			check_seams(name);
			check_skip(name);
		}
		free(name);
		count++;
	}
	closedir(dir);
	return count;
}

static void valid_files_are_read(void **state UNUSED)
{
	assert_true(check_folder("valid") >= 20);
}

static void broken_files_are_refused(void **state UNUSED)
{
	assert_true(check_folder("invalid") >= 3);
}

/* ------------------------------------------------------------------ limits */

struct seen {
	int rows;
	size_t size; /* of the last row's last field */
	int stop_at;
	struct text *raw;
};

static bool see_row(void *context, const struct csv_row *row, struct fail *fail UNUSED)
{
	struct seen *seen = context;

	assert_null(row->problem);
	seen->rows++;
	seen->size = row->fields[row->count - 1].size;
	if (seen->raw)
		text_add(seen->raw, row->raw, row->raw_size);
	return seen->rows != seen->stop_at;
}

static char *long_text(const char *begin, size_t size, const char *end, size_t *total)
{
	size_t begin_size = strlen(begin), end_size = strlen(end);
	char *text = xmalloc(begin_size + size + end_size);

	memcpy(text, begin, begin_size);
	memset(text + begin_size, 'x', size);
	memcpy(text + begin_size + size, end, end_size);
	*total = begin_size + size + end_size;
	return text;
}

static void a_row_of_the_limit_is_read(void **state UNUSED)
{
	static const size_t pieces[] = {1 << 22, 65536, 1000};
	size_t size, length = CSV_MAX_ROW - 6; /* 1,"..."\n */
	char *text = long_text("id,a\n1,\"", length, "\"\n2,y\n", &size);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct seen seen = {0};
		struct fail fail = {0};

		assert_true(read_rows(text, size, pieces[i], see_row, &seen, &fail));
		assert_int_equal(seen.rows, 3);
		assert_int_equal(seen.size, 1);
	}
	free(text);
}

static void a_longer_row_is_refused(const char *begin, const char *end, const char *message)
{
	static const size_t pieces[] = {1 << 24, 65536, 1000};
	size_t size;
	char *text = long_text(begin, CSV_MAX_ROW, end, &size);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct seen seen = {0};
		struct fail fail = {0};

		assert_false(read_rows(text, size, pieces[i], see_row, &seen, &fail));
		assert_int_equal(fail.code, EXIT_BAD_DATA);
		assert_string_equal(fail.text, message);
		assert_int_equal(seen.rows, 1);
	}
	free(text);
}

static void longer_rows_are_refused(void **state UNUSED)
{
	char *rest = xmalloc(3 << 20);

	a_longer_row_is_refused("id,a\n1,", "\n2,y\n",
				"\"test.csv\" line 2: the row that begins here is longer than 1048576 bytes");
	memset(rest, 'y', 3 << 20);
	rest[(3 << 20) - 1] = '\0';
	a_longer_row_is_refused("id,a\n1,", rest,
				"\"test.csv\" line 2: the row that begins here is longer than 1048576 bytes");
	a_longer_row_is_refused(
	    "id,a\n1,\"", rest,
	    "\"test.csv\" line 2: the row that begins here is longer than 1048576 bytes: a quote is not closed");
	free(rest);
}

static void a_row_may_have_many_fields(void **state UNUSED)
{
	struct seen seen = {0};
	struct fail fail = {0};
	char *text = xmalloc(100001);

	memset(text, ',', 100000);
	text[100000] = '\n';
	assert_true(read_rows(text, 100001, 100001, see_row, &seen, &fail));
	assert_int_equal(seen.rows, 1);
	free(text);
}

static void add_line(struct text *csv, int i)
{
	if (i % 3 == 0)
		text_printf(csv, "%d,\"a\"\"b\n%0100d\",\r\n", i, i * 7);
	else if (i % 3 == 1)
		text_printf(csv, "%d,,%d\n", i, i * 7);
	else
		text_printf(csv, "\"%d\",x%d\r\n", i, i * 7);
}

/* Many rows over many pieces: nothing is lost or doubled at their seams, and the raw bytes make up the input again. */
static void seams_do_not_show(void **state UNUSED)
{
	static const size_t pieces[] = {1 << 22, 65537, 4093, 101};
	struct text csv;

	text_init(&csv, 1 << 24);
	for (int i = 0; i < 60000; i++)
		add_line(&csv, i);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct text raw;
		struct seen seen = {.raw = &raw};
		struct fail fail = {0};

		text_init(&raw, 1 << 24);
		assert_true(read_rows(csv.data, csv.size, pieces[i], see_row, &seen, &fail));
		assert_int_equal(seen.rows, 60000);
		assert_int_equal(raw.size, csv.size);
		assert_memory_equal(raw.data, csv.data, csv.size);
		text_release(&raw);
	}
	text_release(&csv);
}

static void the_callback_can_stop(void **state UNUSED)
{
	struct seen seen = {.stop_at = 2};
	struct fail fail = {0};

	assert_false(read_rows("a,b\n1,2\n3,4\n", 12, 12, see_row, &seen, &fail));
	assert_int_equal(seen.rows, 2);
	assert_int_equal(fail.code, 0);
}

static void text_is_utf_8_without_nul(void **state UNUSED)
{
	static const struct {
		const char *data;
		size_t size;
		bool good;
	} texts[] = {
	    {"", 0, true},
	    {"0123456789abcdef", 16, true},
	    {"0123456\0", 8, false},
	    {"0123456\0x", 9, false},
	    {"01234567\0", 9, false},
	    {"0123456\xc3\xa9 89", 11, true}, /* a character across the eight bytes */
	    {"0123456\xc3", 8, false},
	    {"\x80", 1, false},
	    {"\x01\x80\x01\x01\x01\x01\x01\x01", 8, false},
	    {"\xef\xbf\xbf", 3, true},
	    {"\xed\x9f\xbf", 3, true},
	    {"\xed\xa0\x80", 3, false},
	    {"\xe0\x9f\xbf", 3, false},
	    {"\xf0\x8f\xbf\xbf", 4, false},
	    {"\xf4\x8f\xbf\xbf", 4, true},
	    {"\xf5\x80\x80\x80", 4, false},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (csv_is_text(texts[i].data, texts[i].size) != texts[i].good)
			fail_msg("text %zu is taken for %s", i, texts[i].good ? "no text" : "text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid_files_are_read),	  cmocka_unit_test(broken_files_are_refused),
	    cmocka_unit_test(a_row_of_the_limit_is_read), cmocka_unit_test(longer_rows_are_refused),
	    cmocka_unit_test(a_row_may_have_many_fields), cmocka_unit_test(seams_do_not_show),
	    cmocka_unit_test(the_callback_can_stop),	  cmocka_unit_test(text_is_utf_8_without_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
