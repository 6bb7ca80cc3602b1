/* The body of an inference, JSON and binary tensors, for a model with an integer, a real and a text: the answer is
 * always whole, and a good one has a prediction for each row. The first two bytes say where binary data begin. */
#include <stdlib.h>

#include "model-api/infer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/small_model.h"

static struct model *models[] = {&small_model};
static struct champions champions = {.known = true, .count = 1, .models = models};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct serving serving = {.champions = &champions, .max_rows = 10};
	struct infer_call call = {"towns", NULL, (const char *)data + 2, size - 2, size - 2};
	struct reply reply;

	if (!small_model.labels)
		model_make_words(&small_model);
	if (size < 2)
		return 0;
	if (data[0] != ' ')
		call.json_size = (size_t)(data[0] << 8 | data[1]);
	reply_init(&reply, 1 << 16);
	infer(&serving, &call, &reply);
	PROMISE(reply.status == 200 || reply.status == 400);
	PROMISE(reply.body.size > 2 && !reply.body.overflow && reply.body.data[reply.body.size - 2] == '}');
	PROMISE((strstr(reply.body.data, "\"error\":") != NULL) == (reply.status == 400));
	reply_release(&reply);
	return 0;
}
