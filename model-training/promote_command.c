#include <stdio.h>

#include "common/log.h"
#include "common/output.h"
#include "model-training/command.h"
#include "model-training/promote.h"
#include "model-training/result.h"

static struct {
	const char *reason, *champion;
} config;

static const struct setting settings[] = {
    {"reason", NULL, SETTING_TEXT, &config.reason, NULL, .value_name = "TEXT",
     .help = "why; stored with the promotion"},
    {"champion", NULL, SETTING_TEXT, &config.champion, NULL, .value_name = "MODEL",
     .help = "only when this is the champion that is replaced: a repeated command changes nothing"},
};

static void print_text(const struct promotion_result *result)
{
	if (!result->changed)
		printf("nothing to do: model %d is the champion (promotion %d)\n", result->model_id,
		       result->promotion_id);
	else if (result->replaced_model_id)
		printf("model %d replaces model %d as promotion %d\n", result->model_id, result->replaced_model_id,
		       result->promotion_id);
	else
		printf("model %d is the champion as promotion %d\n", result->model_id, result->promotion_id);
}

static bool print(const struct promotion_result *result, bool as_json, struct fail *fail)
{
	json_t *object;
	bool done;

	if (!as_json) {
		print_text(result);
		return result_end_output(fail);
	}
	object = json_pack("{s:i, s:i, s:o, s:b}", "promotion_id", result->promotion_id, "model_id", result->model_id,
			   "replaced_model_id",
			   result->replaced_model_id ? json_integer(result->replaced_model_id) : json_null(), "changed",
			   (int)result->changed);
	done = result_print_json(object, fail);
	json_decref(object);
	return done;
}

static bool work(const struct command_call *call, struct fail *fail)
{
	struct promotion_request request = {.pipeline = call->spec->name, .reason = config.reason};
	struct promotion_result result;

	if ((call->word_count && !command_id(call->words[0], "the model", &request.model_id, fail)) ||
	    (config.champion && !command_id(config.champion, "option --champion", &request.expected_id, fail)) ||
	    !promote(call->db, call->run, &request, &result, fail))
		return false;
	log_info(result.changed ? "promoted" : "nothing to do", "model_id", "%d", result.model_id, "promotion_id", "%d",
		 result.promotion_id, NULL);
	return print(&result, call->json, fail) && output_write(fail, "model_id", "%d", result.model_id) &&
	       output_write(fail, "promoted", "%s", result.changed ? "true" : "false");
}

const struct command promote_command = {
    .name = "promote",
    .usage = "MODEL --pipeline FILE [OPTIONS]",
    .purpose = "Makes a stored model the champion, whatever the gate said; the servers change to it at once.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .least_words = 1,
    .most_words = 1,
    .writes = true,
    .work = work,
};

const struct command rollback_command = {
    .name = "rollback",
    .usage = "--pipeline FILE [OPTIONS]",
    .purpose =
	"Undoes the latest promotion: the model before it is the champion again. The next one goes back further.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .writes = true,
    .work = work,
};
