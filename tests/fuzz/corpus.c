/* main() of a fuzz target where libFuzzer is not linked: runs every file of tests/fuzz/corpus/<target>/, or those that
 * are named, once. Speaks TAP; where an input ends the program, its name is the last thing said. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "common/xalloc.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_INPUT = 1 << 20 };

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *block = xmalloc(MAX_INPUT), *exact;
	size_t size;

	if (!file) {
		perror(path);
		exit(1);
	}
	size = fread(block, 1, MAX_INPUT, file);
	fclose(file);
	/* Nothing stands behind the input: the sanitizer sees a byte read too far. */
	exact = xmalloc(size ? size : 1);
	memcpy(exact, block, size);
	free(block);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	char *pattern = xasprintf("tests/fuzz/corpus/%s/*", strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
	glob_t files = {0};
	size_t count = 0;

	for (int i = 1; i < argc; i++, count++)
		run_file(argv[i]);
	if (argc == 1 && glob(pattern, 0, NULL, &files) == 0)
		for (; count < files.gl_pathc; count++)
			run_file(files.gl_pathv[count]);
	globfree(&files);
	printf("%s 1 - %zu inputs of %s\n1..1\n", count ? "ok" : "not ok", count, pattern);
	free(pattern);
	return count ? 0 : 1;
}
