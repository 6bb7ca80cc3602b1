/* What a model answers for rows of text, for tests: forest_probe MODEL <ROWS; or forest_probe --onnx MODEL >FILE. A row
 * is a line, its features apart by tabs in the model's order; printed are the label and the probabilities of all
 * classes with 17 digits, apart by tabs.
 */
#include "common/forest.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "model-training/onnx.h"

enum { MAX_MODEL = 1 << 28 };

static struct forest *read_model(const char *path, struct fail *fail)
{
	FILE *file = fopen(path, "re");
	char *bytes = xmalloc(MAX_MODEL);
	size_t size = file ? fread(bytes, 1, MAX_MODEL, file) : 0;
	struct forest *forest = forest_read(bytes, size, NULL, fail);

	if (file)
		fclose(file);
	free(bytes);
	return forest;
}

static bool answer(const struct forest *forest, char *line, uint64_t *scores, struct fail *fail)
{
	int32_t *keys = xcalloc((size_t)forest->feature_count, sizeof(*keys));
	bool good = true;
	int label;

	for (int f = 0; good && f < forest->feature_count; f++) {
		size_t size = strcspn(line, "\t\n");

		good = forest_encode(forest, f, line, size, &keys[f]) != FOREST_NO_NUMBER ||
		       fail_set(fail, EXIT_BAD_DATA, "feature %d is no number", f);
		line += size + (line[size] != '\0');
	}
	label = forest_predict(forest, keys, scores);
	if (good)
		printf("%s", forest->labels[label]);
	for (int i = 0; good && i < forest->class_count; i++)
		printf("\t%.17g", forest_probability(forest, scores[i]));
	if (good)
		putchar('\n');
	free(keys);
	return good;
}

static bool print_onnx(const struct forest *forest, struct fail *fail)
{
	struct text bytes;
	bool good;

	text_init(&bytes, ONNX_MAX_SIZE);
	good = onnx_write(forest, &bytes, fail);
	fwrite(bytes.data, 1, bytes.size, stdout);
	text_release(&bytes);
	return good;
}

static void answer_all(const struct forest *forest, struct fail *fail)
{
	uint64_t *scores = xcalloc((size_t)forest->class_count, sizeof(*scores));
	char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0 && answer(forest, line, scores, fail))
		continue;
	free(line);
	free(scores);
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	struct forest *forest;
	bool onnx = argc == 3 && strcmp(argv[1], "--onnx") == 0;

	log_init("forest_probe");
	forest = argc == 2 + onnx ? read_model(argv[1 + onnx], &fail) : NULL;
	if (!forest)
		fail_set(&fail, EXIT_WRONG_USE, "usage: forest_probe MODEL <ROWS, or forest_probe --onnx MODEL >FILE");
	else if (onnx)
		(void)print_onnx(forest, &fail);
	else
		answer_all(forest, &fail);
	forest_free(forest);
	return fail.code ? fail_exit(&fail) : EXIT_DONE;
}
