/* What happens without a name: a snapshot of the feature rows, a forest grown from it, and its challenge of the
 * champion. */

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/log.h"
#include "common/output.h"
#include "model-training/command.h"
#include "model-training/export.h"
#include "model-training/plan.h"
#include "model-training/result.h"
#include "model-training/shares.h"
#include "model-training/train.h"

static struct {
	const char *from_plan, *retrain, *shard, *export, *model, *model_file, *fake;
	bool plan, merge;
	int64_t threads;
	double fake_scale;
	struct share share; /* of shard */
} config;

static const struct setting settings[] = {
    {"plan", NULL, SETTING_FLAG, &config.plan, NULL, .help = "only take the plan, print its id and end"},
    {"from-plan", NULL, SETTING_TEXT, &config.from_plan, NULL, .value_name = "ID",
     .help = "train this plan, take no new one"},
    {"shard", NULL, SETTING_TEXT, &config.shard, NULL, .value_name = "I/N",
     .help = "only grow share I of N of the trees of --from-plan, store it and end"},
    {"merge", NULL, SETTING_FLAG, &config.merge, NULL,
     .help = "take the trees of --from-plan from its stored shares; 75 while one is missing"},
    {"retrain", "RETRAIN_ID", SETTING_TEXT, &config.retrain, NULL, .value_name = "ID",
     .help = "the scheduler's need that this training answers"},
    {"threads", NULL, SETTING_INT, &config.threads, "0", 0, 1024, .value_name = "N",
     .help = "threads that grow trees, 0 = all processors; the model is the same for any number"},
    {"fake-computation", "FAKE_COMPUTATION", SETTING_CHOICE, &config.fake, "false",
     .choices = "true|false|True|False|1|0", .value_name = "BOOL",
     .help = "burn a CPU second per 1000 training rows before growing"},
    {"fake-computation-scale", "FAKE_COMPUTATION_SCALE", SETTING_REAL, &config.fake_scale, "1", 0, 1000,
     .value_name = "X", .help = "times as much"},
    {"export", NULL, SETTING_TEXT, &config.export, NULL, .value_name = "FILE",
     .help = "only write a model to FILE and end, as the command export does: --model's, else the champion's"},
    {"model", NULL, SETTING_TEXT, &config.model, NULL, .value_name = "ID", .help = "which model --export writes"},
    {"model-file", "MODEL_FILE_PATH", SETTING_TEXT, &config.model_file, NULL, .value_name = "FILE",
     .help = "after training also write the champion's bytes to FILE"},
};

static bool is_id(const char *text, const char *option, struct fail *fail)
{
	return !text || !*text || command_id(text, option, NULL, fail);
}

static bool check_settings(struct fail *fail)
{
	if ((config.plan != 0) + (config.from_plan != NULL) + (config.export != NULL) > 1)
		return fail_set(fail, EXIT_WRONG_USE, "only one of --plan, --from-plan and --export is possible");
	if ((config.shard != NULL) + config.merge > (config.from_plan != NULL))
		return fail_set(fail, EXIT_WRONG_USE,
				"--shard and --merge are for the plan of --from-plan, one at a time");
	if (config.model && !config.export)
		return fail_set(fail, EXIT_WRONG_USE, "option --model says which model --export writes: name the file");
	if (config.retrain && !*config.retrain)
		config.retrain = NULL;
	if (config.retrain && config.from_plan)
		return fail_set(fail, EXIT_WRONG_USE,
				"--retrain is for a new plan: that of --from-plan names its need");
	if (config.threads == 0)
		config.threads = container_processors();
	if (config.shard && !share_parse(config.shard, &config.share, fail))
		return false;
	return is_id(config.from_plan, "option --from-plan", fail) && is_id(config.retrain, "option --retrain", fail) &&
	       is_id(config.model, "option --model", fail);
}

static double fake_scale(void)
{
	return strchr("tT1", config.fake[0]) ? config.fake_scale : 0;
}

static bool take_or_load(const struct command_call *call, struct plan *plan, struct fail *fail)
{
	struct plan_request request = {.spec = call->spec,
				       .retrain_id = config.retrain,
				       .run_id = run_id(call->run),
				       .threads = (int)config.threads,
				       .keep_pilot = config.plan};

	if (!(config.from_plan ? plan_load(call->db, call->spec, config.from_plan, plan, fail)
			       : plan_take(call->db, &request, plan, fail)))
		return false;
	log_info(plan->existed || config.from_plan ? "plan found" : "plan taken", "plan_id", "%d", plan->id, "rows",
		 "%lld", (long long)plan->dataset->row_count, "loads", "%s", plan->loads, "min_samples_leaf", "%d",
		 plan->forest.min_samples_leaf, NULL);
	return output_write(fail, "plan_id", "%d", plan->id);
}

static bool train_plan(const struct command_call *call, struct plan *plan, struct fail *fail)
{
	struct train_settings how = {.pipeline = call->spec->name,
				     .threads = (int)config.threads,
				     .fake_scale = config.merge ? 0 : fake_scale(),
				     .merge = config.merge};
	json_t *result = NULL;
	int exported;
	bool done = train(call->db, call->run, plan, &how, &result, fail) && result_outputs(result, fail) &&
		    result_print(result, call->json, fail) &&
		    (!config.model_file ||
		     export_model(call->db, call->spec->name, NULL, config.model_file, "binary", &exported, fail));

	json_decref(result);
	return done;
}

static bool grow_share(const struct command_call *call, const struct plan *plan, struct fail *fail)
{
	return train_share(call->db, call->run, plan, (int)config.threads, fake_scale(), &config.share, fail) &&
	       result_print_share(plan, &config.share, call->json, fail);
}

static bool export(const struct command_call *call, struct fail *fail)
{
	int exported = 0;

	return export_model(call->db, call->spec->name, config.model, config.export, NULL, &exported, fail) &&
	       output_write(fail, "model_id", "%d", exported) && command_close(call, fail);
}

static bool work(const struct command_call *call, struct fail *fail)
{
	struct plan plan = {0};
	bool done;

	if (config.export)
		return export(call, fail);
	done = take_or_load(call, &plan, fail);
	if (done && config.plan)
		done = command_close(call, fail) && result_print_plan(&plan, call->json, fail);
	else if (done && config.shard)
		done = grow_share(call, &plan, fail);
	else if (done)
		done = train_plan(call, &plan, fail);
	plan_release(&plan);
	return done;
}

const struct command train_command = {
    .name = "",
    .usage = "--pipeline FILE [OPTIONS]\n       model-training COMMAND ...",
    .purpose =
	"Grows a random forest from the preprocessed rows and promotes it when it is no worse than the champion.",
    .notes =
	"A spec's min_samples_leaf \"auto\" is searched out of bag when a plan is taken: see report. A challenger that "
	"is\n"
	"refused is a success: exit 0, promoted = false. A plan that has been trained before is not trained again. "
	"Several\n"
	"processes may share the work: --plan, then --from-plan ID --shard 1/N ... N/N, then --from-plan ID --merge, "
	"which\n"
	"makes the very model that one process makes.\n"
	"Exit codes: 0 done, 1 failed for good, 2 wrong usage, setting or spec, 3 no data to train on, 75 try again.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .writes = true,
    .check = check_settings,
    .work = work,
};
