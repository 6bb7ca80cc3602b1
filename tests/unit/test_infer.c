/* Open Inference Protocol: tests/cases/infer/NAME.body and the status and answer to it in NAME.want, for the model of
 * small_model.h and at most 10 rows. NAME.json-size, where it is there, says where binary data begin. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/text.h"
#include "model-api/infer.h"
#include "tests/unit/small_model.h"

static struct model *models[] = {&small_model};
static struct champions champions = {.known = true, .count = 1, .models = models};

enum { MAX_FILE = 1 << 20 };

/* False: there is no such file. */
static bool read_file(const char *body_path, const char *ending, struct text *text)
{
	struct text path;
	FILE *file;
	char block[4096];
	size_t size;

	text_init(&path, 4096);
	text_printf(&path, "%.*s%s", (int)strlen(body_path) - 4, body_path, ending);
	file = fopen(path.data, "rb");
	text_init(text, MAX_FILE);
	while (file && (size = fread(block, 1, sizeof(block), file)) > 0)
		text_add(text, block, size);
	text_release(&path);
	if (file)
		fclose(file);
	return file != NULL;
}

static void ask(const char *model, const char *version, const struct text *body, size_t json_size, struct reply *reply)
{
	struct serving serving = {.champions = &champions, .max_rows = 10};
	/* A copy without anything behind it: the sanitizer sees a byte read too far. */
	char *exact = malloc(body->size ? body->size : 1);
	struct infer_call call = {model, version, exact, body->size, json_size};

	memcpy(exact, body->data, body->size);
	infer(&serving, &call, reply);
	free(exact);
}

static bool check(const char *path)
{
	struct text body, want, json_size, got;
	struct reply reply;
	bool same;

	assert_true(read_file(path, "body", &body) && read_file(path, "want", &want));
	if (!read_file(path, "json-size", &json_size))
		text_printf(&json_size, "%zu", body.size);
	reply_init(&reply, MAX_FILE);
	ask("towns", NULL, &body, strtoul(json_size.data, NULL, 10), &reply);
	text_init(&got, MAX_FILE);
	text_printf(&got, "%d %s", reply.status, reply.body.data);
	same = strcmp(got.data, want.data) == 0;
	if (!same)
		print_message("# %s\n# got:  %s# want: %s", path, got.data, want.data);
	text_release(&body);
	text_release(&want);
	text_release(&json_size);
	text_release(&got);
	reply_release(&reply);
	return same;
}

static void every_case(void **state UNUSED)
{
	glob_t bodies;
	int failed = 0;

	if (glob("tests/cases/infer/*.body", 0, NULL, &bodies) != 0)
		fail_msg("there are no cases below tests/cases/infer: run this from the root of the clone");
	for (size_t i = 0; i < bodies.gl_pathc; i++)
		failed += !check(bodies.gl_pathv[i]);
	assert_true(bodies.gl_pathc > 50);
	globfree(&bodies);
	assert_int_equal(failed, 0);
}

static void names_and_versions(void **state UNUSED)
{
	static const struct {
		const char *model, *version;
		int status;
	} cases[] = {{"towns", NULL, 200}, {"towns", "7", 200},	  {"towns", "8", 404},
		     {"towns", "07", 404}, {"cities", NULL, 404}, {"cities", "7", 404}};
	static const char json[] = "{\"inputs\":[{\"name\":\"age\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[34]},"
				   "{\"name\":\"weight\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[2.5]},"
				   "{\"name\":\"town\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"Berlin\"]}]}";
	struct text body;
	struct reply reply;

	text_init(&body, MAX_FILE);
	text_puts(&body, json);
	reply_init(&reply, MAX_FILE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(cases[i].model, cases[i].version, &body, body.size, &reply);
		assert_int_equal(reply.status, cases[i].status);
		infer_model_ready(&champions, cases[i].model, cases[i].version, &reply);
		assert_int_equal(reply.status, cases[i].status);
		infer_model_metadata(&champions, cases[i].model, cases[i].version, &reply);
		assert_int_equal(reply.status, cases[i].status);
	}
	/* More JSON than there is body. */
	ask("towns", NULL, &body, body.size + 1, &reply);
	assert_int_equal(reply.status, 400);
	infer_model_metadata(&champions, "towns", NULL, &reply);
	assert_string_equal(
	    reply.body.data,
	    "{\"name\":\"towns\",\"versions\":[\"7\"],\"platform\":\"green-ml_forestv1\",\"inputs\":["
	    "{\"name\":\"age\",\"datatype\":\"INT32\",\"shape\":[-1,1]},"
	    "{\"name\":\"weight\",\"datatype\":\"FP32\",\"shape\":[-1,1]},"
	    "{\"name\":\"town\",\"datatype\":\"BYTES\",\"shape\":[-1,1]}],\"outputs\":["
	    "{\"name\":\"prediction\",\"datatype\":\"BYTES\",\"shape\":[-1]},"
	    "{\"name\":\"probabilities\",\"datatype\":\"FP64\",\"shape\":[-1,2]}],\"classes\":[\"no\",\"yes\"]}\n");
	reply_release(&reply);
	text_release(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_case),
	    cmocka_unit_test(names_and_versions),
	};

	return cmocka_run_group_tests(tests, small_model_setup, small_model_teardown);
}
