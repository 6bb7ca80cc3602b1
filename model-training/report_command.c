#include <string.h>

#include "common/db.h"
#include "model-training/command.h"
#include "model-training/report.h"

static bool work(const struct command_call *call, struct fail *fail)
{
	json_t *report = NULL;
	int model_id;
	bool done = command_id(call->words[0], "the model", &model_id, fail) &&
		    report_load(call->db, call->spec->name, model_id, &report, fail) &&
		    report_print(report, call->json, fail);

	json_decref(report);
	return done;
}

const struct command report_command = {
    .name = "report",
    .usage = "MODEL --pipeline FILE [OPTIONS]",
    .purpose = "Prints the quality report that was stored with a model.",
    .least_words = 1,
    .most_words = 1,
    .work = work,
};
