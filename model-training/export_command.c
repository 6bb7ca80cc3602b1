#include <string.h>

#include "common/output.h"
#include "model-training/command.h"
#include "model-training/export.h"

static struct {
	const char *format;
} config;

static const struct setting settings[] = {
    {"format", NULL, SETTING_CHOICE, &config.format, NULL, .choices = "binary|onnx", .value_name = "FORMAT",
     .help = "binary (docs/MODEL_FORMAT.md) or onnx; default: onnx where FILE ends with .onnx"},
};

static bool work(const struct command_call *call, struct fail *fail)
{
	const char *model = call->word_count > 1 ? call->words[1] : NULL;
	int exported = 0;

	return (!model || command_id(model, "the model", NULL, fail)) &&
	       export_model(call->db, call->spec->name, model, call->words[0], config.format, &exported, fail) &&
	       output_write(fail, "model_id", "%d", exported);
}

const struct command export_command = {
    .name = "export",
    .usage = "FILE [MODEL] --pipeline FILE [OPTIONS]",
    .purpose = "Writes a model to FILE (- = stdout): MODEL, else the champion.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .least_words = 1,
    .most_words = 2,
    .work = work,
};
