#include "scheduler/replay_command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/setting.h"
#include "scheduler/replay.h"
#include "scheduler/stored.h"

static struct {
	struct stored_range range;
	const char *policy;
	bool json;
} config;

static const struct setting settings[] = {
    STORED_SETTINGS(config.range, "20000"),
    {"policy", NULL, SETTING_TEXT, &config.policy, NULL, .value_name = "NAME",
     .help = "the policy to try, as scheduler run knows them"},
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print one JSON object per pipeline"},
};

static const struct program program = {
    .name = "scheduler replay",
    .purpose = "Tells what another policy would have done with the stored ticks, and what it would have cost.",
    .usage = "--pipeline PATH --policy NAME [OPTIONS]",
    .notes =
	"The same decision is made again on what each tick was given, with a need of the policy's own. Accuracy is "
	"lost\n"
	"while a need waits: the drop times the hours. Grams are those of the predicted energy of a training at the\n"
	"reading of its start. What the new model of a training would have been like, nobody knows: after a start of "
	"its\n"
	"own the replay has no need until the stored history promotes or refuses a challenger too.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

/* What is printed of a pipeline. */
struct story {
	const char *pipeline, *policy;
	int decisions;
	double from_s, until_s;
	struct replay replay;
};

static double mean(double sum, int count)
{
	return count ? sum / count : NAN;
}

static double grams(const struct replay *replay, const struct replay_result *result)
{
	return result->with_reading == result->trainings ? result->gco2_per_kwh * replay->retrain_kwh : NAN;
}

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *result_json(const char *policy, const struct replay *replay, const struct replay_result *result)
{
	return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:f}", "policy", policy, "trainings", result->trainings,
			 "at_deadline", result->at_deadline, "mean_wait_h",
			 number_json(mean(result->waited_h, result->trainings)), "mean_gco2_per_kwh",
			 number_json(mean(result->gco2_per_kwh, result->with_reading)), "gco2",
			 number_json(grams(replay, result)), "lost_point_h", result->lost_point_h);
}

static void print_json(const struct story *story)
{
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
	json_t *json =
	    json_pack("{s:s, s:i, s:s, s:s, s:o, s:o}", "pipeline", story->pipeline, "decisions", story->decisions,
		      "from", clock_format(story->from_s, from), "until", clock_format(story->until_s, until), "stored",
		      result_json(story->policy, &story->replay, &story->replay.stored), "replayed",
		      result_json(config.policy, &story->replay, &story->replay.replayed));

	json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	puts("");
	json_decref(json);
}

static void print_line(const char *title, int decimals, double stored, double replayed)
{
	printf("  %-40s", title);
	for (int i = 0; i < 2; i++) {
		double value = i == 0 ? stored : replayed;
		char text[32] = "unknown";

		if (isfinite(value))
			snprintf(text, sizeof(text), "%.*f", decimals, value);
		printf(" %16s", text);
	}
	puts("");
}

static void print_text(const struct story *story)
{
	const struct replay_result *stored = &story->replay.stored, *replayed = &story->replay.replayed;
	char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	printf("%s: %d decisions from %s to %s\n", story->pipeline, story->decisions,
	       clock_format(floor(story->from_s), from), clock_format(floor(story->until_s), until));
	printf("  %-40s %16s %16s\n", "", story->policy, config.policy);
	print_line("trainings", 0, stored->trainings, replayed->trainings);
	print_line("of them at the deadline", 0, stored->at_deadline, replayed->at_deadline);
	print_line("mean wait, h", 2, mean(stored->waited_h, stored->trainings),
		   mean(replayed->waited_h, replayed->trainings));
	print_line("mean intensity at the start, g/kWh", 1, mean(stored->gco2_per_kwh, stored->with_reading),
		   mean(replayed->gco2_per_kwh, replayed->with_reading));
	print_line("trainings, g CO2", 6, grams(&story->replay, stored), grams(&story->replay, replayed));
	print_line("accuracy lost while waiting, points x h", 2, stored->lost_point_h, replayed->lost_point_h);
}

static bool replay_row(const PGresult *rows, int row, struct story *story, struct fail *fail)
{
	struct inputs inputs;
	struct replay_tick tick = {
	    .inputs = &inputs,
	    .verdict = db_text(rows, row, PQfnumber(rows, "verdict")),
	    .rule = db_text(rows, row, PQfnumber(rows, "rule")),
	    .drop = NAN,
	    .model_id = db_text(rows, row, PQfnumber(rows, "champion_model_id"))
			    ? (int)db_int(rows, row, PQfnumber(rows, "champion_model_id"))
			    : 0,
	    .retrain_id = db_text(rows, row, PQfnumber(rows, "retrain_id"))
			      ? (int)db_int(rows, row, PQfnumber(rows, "retrain_id"))
			      : 0,
	};
	bool done;

	if (db_text(rows, row, PQfnumber(rows, "drop")))
		tick.drop = db_real(rows, row, PQfnumber(rows, "drop"));
	if (!inputs_read(db_text(rows, row, PQfnumber(rows, "inputs")), &inputs, fail))
		return fail_prefix(fail, "decision %s", db_text(rows, row, PQfnumber(rows, "decision_id")));
	story->from_s = story->decisions++ ? story->from_s : inputs.signal.now_s;
	story->until_s = inputs.signal.now_s;
	story->policy = db_text(rows, row, PQfnumber(rows, "policy"));
	done = replay_tick(&story->replay, &tick, fail);
	inputs_release(&inputs);
	return done;
}

/* All rows of one pipeline; they stand in the order of time, those of others between them. */
static bool replay_pipeline(const PGresult *rows, const char *pipeline, struct fail *fail)
{
	struct story story = {.pipeline = pipeline};
	bool done = true;

	replay_init(&story.replay, config.policy);
	for (int row = 0; done && row < PQntuples(rows); row++)
		if (strcmp(db_text(rows, row, PQfnumber(rows, "pipeline")), pipeline) == 0)
			done = replay_row(rows, row, &story, fail);
	if (done && config.json)
		print_json(&story);
	else if (done)
		print_text(&story);
	replay_release(&story.replay);
	return done;
}

static bool is_first_of_pipeline(const PGresult *rows, int row)
{
	int column = PQfnumber(rows, "pipeline");

	for (int earlier = 0; earlier < row; earlier++)
		if (strcmp(db_text(rows, earlier, column), db_text(rows, row, column)) == 0)
			return false;
	return true;
}

static bool replay_all(PGconn *db, const char *pipelines, struct fail *fail)
{
	PGresult *rows = stored_query(db, &config.range, pipelines, "green_ml.decision_log", fail);
	bool done = true;

	if (!rows)
		return fail_prefix(fail, "could not read the stored decisions");
	if (PQntuples(rows) == 0)
		puts("no decision is stored");
	for (int row = 0; done && row < PQntuples(rows); row++)
		if (is_first_of_pipeline(rows, row))
			done = replay_pipeline(rows, db_text(rows, row, PQfnumber(rows, "pipeline")), fail);
	db_free(rows);
	return done;
}

int replay_command(int argc, char **argv)
{
	struct fail fail = {0};

	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	if (!config.policy)
		fail_set(&fail, EXIT_WRONG_USE, "no policy is given: name one with --policy");
	if (fail.code || !stored_with(&config.range, replay_all, &fail))
		return fail_exit(&fail);
	return EXIT_DONE;
}
