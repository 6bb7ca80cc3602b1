#include "preprocessing/taken.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/output.h"

struct totals {
	int64_t rows, dropped;
	int load_id;
};

static struct totals sum_up(const struct targets *targets)
{
	struct totals totals = {0};

	for (int i = 0; i < targets->count; i++)
		for (int j = 0; j < targets->list[i].load_count; j++) {
			const struct taken_load *load = &targets->list[i].loads[j];

			totals.rows += load->rows;
			totals.dropped += load->dropped;
			totals.load_id = load->load_id > totals.load_id ? load->load_id : totals.load_id;
		}
	return totals;
}

static void target_text(const struct target *target, struct text *text)
{
	char set[32] = "";

	if (!target->is_newest)
		snprintf(set, sizeof(set), " (columns of version %d)", target->version);
	if (target->load_count == 0)
		text_printf(text, "%s%s: nothing to do\n", target->pipeline, set);
	for (int i = 0; i < target->load_count; i++) {
		const struct taken_load *load = &target->loads[i];

		text_printf(text, "%s%s: load %d: %lld rows, %lld dropped", target->pipeline, set, load->load_id,
			    (long long)load->rows, (long long)load->dropped);
		if (*load->missing_words)
			text_printf(text, " (%s)", load->missing_words);
		if (load->cells)
			text_printf(text, ", %lld cells", (long long)load->cells);
		text_puts(text, "\n");
	}
	if (target->compacted)
		text_printf(text, "%s%s: cells compacted\n", target->pipeline, set);
}

void taken_text(const struct targets *targets, struct text *text)
{
	for (int i = 0; i < targets->count; i++)
		if (targets->list[i].done)
			target_text(&targets->list[i], text);
}

static json_t *load_json(const struct taken_load *load)
{
	return json_pack("{s:i, s:I, s:I, s:I, s:o}", "load_id", load->load_id, "rows", (json_int_t)load->rows,
			 "dropped", (json_int_t)load->dropped, "cells", (json_int_t)load->cells, "missing",
			 json_loads(load->missing, 0, NULL));
}

void taken_json(const struct targets *targets, struct text *text)
{
	struct totals totals = sum_up(targets);
	json_t *sets = json_array(), *root;
	char *dump;

	for (int i = 0; i < targets->count; i++) {
		const struct target *target = &targets->list[i];
		json_t *loads;

		if (!target->done)
			continue;
		loads = json_array();
		for (int j = 0; j < target->load_count; j++)
			json_array_append_new(loads, load_json(&target->loads[j]));
		json_array_append_new(sets, json_pack("{s:s, s:i, s:i, s:b, s:o, s:b}", "pipeline", target->pipeline,
						      "feature_set_id", target->feature_set_id, "version",
						      target->version, "newest", target->is_newest, "loads", loads,
						      "compacted", target->compacted));
	}
	root = json_pack("{s:I, s:I, s:i, s:o}", "rows", (json_int_t)totals.rows, "dropped", (json_int_t)totals.dropped,
			 "load_id", totals.load_id, "feature_sets", sets);
	dump = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	text_printf(text, "%s\n", dump);
	free(dump);
}

bool taken_outputs(const struct targets *targets, struct fail *fail)
{
	struct totals totals = sum_up(targets);

	return output_write(fail, "rows", "%lld", (long long)totals.rows) &&
	       output_write(fail, "rejected", "%lld", (long long)totals.dropped) &&
	       output_write(fail, "load_id", "%d", totals.load_id);
}
