#include "common/container.h"
#include "model-training/command.h"
#include "model-training/report.h"

static struct {
	bool importance, drift;
	int64_t threads;
} config;

static const struct setting settings[] = {
    {"importance", NULL, SETTING_FLAG, &config.importance, NULL,
     .help = "also out-of-bag accuracy and permutation importance, made now from the plan"},
    {"drift", NULL, SETTING_FLAG, &config.drift, NULL,
     .help = "also how far the inputs that came since have moved (PSI, Jensen-Shannon)"},
    {"threads", NULL, SETTING_INT, &config.threads, "0", 0, 1024, .value_name = "N",
     .help = "for --importance, 0 = all processors"},
};

static bool work(const struct command_call *call, struct fail *fail)
{
	int threads = config.threads > 0 ? (int)config.threads : container_processors(), model_id;
	json_t *report = NULL;
	bool done = command_id(call->words[0], "the model", &model_id, fail) &&
		    report_load(call->db, call->spec->name, model_id, &report, fail) &&
		    (!config.importance || report_add_importance(call->db, call->spec, report, threads, fail)) &&
		    (!config.drift || report_add_drift(call->db, report, fail)) &&
		    report_print(report, call->json, fail);

	json_decref(report);
	return done;
}

const struct command report_command = {
    .name = "report",
    .usage = "MODEL --pipeline FILE [OPTIONS]",
    .purpose = "Prints the quality report of a model: scores by class, importances, the gate, drift.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .least_words = 1,
    .most_words = 1,
    .work = work,
};
