/* The split against vectors that Python computed: tests/cases/split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/split.h"

enum { MAX_LINE = 4096, MAX_FIELDS = 4 };

/* Reads a line's fields, apart by tabs; their number, 0 at the end. */
static int read_fields(FILE *file, char line[MAX_LINE], char *fields[MAX_FIELDS])
{
	int count = 0;

	if (!fgets(line, MAX_LINE, file))
		return 0;
	line[strcspn(line, "\n")] = '\0';
	for (char *at = line; at && count < MAX_FIELDS; count++) {
		fields[count] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	return count;
}

static FILE *open_cases(const char *name)
{
	FILE *file = fopen(name, "re");

	assert_non_null(file);
	return file;
}

static void limits_are_exact(void **state UNUSED)
{
	FILE *file = open_cases("tests/cases/split/limits.tsv");
	char line[MAX_LINE], *fields[MAX_FIELDS], limit[SPLIT_LIMIT_SIZE];
	int cases = 0;

	for (; read_fields(file, line, fields) == 2; cases++) {
		bool valid = split_limit(fields[0], limit);

		if (valid != (strcmp(fields[1], "-") != 0) || (valid && strcmp(limit, fields[1]) != 0))
			fail_msg("holdout \"%s\": got %s, want %s", fields[0], valid ? limit : "-", fields[1]);
	}
	fclose(file);
	assert_in_range(cases, 30, 1000);
}

static void rows_keep_their_side(void **state UNUSED)
{
	FILE *file = open_cases("tests/cases/split/rows.tsv");
	char line[MAX_LINE], *fields[MAX_FIELDS];
	int cases = 0;

	for (; read_fields(file, line, fields) == 4; cases++) {
		struct split *split = split_new(fields[0], fields[2]);

		/* Asked twice: the first answer leaves nothing behind. */
		for (int i = 0; i < 2; i++)
			if (split_has(split, fields[1], strlen(fields[1])) != (*fields[3] == '1'))
				fail_msg("source \"%s\", id \"%s\", limit %s: want %s", fields[0], fields[1], fields[2],
					 fields[3]);
		split_free(split);
	}
	fclose(file);
	assert_in_range(cases, 500, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limits_are_exact),
	    cmocka_unit_test(rows_keep_their_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
