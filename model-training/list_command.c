#include <stdio.h>

#include "model-training/command.h"
#include "model-training/models.h"
#include "model-training/result.h"

static struct {
	int64_t limit;
	bool served;
} config;

static const struct setting settings[] = {
    {"limit", NULL, SETTING_INT, &config.limit, "20", 0, 1e9, .value_name = "N",
     .help = "the newest N, of models the champion, too; 0: all"},
    {"served", NULL, SETTING_FLAG, &config.served, NULL, .help = "what served when instead: one line per promotion"},
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static long long whole_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_model(const json_t *model)
{
	printf("%c %7lld  %-19.19s %9lld  %8.4f %9lld %5lld  %-28s %.12s\n",
	       json_is_true(json_object_get(model, "champion")) ? '*' : ' ', whole_of(model, "model_id"),
	       text_of(model, "created_at"), whole_of(model, "rows_train"),
	       json_number_value(json_object_get(model, "accuracy")), whole_of(model, "rows_holdout"),
	       whole_of(model, "min_samples_leaf"), text_of(model, "gate_reason"), text_of(model, "sha256"));
}

static void print_served(const json_t *served)
{
	printf("%9lld %7lld  %-19.19s %-19.19s %.12s  %s, by %s\n", whole_of(served, "promotion_id"),
	       whole_of(served, "model_id"), text_of(served, "from"), text_of(served, "until"),
	       text_of(served, "sha256"), text_of(served, "reason"), text_of(served, "promoted_by"));
}

static void print_text(const json_t *list)
{
	const json_t *array = json_object_get(list, config.served ? "served" : "models");

	if (config.served)
		printf("%9s %7s  %-19s %-19s %-12s  %s\n", "promotion", "model", "from", "until", "sha256", "reason");
	else
		printf("  %7s  %-19s %9s  %8s %9s %5s  %-28s %s\n", "model", "created", "rows", "accuracy", "of rows",
		       "leaf", "gate", "sha256");
	for (size_t i = 0; i < json_array_size(array); i++)
		(config.served ? print_served : print_model)(json_array_get(array, i));
}

static bool work(const struct command_call *call, struct fail *fail)
{
	json_t *list = NULL;
	bool done = config.served ? models_served(call->db, call->spec->name, 0, config.limit, &list, fail)
				  : models_list(call->db, call->spec->name, config.limit, &list, fail);

	if (done && call->json)
		done = result_print_json(list, fail);
	else if (done) {
		print_text(list);
		done = result_end_output(fail);
	}
	json_decref(list);
	return done;
}

const struct command list_command = {
    .name = "list",
    .usage = "--pipeline FILE [OPTIONS]",
    .purpose = "Lists the models of a pipeline, the newest first; the champion is marked with a star.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
    .work = work,
};
