/* The bodies of POST /predict: tests/cases/request/NAME.body and what is to be made of it in NAME.want, for the model
 * described in model.json there and at most 10 rows:
 *	error TEXT | pipeline NAME, probabilities, row VALUE..., unseen ROW COLUMN */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/text.h"
#include "model-api/request.h"

enum { MAX_FILE = 1 << 20 };

static char word_age[] = "age", word_weight[] = "weight", word_town[] = "town", word_towns[] = "towns";
static char word_empty[] = "", word_na[] = "NA", word_one[] = "-1", word_nine[] = "-9.5";
static char word_berlin[] = "Berlin", word_koeln[] = "Köln", word_seven[] = "7";
static char *age_missing[] = {word_empty, word_na, word_one}, *weight_missing[] = {word_empty, word_nine},
	    *town_missing[] = {word_empty, word_na};
static char *towns[] = {word_berlin, word_koeln, word_seven};
static int towns_by_text[] = {2, 0, 1};
static int32_t age_keys[] = {-1}, weight_keys[1];

static struct forest_feature forest_features[] = {
    {.name = word_age, .type = COLUMN_INTEGER},
    {.name = word_weight, .type = COLUMN_REAL},
    {.name = word_town,
     .type = COLUMN_CATEGORY,
     .category_count = 3,
     .categories = towns,
     .by_text = towns_by_text,
     .frequent = 1},
};
static struct forest forest = {.feature_count = 3, .features = forest_features};
static struct model_feature features[] = {
    {{word_age, COLUMN_INTEGER, age_missing, 3}, age_keys, 1},
    {{word_weight, COLUMN_REAL, weight_missing, 2}, weight_keys, 1},
    {{word_town, COLUMN_CATEGORY, town_missing, 2}, NULL, 0},
};
static const struct model model = {.pipeline = word_towns, .forest = &forest, .features = features};

static void read_file(const char *path, struct text *text)
{
	FILE *file = fopen(path, "rb");
	char block[4096];
	size_t size;

	if (!file)
		fail_msg("could not open %s", path);
	text_init(text, MAX_FILE);
	while ((size = fread(block, 1, sizeof(block), file)) > 0)
		text_add(text, block, size);
	fclose(file);
}

static void print_rows(const struct request *request, const struct encoded *encoded, struct text *got)
{
	for (size_t row = 0; row < request->row_count; row++) {
		const int32_t *keys = encoded->keys + row * 3;

		text_printf(got, "row %d %.9g %s\n", keys[0], (double)forest_key_real(keys[1]), towns[keys[2]]);
	}
	for (size_t i = 0; i < encoded->unseen_count; i++)
		text_printf(got, "unseen %zu %s\n", encoded->unseen[i].row,
			    features[encoded->unseen[i].feature].column.name);
}

static void describe(const struct text *body, struct text *got)
{
	static const struct request_limits limits = {
	    .max_rows = 10, .max_columns = 3, .max_others = REQUEST_OTHERS, .max_depth = REQUEST_DEPTH};
	struct request request;
	struct encoded encoded = {0};
	struct fail fail = {0};
	/* A copy without anything behind it: the sanitizer sees a byte read too far. */
	char *exact = malloc(body->size ? body->size : 1);

	memcpy(exact, body->data, body->size);
	if (request_parse(exact, body->size, &limits, &request, &fail) &&
	    request_encode(&request, &model, &encoded, &fail)) {
		if (request.pipeline)
			text_printf(got, "pipeline %s\n", request.pipeline);
		if (request.probabilities)
			text_puts(got, "probabilities\n");
		print_rows(&request, &encoded, got);
	} else {
		text_printf(got, "error %s\n", fail.text);
		assert_int_equal(fail.code, EXIT_BAD_DATA);
	}
	encoded_release(&encoded);
	request_release(&request);
	free(exact);
}

static void every_case(void **state UNUSED)
{
	glob_t bodies;
	int failed = 0;

	weight_keys[0] = forest_real_key(-9.5f);
	if (glob("tests/cases/request/*.body", 0, NULL, &bodies) != 0)
		fail_msg("there are no cases below tests/cases/request: run this from the root of the clone");
	for (size_t i = 0; i < bodies.gl_pathc; i++) {
		struct text body, want, got, path;

		text_init(&path, 4096);
		text_printf(&path, "%.*swant", (int)strlen(bodies.gl_pathv[i]) - 4, bodies.gl_pathv[i]);
		read_file(bodies.gl_pathv[i], &body);
		read_file(path.data, &want);
		text_init(&got, MAX_FILE);
		describe(&body, &got);
		if (strcmp(got.data, want.data) != 0 && !(got.size == 0 && strcmp(want.data, "\n") == 0)) {
			print_message("# %s\n# got:  %s# want: %s", bodies.gl_pathv[i], got.data, want.data);
			failed++;
		}
		text_release(&body);
		text_release(&want);
		text_release(&got);
		text_release(&path);
	}
	assert_true(bodies.gl_pathc > 60);
	globfree(&bodies);
	assert_int_equal(failed, 0);
}

/* Every beginning of a valid body is refused, and nothing but the body is read. */
static void every_beginning_is_refused(void **state UNUSED)
{
	static const char whole[] =
	    "{\"pipeline\":\"towns\",\"rows\":[[34,2.5,\"K\\u00f6ln\"],{\"age\":1,\"weight\":2,\"town\":\"\\\"\"}]}";

	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		struct text body, got;

		text_init(&body, MAX_FILE);
		text_init(&got, MAX_FILE);
		text_add(&body, whole, size);
		describe(&body, &got);
		assert_int_equal(strncmp(got.data, "error ", 6), 0);
		text_release(&body);
		text_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_case),
	    cmocka_unit_test(every_beginning_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
