#include <stdio.h>
#include <string.h>

#include "model-training/command.h"
#include "model-training/models.h"
#include "model-training/result.h"

/* One line per value; an object's or a list's are indented under its key. */
static void print_value(const char *key, const json_t *value, int depth)
{
	const char *inner_key;
	json_t *inner;
	size_t i;

	if (json_is_object(value) || json_is_array(value)) {
		printf("%*s%s:%s\n", 2 * depth, "", key,
		       json_object_size(value) + json_array_size(value) == 0 ? " none" : "");
		json_object_foreach((json_t *)(uintptr_t)value, inner_key, inner)
		    print_value(inner_key, inner, depth + 1);
		json_array_foreach(value, i, inner) print_value("-", inner, depth + 1);
	} else {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

		printf("%*s%s: %s\n", 2 * depth, "", key, json_is_string(value) ? json_string_value(value) : text);
		free(text);
	}
}

static bool work(const struct command_call *call, struct fail *fail)
{
	json_t *model = NULL, *value;
	const char *key;
	int model_id;
	bool done = command_id(call->words[0], "the model", &model_id, fail) &&
		    models_show(call->db, call->spec->name, model_id, &model, fail);

	if (done && call->json)
		done = result_print_json(model, fail);
	else if (done) {
		json_object_foreach(model, key, value) print_value(key, value, 0);
		done = result_end_output(fail);
	}
	json_decref(model);
	return done;
}

const struct command show_command = {
    .name = "show",
    .usage = "MODEL --pipeline FILE [OPTIONS]",
    .purpose = "Shows a model: its metrics, what the gate looked at, and when it served.",
    .least_words = 1,
    .most_words = 1,
    .work = work,
};
